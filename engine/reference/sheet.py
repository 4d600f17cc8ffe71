"""CSV as spreadsheets write it, with the place of every cell. Knows no tables: see `table`.

Tolerates a byte order mark, `;` for `,`, quoted cells with line ends, blank rows and empty cells after the
last column. Guesses nothing else: text that is not UTF-8, or a row that does not fit its header, is a fault.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.errors import Fault

_NEWLINE = re.compile(r"\r\n|\r|\n")


class Record(NamedTuple):
    """One row: the physical line it begins on, from 1, and its cells without surrounding blanks. `beyond`: empty
    ones that it has behind those of the header."""

    line: int
    cells: tuple[str, ...]
    beyond: int = 0


class Sheet:
    """A CSV file taken apart. Every record has as many cells as `header`; rows that do not fit are left out
    and told in `faults`. `header_line`: where the header stands, 1 when there is none."""

    __slots__ = (
        "_ends",
        "_lines",
        "_separator",
        "_width",
        "faults",
        "file",
        "header",
        "header_line",
        "records",
    )

    def __init__(self, data: bytes, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.header: tuple[str, ...] = ()
        self.header_line = 1
        self.records: list[Record] = []
        self._lines = list(io.StringIO(self._decode(data), newline=""))
        self._separator = _separator(self._lines)
        self._ends: dict[int, int] = {}
        self._width = 0
        self._take_apart()

    def place(self, line: int, index: int) -> str:
        """`file:line:col` of cell `index` of the row that begins on `line`."""
        text = "".join(self._lines[line - 1 : self._ends[line]])
        cell = re.compile(rf'(?:"(?:[^"]|"")*")?[^{self._separator}\r\n]*')
        start = 0
        for _ in range(index):
            match = cell.match(text, start)
            start = match.end() + 1 if match else start
        before = _NEWLINE.split(text[:start])
        return f"{self.file}:{line + len(before) - 1}:{len(before[-1]) + 1}"

    def _decode(self, data: bytes) -> str:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            self._fault(line, "TBL001", "the file is not UTF-8 text", "save it as CSV UTF-8")
            return ""

    def _take_apart(self) -> None:
        reader = csv.reader(self._lines, delimiter=self._separator, strict=True)
        line = 1
        try:
            for cells in reader:
                self._ends[line] = reader.line_num
                self._keep(line, tuple(cell.strip() for cell in cells))
                line = reader.line_num + 1
        except csv.Error:
            mend = 'end a quoted cell with ", and write " inside it as ""'
            self._fault(line, "TBL002", "the quotes of this row do not match", mend)

    def _keep(self, line: int, cells: tuple[str, ...]) -> None:
        if not any(cells):
            return
        if not self.header:
            self.header, self.header_line = _without_empty_end(cells, 0), line
            self._width = len(cells)
            return
        kept = _without_empty_end(cells, len(self.header))
        if len(kept) == len(self.header):
            self.records.append(Record(line, kept, max(0, len(cells) - self._width)))
        else:
            self.faults.append(self.unfit(line, len(kept)))

    def unfit(self, line: int, cells: int) -> Fault:
        """That a row has another number of cells than the header."""
        what = f"the row has {cells} cells, the header {len(self.header)}"
        mend = 'quote cells that hold a separator, as in "screw, short"; keep empty cells'
        return Fault(f"{self.file}:{line}:1", "TBL003", what, mend)

    def _fault(self, line: int, code: str, what: str, mend: str) -> None:
        self.faults.append(Fault(f"{self.file}:{line}:1", code, what, mend))


def write_sheet(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Canonical CSV: UTF-8, `,`, quotes only where needed, a line feed after every row."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def _separator(lines: list[str]) -> str:
    """The one that the header has more of."""
    first = next((line for line in lines if line.strip()), "")
    return ";" if first.count(";") > first.count(",") else ","


def _without_empty_end(cells: tuple[str, ...], least: int) -> tuple[str, ...]:
    end = len(cells)
    while end > least and not cells[end - 1]:
        end -= 1
    return cells[:end]
