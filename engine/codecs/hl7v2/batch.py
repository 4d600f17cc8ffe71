"""Files and batches taken apart: bytes with many messages → the bytes of each. Tolerant; judges no message.

`FHS {BHS {messages} BTS} FTS`, every envelope optional (HL7 v2.8.2 §2.10.3), and what is found in practice:
messages one after another, empty lines, `//` comments, MLLP blocks left in. Counts in BTS and FTS are not
compared.
"""

from __future__ import annotations

import re

from engine.codecs.hl7v2.charset import wide_codec

_LINE_ENDS = re.compile(rb"[\r\n\x0b\x1c]+")
_BEGINS = re.compile(rb"(?i:(MSH)|FHS|BHS|BTS|FTS)(?![\w\s])")
_BEFORE = b"\xef\xbb\xbf \t\x00"


def split_messages(raw: bytes) -> list[bytes]:
    """Each message as its lines with `\\r` behind each, in file order; empty for a file without content.

    What stands before the first MSH and is no envelope comes first, as an entry of its own: it is no message,
    and whoever parses it will say so, which is better than losing it. UTF-16 is not taken apart: one entry.
    """
    if wide_codec(raw):
        return [raw]
    messages: list[list[bytes]] = []
    for line in _LINE_ENDS.split(raw):
        bare = line.lstrip(_BEFORE)
        begins = _BEGINS.match(bare)
        if begins and begins[1]:
            messages.append([bare])
        elif begins or bare.startswith(b"//") or not bare.rstrip(b" \t\x00"):
            continue
        elif messages:
            messages[-1].append(line)
        else:
            messages.append([line])
    return [b"\r".join((*lines, b"")) for lines in messages]
