"""A dated code table: compiled once from CSV against its declaration, then found in by key and day. Pure.

Never guesses a type: a value is text until its column says otherwise. `valid_to` is the last valid day,
empty means open, as people write it in spreadsheets. A key cell `*` stands for anything, `1..9` for a range where the
key is declared as one; the most specific row wins. `spec` is the declaration, `sheet` takes the CSV apart, `values`
reads its cells, `filing` files the rows; `engine.mapping.translation` asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches

from engine.errors import SiteError, UsageError
from engine.reference.filing import Filing, Key
from engine.reference.sheet import Sheet, write_sheet
from engine.reference.spec import FROM, TO, Row, TableSpec, default_row, spec_faults


class Table:
    """`rows` in file order. `warnings`: gaps between periods of a key. `default`: the declaration's row."""

    __slots__ = ("_drawers", "_exact", "_source", "default", "file", "name", "rows", "spec", "warnings")

    def __init__(self, spec: TableSpec, file: str, source: bytes, filing: Filing) -> None:
        self.spec, self.name, self.file, self._source = spec, spec.name, file, source
        self.rows = filing.rows
        self.warnings = tuple(filing.warnings)
        self.default = None if spec.default is None else default_row(spec, spec.default)[0]
        self._exact = filing.exact()
        self._drawers = filing.drawers()

    @classmethod
    def compile(cls, spec: TableSpec, csv_bytes: bytes, file: str) -> Table:
        """Raises `SiteError` with all faults: the file's by `file:line:col`, the declaration's by part."""
        declared = spec_faults(spec)
        filing = Filing(spec, Sheet(csv_bytes, file))
        if declared or filing.faults:
            raise SiteError([*declared, *filing.faults])
        return cls(spec, file, csv_bytes, filing)

    @property
    def csv(self) -> bytes:
        """What it was compiled from."""
        return self._source

    def find(self, key: Key, on: date) -> Row | None:
        """The row of `key` that is valid on the day; the most specific one, where rows have `*` or ranges.

        `key`: one text for each of the table's keys, '' for a value that was not sent (only `*` matches it).
        """
        for first, last, row in self._exact.get(key, ()):
            if first <= on:
                if on <= last:
                    return row
                if not self.spec.many:  # newest first: no older period of this key can be valid
                    break
        for drawer in self._drawers:
            for row in drawer.find(key, on):
                return row
        return None

    def find_all(self, key: Key, on: date) -> tuple[Row, ...]:
        """All rows of `key` that are valid on the day, in the order of the file: those of the most specific key, where
        rows have `*` or ranges. More than one only where the table declares `many`."""
        rows = [row for first, last, row in self._exact.get(key, ()) if first <= on <= last]
        if rows:
            return tuple(sorted(rows, key=lambda row: row.line))
        return next((found for drawer in self._drawers if (found := tuple(drawer.find(key, on)))), ())

    def nearest(self, key: Key, most: int = 5) -> list[Key]:
        """Keys of rows that are spelled almost like `key`, the likest first, whatever their days."""
        known = {" ".join(cells): cells for cells in map(self._key_of, self.rows)}
        return [known[text] for text in get_close_matches(" ".join(key), known, most, 0.6)]

    def _key_of(self, row: Row) -> Key:
        return tuple(str(row[name]) for name in self.spec.keys)

    def with_rows(self, rows: Iterable[Mapping[str, str]]) -> bytes:
        """The table's CSV with `rows` (column → text) appended, canonically written; compile it to check it.

        Raises `UsageError` for a column that the table does not have.
        """
        header = (*self.spec.keys, *self.spec.columns, FROM, TO)
        new = list(rows)
        for name in sorted({name for row in new for name in row} - set(header)):
            mend = f"its columns are {', '.join(header)}"
            raise UsageError("TBL014", f"table {self.name} has no column '{name}'", mend)
        sheet = Sheet(self._source, self.file)
        old = [dict(zip(sheet.header, record.cells, strict=True)) for record in sheet.records]
        return write_sheet(header, ([row.get(name, "").strip() for name in header] for row in [*old, *new]))

    def has_row(self, row: Mapping[str, str]) -> bool:
        """Whether a row says exactly this (column → text)."""
        sheet = Sheet(self._source, self.file)
        wanted = [row.get(name, "").strip() for name in sheet.header]
        return any(list(record.cells) == wanted for record in sheet.records)

    def __repr__(self) -> str:
        return f"Table({self.name}, {len(self.rows)} rows)"
