"""Where our reading of HL7 v2 is not that of python-hl7 or hl7apy: all that is known, as data.

`test_differences.py` tries each entry: the library must do what is said of it, and we what is said of us, so that an
entry which is true no more fails. Generated messages may differ in nothing else: the field that differs must bear the
`sign` of an entry. The guide's table (docs/guide/hl7-doors.md) is this one.
"""

from __future__ import annotations

from typing import NamedTuple

PYTHON_HL7, HL7APY = "python-hl7", "hl7apy"

HEAD = "MSH|^~\\&|A|B|C|D|20261120||DFT^P03|1|P|2.5\r"


class Difference(NamedTuple):
    """`asked`: value, segments, header, acknowledgment, instant or readable (see `asking.py`). `given`: a message, a
    file or a time; `path`: where a value is read. `theirs` and `ours`: what comes of it; the name of an exception where
    one is raised. `right`: what says who is right. `sign`: pattern of a field's raw text in which it may show."""

    what: str
    whose: str
    asked: str
    given: str
    path: str
    theirs: object
    ours: object
    why: str
    right: str
    sign: str = ""


DIFFERENCES = (
    Difference(
        'a field that says `""`', PYTHON_HL7, "value", HEAD + 'PID|1|""', "PID-2", '""', "NULL",
        "to delete a value is another thing than two quotation marks", "§2.5.3: the null value", r'""',
    ),
    Difference(
        'a part of a field that says `""`', PYTHON_HL7, "value", HEAD + 'PID|1||""', "PID-3.2", "IndexError", "NULL",
        "where the whole is deleted, each part is", "§2.5.3: the null value", r'^""$',
    ),
    Difference(
        "blanks alone", PYTHON_HL7, "value", HEAD + "PID|1|  |x", "PID-2", "  ", None,
        "a blank account number is none", "what senders do; the standard is silent", r"\s",
    ),
    Difference(
        "a part behind the last that was sent", PYTHON_HL7, "value", HEAD + "PID|1||A", "PID-3.2", "IndexError", None,
        "trailing parts may be left out", "§2.5.3, §2.10.5",
    ),
    Difference(
        "a repetition behind the last", PYTHON_HL7, "value", HEAD + "PID|1||A", "PID-3[2]", "IndexError", None,
        "trailing parts may be left out", "§2.5.3, §2.10.5",
    ),
    Difference(
        "`\\.br\\`", PYTHON_HL7, "value", HEAD + "NTE|1||a\\.br\\b", "NTE-3", "a\rb", "a\nb",
        "one kind of newline in values", "§2.7.6: a new line, whichever byte it is", r"\\\.(br|sp|ce)",
    ),
    Difference(
        "`\\X0D\\`", PYTHON_HL7, "value", HEAD + "NTE|1||a\\X0D\\b", "NTE-3", "a\rb", "a\nb",
        "one kind of newline in values", "§2.7.5: the byte; both are newlines to whoever reads on", r"\\X.*\\",
    ),
    Difference(
        "`\\H\\` and `\\N\\`", PYTHON_HL7, "value", HEAD + "NTE|1||a\\H\\b\\N\\c", "NTE-3", "a_b_c", "abc",
        "highlighting is no text", "§2.7.3", r"\\[HN]\\",
    ),
    Difference(
        "`\\P\\`", PYTHON_HL7, "value", HEAD + "NTE|1||a\\P\\b", "NTE-3", "ab", "a#b",
        "the truncation character, escaped", "§2.7.1, since 2.7", r"\\P\\",
    ),
    Difference(
        "an escape that is not closed", PYTHON_HL7, "value", HEAD + "NTE|1||C:\\new", "NTE-3", "C:", "C:\\new",
        "a path of a file is not lost", "nobody says; what is kept is not lost", r"\\[^\\]*$",
    ),
    Difference(
        "an escape of one's own, or that nobody knows", PYTHON_HL7, "value", HEAD + "NTE|1||a\\Zx\\b", "NTE-3", "ab",
        "a\\Zx\\b", "what is not understood stays as it was sent", "§2.7.7: local meaning", r"\\[^\\]*\\",
    ),
    Difference(
        "bytes of a character set, `\\XC3A4\\`", PYTHON_HL7, "value", HEAD + "NTE|1||\\XC3A4\\", "NTE-3", "Ã¤", "ä",
        "the bytes are of the message's set, here UTF-8", "§2.7.5", r"\\X.*\\",
    ),
    Difference(
        "no subcomponent character, `^~\\`", PYTHON_HL7, "value", HEAD.replace("^~\\&", "^~\\") + "PID|1||a&b", "PID-3",
        "a", "a&b", "what was not named delimits nothing", "§2.5.4",
    ),
    Difference(
        "a segment id in small letters", PYTHON_HL7, "value", HEAD + "pid|1||A", "PID-3", "KeyError", "A",
        "some senders write so", "§2.5.2 wants capitals; nothing else could be meant",
    ),
    Difference(
        "a line that is no segment", PYTHON_HL7, "segments", HEAD + "NTE|1||one\rtwo: three\rPV1|1|I", "",
        "4 segments", "3 segments",
        "raw line feeds stand in notes: the line belongs to the one before", "what senders do",
    ),
    Difference(
        "blanks at the end of MSH", PYTHON_HL7, "header", HEAD.replace("|2.5\r", "|2.5 \r") + "EVN|A01\r", "",
        "ends in 2.5", "ends in 2.5 and a blank",
        "MSH-10 goes back byte for byte, wherever MSH ends", "MSA-2 is MSH-10",
    ),
    Difference(
        "the type of an acknowledgment in 2.3", PYTHON_HL7, "acknowledgment", HEAD.replace("|2.5\r", "|2.3\r"), "",
        "ACK^P03^ACK", "ACK^P03", "the structure came with 2.3.1", "§2.14.9.9",
    ),
    Difference(
        "the acknowledgment of a message without a trigger", PYTHON_HL7, "acknowledgment",
        HEAD.replace("DFT^P03", "ADT"), "", "TypeError", "ACK", "senders leave it out", "public feeds",
    ),
    Difference(
        "an offset of less than an hour west", PYTHON_HL7, "instant", "20261120101500-0030", "",
        "2026-11-20T09:45:00+00:00", "2026-11-20T10:45:00+00:00", "its sign is lost on a zero", "arithmetic",
    ),
    Difference(
        'a part of a field that says `""`', HL7APY, "value", HEAD + 'PID|1||""', "PID-3.2", None, "NULL",
        "where the whole is deleted, each part is", "§2.5.3: the null value", r'^""$',
    ),
    Difference(
        "a number with zeros before it, `001`", HL7APY, "value", HEAD + "FT1|001", "FT1-1", "1", "001",
        "as it was sent", "a set id is compared as text", r"(^|[\^~&])\s*-?[0-9.]",
    ),
    Difference(
        "a part that its data type does not have", HL7APY, "value", HEAD + "PID|1^2", "PID-1.2", None, "2",
        "longer fields than defined are legal", "§2.10.5: ignore what you do not expect; do not lose it", r"[\^&]",
    ),
    Difference(
        "a field that its segment does not have in that version", HL7APY, "value",
        HEAD.replace("|2.5\r", "|2.3\r") + "NTE|1|||A", "NTE-4", "IndexError", "A",
        "longer segments than defined are legal", "§2.10.5: ignore what you do not expect; do not lose it",
    ),
    Difference(
        "escapes beyond the delimiters", HL7APY, "value", HEAD + "NTE|1||a\\.br\\b", "NTE-3", "a\\E\\.br\\E\\b", "a\nb",
        "it keeps them as text and escapes them anew", "§2.7.6", r"\\",
    ),
    Difference(
        "a value that ends in `#`, from 2.7 on", HL7APY, "value",
        "MSH|^~\\&#|A|B|C|D|20261120||DFT^P03|1|P|2.7\rPID|1||a#", "PID-3", "a\\L\\", "a#",
        "it writes a sequence that we do not find in the standard", "table of §2.7: `\\P\\`", "#",
    ),
    Difference(
        "fewer than four encoding characters", HL7APY, "readable", HEAD.replace("^~\\&", "^~&"), "",
        "InvalidEncodingChars", "read", "one odd sender is not turned away", "public feeds; §2.5.4 wants four",
    ),
    Difference(
        "a segment that the version does not know", HL7APY, "readable", HEAD + "ACK|AA", "", "InvalidName", "read",
        "one odd segment does not spoil the rest", "§2.10.5: ignore unexpected segments",
    ),
)  # fmt: skip
