"""A sheet of an Excel workbook as the CSV of a table, and back. Pure: bytes in, bytes out.

Excel holds numbers, dates and truths where people see codes, so no cell is guessed at: each becomes the exact text that
its column's type wants, or is a fault with its place, such as `items.xlsx:Sheet1:B7`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils import get_column_letter

from engine.errors import Fault, SiteError
from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import FROM, TO, TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType, money

PACKED = 32 * 1024 * 1024
UNPACKED = 256 * 1024 * 1024
ROWS = 500_000
COLUMNS = 256
CELLS = 20_000_000
"""The most that is taken in: a small file may unpack to anything."""

_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_BREAK = re.compile(r"\r\n|\r|\n")


class _Found(NamedTuple):
    """One cell. `formula`: it holds one, whatever its value."""

    value: Any
    error: bool
    formula: bool


class _Misfit(Exception):
    """A cell that its column does not take. `args`: code, what, mend."""


def csv_of_workbook(data: bytes, file: str, spec: TableSpec, sheet: str | None = None) -> bytes:
    """The table's CSV. `sheet`: left out, the only one that is not hidden. Raises `SiteError` with all faults, by
    cell."""
    return _Reading(file, spec).csv(data, sheet)


def workbook_of_csv(csv: bytes, title: str) -> bytes:
    """Every cell as text, so that no code loses its zeros; the header stays in sight."""
    book = Workbook(write_only=True)
    page = book.create_sheet(title[:31])
    page.freeze_panes = "A2"
    sheet = Sheet(csv, title)
    for cells in (sheet.header, *(record.cells for record in sheet.records)):
        page.append([_text_cell(page, cell) for cell in cells])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _text_cell(page: Any, text: str) -> Any:
    cell = WriteOnlyCell(page, text)
    cell.data_type = "s"  # a text that begins with = is no formula
    cell.number_format = "@"
    return cell


class _Reading:
    """One workbook against one declaration."""

    def __init__(self, file: str, spec: TableSpec) -> None:
        self._file = file
        self._spec = spec
        self._types = {
            **dict.fromkeys(spec.keys, ColumnType.TEXT),
            **spec.columns,
            FROM: ColumnType.DATE,
            TO: ColumnType.DATE,
        }
        self._title = ""
        self._misfits: dict[tuple[str, str], tuple[Fault, int]] = {}

    def csv(self, data: bytes, sheet: str | None) -> bytes:
        self._refuse_huge(data)
        with self._readable():
            rows = list(self._rows(data, sheet))
        if self._misfits:
            raise SiteError(self._faults())
        header, *rest = rows or [(1, [])]
        self._check(header, rest)
        return write_sheet(header[1], (cells for _, cells in rest))

    def _rows(self, data: bytes, sheet: str | None) -> Iterator[tuple[int, list[str]]]:
        """(row of the sheet, texts) of each row that says anything, the header first."""
        header: list[str] = []
        cells = 0
        for number, found in enumerate(self._cells(data, sheet), 1):
            cells += len(found)  # a lone cell far to the right makes its row long
            if number > ROWS or cells > CELLS:
                raise self._refused(
                    "XLS005", f"the sheet has more than {ROWS} rows, or {CELLS} cells", "take it apart"
                )
            if not header:
                header = [_plain(one.value) for one in found]
                while header and not header[-1]:
                    header.pop()
                if len(header) > COLUMNS:
                    raise self._refused(
                        "XLS005", f"the sheet has more than {COLUMNS} columns", "take some out"
                    )
                if header:
                    yield number, header
                continue
            texts = [self._text(number, index, one, header) for index, one in enumerate(found)]
            while len(texts) > len(header) and not texts[-1]:
                texts.pop()
            if any(texts):
                yield number, texts + [""] * (len(header) - len(texts))

    def _cells(self, data: bytes, sheet: str | None) -> Iterator[list[_Found]]:
        """Values as Excel computed them, beside what is written there where any formula is: of one without a value only
        that tells."""
        book = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        self._title = self._sheet_of(book, sheet)
        values = self._page(book)
        if not _any_formula(data):
            for row in values:
                yield [_Found(cell.value, cell.data_type == "e", False) for cell in row]
            return
        written = self._page(load_workbook(BytesIO(data), read_only=True, data_only=False, keep_links=False))
        for row, formulas in zip(values, written, strict=True):
            yield [
                _Found(cell.value, cell.data_type == "e", there.data_type == "f")
                for cell, there in zip(row, formulas, strict=True)
            ]

    def _page(self, book: Any) -> Iterator[Any]:
        page = book[self._title]
        page.reset_dimensions()  # a file may claim any size
        return iter(page.iter_rows())

    def _sheet_of(self, book: Any, sheet: str | None) -> str:
        titles = [page.title for page in book.worksheets if sheet or page.sheet_state == "visible"]
        if sheet is None and len(titles) == 1:
            return str(titles[0])
        if sheet is not None and sheet in titles:
            return sheet
        what = f"there is no sheet '{sheet}'" if sheet else f"it has {len(titles)} sheets"
        raise self._refused("XLS002", what, f"say --sheet with one of: {', '.join(titles)}")

    def _text(self, row: int, index: int, found: _Found, header: list[str]) -> str:
        name = header[index] if index < len(header) else ""
        try:
            return _text_of(found, name, self._types.get(name))
        except _Misfit as misfit:
            place = f"{self._file}:{self._title}:{get_column_letter(index + 1)}{row}"
            fault, more = self._misfits.get((name, misfit.args[0]), (Fault(place, *misfit.args), -1))
            self._misfits[name, misfit.args[0]] = (fault, more + 1)
            return ""

    def _faults(self) -> list[Fault]:
        """One for each column and kind: a column of numbers is one mistake, not ten thousand."""
        return [
            Fault(
                fault.where,
                fault.code,
                fault.what + (f"; so do {more} more cells of it" if more else ""),
                fault.mend,
            )
            for fault, more in self._misfits.values()
        ]

    def _check(self, header: tuple[int, list[str]], rows: Iterable[tuple[int, list[str]]]) -> None:
        """Compiles a CSV whose lines are the sheet's rows, so that every fault finds its cell."""
        lines: list[list[str]] = []
        for number, cells in (header, *rows):
            lines += [[] for _ in range(number - len(lines) - 1)]
            lines.append([_BREAK.sub(" ", cell) for cell in cells])
        csv = write_sheet(lines[0], lines[1:])
        try:
            Table.compile(self._spec, csv, self._file)
        except SiteError as error:
            sheet = Sheet(csv, self._file)
            raise SiteError(self._placed(fault, sheet, len(header[1])) for fault in error.faults) from None

    def _placed(self, fault: Fault, sheet: Sheet, width: int) -> Fault:
        line = int(fault.where.rsplit(":", 2)[1])
        known = line == sheet.header_line or any(record.line == line for record in sheet.records)
        index = next((i for i in range(width) if known and sheet.place(line, i) == fault.where), 0)
        where = f"{self._file}:{self._title}:{get_column_letter(index + 1)}{line}"
        return Fault(where, fault.code, fault.what, fault.mend, fault.severity)

    def _refuse_huge(self, data: bytes) -> None:
        with self._readable(), ZipFile(BytesIO(data)) as packed:
            unpacked = sum(entry.file_size for entry in packed.infolist())
        if len(data) > PACKED or unpacked > UNPACKED:
            raise self._refused(
                "XLS005", "the workbook is too large", "save the one sheet as a file of its own, or as CSV"
            )

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """A workbook that somebody broke fails anywhere in its reader: only the kind of error is told."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of drawings and validations, which nobody asks for
                yield
        except SiteError:
            raise
        except BadZipFile:
            raise self._refused(
                "XLS001", "this is no workbook", "save it as .xlsx, or as CSV UTF-8"
            ) from None
        except Exception as error:
            what = f"the workbook cannot be read ({type(error).__name__})"
            raise self._refused("XLS001", what, "open it in Excel and save it anew") from None

    def _refused(self, code: str, what: str, mend: str) -> SiteError:
        return SiteError([Fault(self._file, code, what, mend)])


def _any_formula(data: bytes) -> bool:
    """Of any sheet, wherever its part stands; asked since reading what is written costs as much again as the values."""
    with ZipFile(BytesIO(data)) as packed:
        for entry in packed.infolist():
            tail = b""
            with packed.open(entry) as part:
                while chunk := part.read(1024 * 1024):
                    if _FORMULA.search(tail + chunk):
                        return True
                    tail = chunk[-32:]
    return False


def _text_of(found: _Found, name: str, column: ColumnType | None) -> str:
    """The exact text that a column of that type wants; None: the table has no such column, which is told later."""
    value = found.value
    if found.error:
        raise _Misfit(
            "XLS004", f"column '{name}': the cell holds an error", "mend its formula, or type the value"
        )
    if value is None and found.formula:
        mend = "open the workbook in Excel and save it, or paste the values"
        raise _Misfit("XLS004", f"column '{name}': the cell holds a formula without a value", mend)
    if value is None:
        return ""
    if isinstance(value, str) or column is None:
        return _plain(value).strip()
    match column:
        case ColumnType.FLAG if isinstance(value, bool):
            return "yes" if value else "no"
        case ColumnType.DATE if isinstance(value, date):
            return _day(value, name)
        case ColumnType.NUMBER | ColumnType.RATIO if isinstance(value, int | float) and not isinstance(
            value, bool
        ):
            return _digits(value)
        case ColumnType.MONEY if isinstance(value, int | float) and not isinstance(value, bool):
            return format(money(_digits(value)), "f")
    held = _KINDS.get(type(value), "something else")
    if column is ColumnType.TEXT:
        what = f"column '{name}' is text, and the cell holds {held}: zeros in front may be lost"
        raise _Misfit("XLS003", what, "format the column as text and type its codes again")
    raise _Misfit(
        "XLS003",
        f"column '{name}' is a {column}, and the cell holds {held}",
        f"format the column as {_FORMATS[column]}",
    )


_KINDS = {int: "a number", float: "a number", bool: "TRUE or FALSE", datetime: "a date", date: "a date"}
_FORMATS = {
    ColumnType.NUMBER: "number",
    ColumnType.MONEY: "number",
    ColumnType.RATIO: "number or text",
    ColumnType.FLAG: "text, and write yes or no",
    ColumnType.DATE: "date",
}


def _digits(value: float) -> str:
    """As Excel shows it: fifteen digits, which is all that it holds of a number."""
    return str(value) if isinstance(value, int) else format(Decimal(format(value, ".15g")), "f")


def _day(value: date, name: str) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    if value.time() != datetime.min.time():
        raise _Misfit(
            "XLS003", f"column '{name}' is a date, and the cell holds a time, too", "take the time out"
        )
    return value.date().isoformat()


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
