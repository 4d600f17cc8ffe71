"""Files and batches taken apart: bytes with many messages → the bytes of each. Tolerant; judges no message.

`FHS {BHS {messages} BTS} FTS`, every envelope optional (HL7 v2.8.2 §2.10.3), and what is found in practice:
messages one after another, empty lines, `//` comments, MLLP blocks left in. What the envelopes say of themselves is
given beside: the id of the file, who sent it, and where a count is another than what was found.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.codecs.hl7v2.charset import wide_codec

_LINES = re.compile(rb"[^\r\n\x0b\x1c]+")
"""Found one by one: to split a night's file at once would stop the whole process meanwhile."""
_MARK = rb"[!-/:-@\[-`{-~]"
_HEADER = re.compile(rb"(?i:(MSH|FHS|BHS))(?:\||(%b)(?!\2)%b{3})" % (_MARK, _MARK))
"""`|`, or another separator with the delimiters behind it: text of a note may begin a line with these letters, too."""
_TRAILER = re.compile(rb"(?i:(BTS|FTS))(%b|\Z)" % _MARK)
_BEFORE = b"\xef\xbb\xbf \t\x00"
_SENDER, _ID, _COUNT = slice(2, 4), 10, 1
"""Where FHS-3 and -4, FHS-11, and BTS-1 stand in the pieces between separators."""


class Envelopes(NamedTuple):
    """A file of messages. `id`: FHS-11, else the BHS-11 of its batches, '' without; `sender`: FHS-3 and -4, else those
    of the first batch. `miscounts`: where what the envelopes say is not what was found, without content."""

    messages: list[bytes]
    id: bytes = b""
    sender: bytes = b""
    miscounts: tuple[str, ...] = ()


def split_messages(raw: bytes) -> list[bytes]:
    """Each message as its lines with `\\r` behind each, in file order; empty for a file without content.

    What stands before the first MSH and is no envelope comes first, as an entry of its own: it is no message,
    and whoever parses it will say so, which is better than losing it. UTF-16 is not taken apart: one entry.
    """
    return open_envelopes(raw).messages


def open_envelopes(raw: bytes) -> Envelopes:
    """The messages as `split_messages` gives them, and what is said of them."""
    if wide_codec(raw):
        return Envelopes([raw])
    messages: list[list[bytes]] = []
    ledger = _Ledger()
    separators: set[bytes] = set()
    for found in _LINES.finditer(raw):
        line = found[0]
        bare = line.lstrip(_BEFORE)
        name = _name(bare, separators)
        if name == b"MSH":
            messages.append([bare])
        elif name:
            ledger.enter(name, bare.split(bare[3:4] or b"|"), len(messages))
        elif bare.startswith(b"//") or not bare.rstrip(b" \t\x00"):
            continue
        elif messages:
            messages[-1].append(line)
        else:
            messages.append([line])
    ledger.end(len(messages))
    whole = [b"\r".join((*lines, b"")) for lines in messages]
    return Envelopes(whole, ledger.id, ledger.sender, tuple(ledger.miscounts))


def _name(line: bytes, separators: set[bytes]) -> bytes:
    """What a line begins or ends, or ''. `separators`: of the headers before it, one of which a trailer has."""
    if header := _HEADER.match(line):
        separators.add(line[3:4])
        return header[1].upper()
    trailer = _TRAILER.match(line)
    if trailer and (not trailer[2] or not separators or trailer[2] in separators):
        return trailer[1].upper()
    return b""


class _Ledger:
    """What the envelopes of one file say, as they come."""

    def __init__(self) -> None:
        self.miscounts: list[str] = []
        self.sender = b""
        self._file_id = b""
        self._batch_ids: list[bytes] = []
        self._batches = 0
        self._since: int | None = None  # messages before the batch that is open
        self._file_open = False

    @property
    def id(self) -> bytes:
        return self._file_id or b"~".join(filter(None, self._batch_ids))

    def enter(self, name: bytes, fields: list[bytes], messages: int) -> None:
        """An envelope's line, behind so many messages."""
        if name == b"FHS":
            self._file_open = True
            self._file_id = _at(fields, _ID)
            self.sender = b"|".join(fields[_SENDER])
        elif name == b"BHS":
            self._close(messages)
            self._batches += 1
            self._since = messages
            self._batch_ids.append(_at(fields, _ID))
            self.sender = self.sender.strip(b"|") or b"|".join(fields[_SENDER])
        elif name == b"BTS":
            where = f"BTS[{max(1, self._batches)}]-1"
            self._compare(where, fields, messages - (self._since or 0), "messages")
            self._since = None
        else:
            self._close(messages)
            self._file_open = False
            if self._batches or _at(fields, _COUNT) not in (
                b"0",
                b"1",
            ):  # without batches, senders count either way
                found = (self._batches, "batches") if self._batches else (messages, "messages")
                self._compare("FTS-1", fields, *found)

    def end(self, messages: int) -> None:
        self._close(messages)
        if self._file_open:
            self.miscounts.append("FHS has no FTS: the file may be cut off")

    def _close(self, messages: int) -> None:
        if self._since is not None:
            self.miscounts.append(f"BHS[{self._batches}] has no BTS: the batch may be cut off")
        self._since = None

    def _compare(self, where: str, fields: list[bytes], found: int, of: str) -> None:
        said = _at(fields, _COUNT)
        if said and not (said.isdigit() and len(said) < 10):
            self.miscounts.append(f"{where} is no number")
        elif said and int(said) != found:
            self.miscounts.append(f"{where} says {int(said)}, there are {found} {of}")


def _at(fields: list[bytes], place: int) -> bytes:
    return fields[place].strip() if place < len(fields) else b""
