"""Rows of files, CSV or of fixed width: a file is cut into messages, and a message of rows is written as HL7.

A message is kept as it is cut, in UTF-8, each with the names of its columns and the numbers of its rows:

    rows CSV usage 2 5              what it is, and which rows of the file, as a spreadsheet counts them
    Account,Item,Qty
    A1,SCREW-20,2
    A1,PLATE-6,1

and is read as a message with a HDR segment for the columns and a ROW segment for each row, so that all that reads
messages reads it. Of fixed width there are no names: HDR is empty, and each ROW holds the line as it stands.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Container, Sequence
from typing import NamedTuple

from engine.codecs.hl7v2.charset import codec_of
from engine.codecs.hl7v2.delimiters import read_delimiters
from engine.codecs.hl7v2.escape import escape
from engine.codecs.hl7v2.lexer import ROWS
from engine.errors import MessageError

ROW, HEADER = "ROW", "HDR"

MOST_TOGETHER = 1000
"""Rows of one message: it is stepped in one piece, and whoever sends live waits for it."""

UNLIKE = "FIL013 a row has another number of cells than the headings"
"""Why a row waits by itself."""

LACKING = "FIL024 the case is told whole, and one of its rows does not fit the headings"
"""Why the rest of it waits: what it does not tell would be taken back."""

TYPE = re.compile(r"(CSV|FIXED) [a-z][a-z0-9-]*")
_HEAD = re.compile(rb"rows ((?:CSV|FIXED) [a-z][a-z0-9-]*) ([0-9]+(?: [0-9]+)*)\n")
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_USUAL = read_delimiters("|", "^~\\&")

Span = tuple[int, int]
"""First and last character of a column, from 1."""


class Layout(NamedTuple):
    """How rows stand in a file. `type`: `CSV usage` or `FIXED usage`. `columns`: name in the map → heading, or span of
    fixed width. `together`: columns whose values make rows one message, none: each is one. `skip`: lines before the
    headings, or before the first row of fixed width. `whole`: a file is one message, with rows that do not fit the
    headings in it, emptied. `snapshot`: a message tells its case whole."""

    type: str
    columns: dict[str, str | Span]
    together: tuple[str, ...] = ()
    separator: str = ","
    skip: int = 0
    whole: bool = False
    snapshot: bool = False

    @property
    def fixed(self) -> bool:
        return self.type.startswith("FIXED")

    @property
    def cutting(self) -> tuple[object, ...]:
        """All that decides how a file is cut into messages."""
        return (
            self.type,
            self.separator,
            self.skip,
            self.whole,
            tuple(self.columns[name] for name in self.together),
        )


class Slip(NamedTuple):
    """One message of a file. `fault`: why it waits for a person, who tells its sender, or ''."""

    raw: bytes
    fault: str = ""

    def __repr__(self) -> str:
        return f"Slip({len(self.raw)} bytes, {self.fault})"


class _Sheet(NamedTuple):
    """`rows`: (number, cells). `odd`: rows that do not fit the headings."""

    headings: list[str]
    rows: list[tuple[int, list[str]]]
    odd: list[tuple[int, list[str]]]


def cut(layouts: Sequence[Layout], content: bytes, charset: str | None) -> list[Slip]:
    """The messages of a file, in the order of their first rows. `layouts`: of all maps that read it; they cut alike.
    `charset`: None for UTF-8. Raises `MessageError` when the file cannot be read as rows."""
    layout = layouts[0]
    text = _decoded(content, charset)
    sheet = _fixed(text, layout) if layout.fixed else _csv(text, layout)
    if not layout.fixed:
        _check_headings(sheet.headings, layouts, layout.skip + 1)
    if layout.whole:
        rows = sorted([*sheet.rows, *sheet.odd])
        return [Slip(_written(layout, sheet.headings, rows))] if rows else []
    keys = [_taker(sheet.headings, layout.columns[name]) for name in layout.together]
    found: dict[object, list[tuple[int, list[str]]]] = {}
    for number, cells in sheet.rows:
        key = tuple(take(cells) for take in keys)
        together = found.setdefault(key if any(key) else number, [])
        together.append((number, cells))
        if len(together) > MOST_TOGETHER:
            what = f"more than {MOST_TOGETHER} rows belong together in one message"
            mend = "name columns under `together` that tell accounts or cases apart"
            raise MessageError("FIL014", what, where=f"row {number}", mend=mend)
    lacking = _lacking(keys, sheet, found) if any(one.snapshot for one in layouts) else set()
    slips = [
        (rows[0][0], Slip(_written(layout, sheet.headings, rows), LACKING if key in lacking else ""))
        for key, rows in found.items()
    ]
    slips += [(row[0], Slip(_written(layout, sheet.headings, [row]), UNLIKE)) for row in sheet.odd]
    return [slip for _, slip in sorted(slips, key=lambda one: one[0])]


def _lacking(keys: Sequence[_taker], sheet: _Sheet, found: Container[object]) -> set[object]:
    """Which messages of a file an odd row belongs to, counted from either end of it: where its separator too many
    stands is not known. Raises `MessageError` where that is not one message of the file."""
    lacking: set[object] = set()
    for number, cells in sheet.odd:
        ends = cells[: len(sheet.headings)], cells[-len(sheet.headings) :]
        missing = [""] * (len(sheet.headings) - len(cells))
        from_left, from_right = [*ends[0], *missing], [*missing, *ends[1]]
        told = {tuple(take(row) for take in keys) for row in (from_left, from_right)}
        own = {key for key in told if key in found and any(key)}
        if len(own) != 1:
            what = "a row has another number of cells than the headings, and does not tell which case it belongs to"
            mend = "have its sender mend it: cases are told whole, and what a file leaves out is taken back"
            raise MessageError("FIL024", what, where=f"row {number}", mend=mend)
        lacking |= own
    return lacking


def as_hl7(raw: bytes) -> bytes:
    """A message of rows as HL7 in UTF-8. Raises `MessageError` FIL015 when it is none."""
    head = _HEAD.match(raw)
    if head is None:
        mend = "drop the file again"
        raise MessageError(
            "FIL015", "this begins like a message of rows, and is none", where="row 1", mend=mend
        )
    kind, numbers = head[1].decode(), head[2].decode().split()
    text = raw[head.end() :].decode("utf-8", "replace")
    if kind.startswith("FIXED"):
        headings: list[str] = []
        rows = [[line] for line in text.split("\n")]
    else:
        headings, *rows = csv.reader(io.StringIO(text, newline=""))
        rows = [cells if len(cells) == len(headings) else [] for cells in rows]
    segments = [
        f"MSH|^~\\&|||||||{kind}||P|2.5.1",
        "|".join((HEADER, "", *(_escaped(heading_key(heading)) for heading in headings))),
        *(
            "|".join((ROW, number, *map(_escaped, cells)))
            for number, cells in zip(numbers, rows, strict=False)
        ),
    ]
    return "".join(f"{segment}\r" for segment in segments).encode()


def heading_key(heading: str) -> str:
    """Headings are the same whatever their case and blanks."""
    return " ".join(heading.split()).casefold()


def _decoded(content: bytes, charset: str | None) -> str:
    codec = (codec_of(charset) if charset else None) or "utf-8"
    try:
        return content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} is not {charset or 'UTF-8'}"
        mend = "say at the listener which character set the files have: charset: 8859/1"
        raise MessageError(
            "FIL010", what, where=f"line {content[: error.start].count(10) + 1}", mend=mend
        ) from None


def _fixed(text: str, layout: Layout) -> _Sheet:
    lines = enumerate(_LINE_ENDS.split(text), 1)
    return _Sheet(
        [], [(number, [line]) for number, line in lines if number > layout.skip and line.strip()], []
    )


def _csv(text: str, layout: Layout) -> _Sheet:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.separator, strict=True)
    sheet = _Sheet([], [], [])
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if number <= layout.skip or not any(cell.strip() for cell in cells):
                continue
            if not sheet.headings:
                sheet.headings.extend(cells)
            elif len(cells) == len(sheet.headings):
                sheet.rows.append((number, cells))
            else:
                sheet.odd.append((number, cells))
    except csv.Error:
        mend = "see to its quotes: a cell with a quote in it stands in quotes, and its quotes are doubled"
        raise MessageError(
            "FIL012", "this is no CSV any more", where=f"row {number + 1}", mend=mend
        ) from None
    return sheet


def _check_headings(headings: Sequence[str], layouts: Sequence[Layout], row: int) -> None:
    """Every column that a map names stands there once. What stands there else is not told: it may be a patient's."""
    known = [heading_key(heading) for heading in headings]
    wanted = {heading_key(str(heading)): str(heading) for one in layouts for heading in one.columns.values()}
    missing = [heading for key, heading in wanted.items() if key not in known]
    twice = [heading for key, heading in wanted.items() if known.count(key) > 1]
    if missing and headings:
        what = f"the headings lack {', '.join(map(repr, missing))}"
        mend = "ask the sender for it, or mend `columns` of the read map; is the separator right?"
        raise MessageError("FIL011", what, where=f"row {row}", mend=mend)
    if twice:
        what, mend = f"the heading {twice[0]!r} stands twice", "ask the sender to give each column its own"
        raise MessageError("FIL011", what, where=f"row {row}", mend=mend)


class _taker:
    """Takes the text of one column from the cells of a row."""

    def __init__(self, headings: Sequence[str], column: str | Span) -> None:
        self._span = column if isinstance(column, tuple) else None
        keys = [heading_key(heading) for heading in headings]
        self._place = 0 if isinstance(column, tuple) or not keys else keys.index(heading_key(column))

    def __call__(self, cells: Sequence[str]) -> str:
        cell = cells[self._place]
        return (cell if self._span is None else cell[self._span[0] - 1 : self._span[1]]).strip()


def _written(layout: Layout, headings: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> bytes:
    head = f"{ROWS.decode()}{layout.type} {' '.join(str(number) for number, _ in rows)}\n"
    if layout.fixed:
        return (head + "\n".join(cells[0] for _, cells in rows)).encode()
    text = io.StringIO(newline="")
    plain = (
        [_LINE_ENDS.sub("\n", cell) for cell in cells] for cells in (headings, *(cells for _, cells in rows))
    )
    csv.writer(text, lineterminator="\n").writerows(plain)
    return (head + text.getvalue()).encode()


def _escaped(cell: str) -> str:
    return escape(cell, _USUAL)
