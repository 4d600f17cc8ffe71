"""Random edits of a site's files, as analysts make them: rows of tables, and maps, filters and prices."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

Files = dict[str, str]
"""File → its text after the edit."""

Row = dict[str, str]

NEW = "IMP-NEW"
"""A code that no table knows, until a row is added."""

SPLIT = ("2026-11-14", "2026-11-15")
"""A row that is divided by date: its last day, and the first of its other half."""

COLUMNS = {
    "activity-rates": "rate",
    "charges": "charge_code",
    "contract-prices": "price",
    "cost-centers": "cost_center",
    "feed-units": "unit",
    "items": "item",
    "locations": "location",
    "units": "factor",
}
"""Table → the column that an edit changes."""

CHANNEL = "channels/ehr-usage.yaml"
REMADE = (
    ("mappings/erp/goods-issue.yaml", "lot?: lot", "lot?: lot else lot"),
    ("mappings/erp/goods-issue.yaml", "quantity: quantity", "quantity: quantity * 2"),
    ("mappings/billing/charge.yaml", "      department: department else case.room\n", ""),
    ("mappings/hl7/ehr-dft.yaml", "FT1-13.1, else FT1-16.1", "FT1-13.1, else 'ICU-NORTH'"),
    (CHANNEL, "\nsame_line", "  - {when: code == 'IMP-SCR-35-14', because: stopped}\n\nsame_line"),
    (CHANNEL, "when: charge.billable", "when: charge.billable and quantity > 1"),
    (CHANNEL, "money: quantity * activity.rate", "money: quantity * activity.rate * 2"),
    (CHANNEL, "money: quantity * contract.price", "money: quantity * contract.price + 1"),
    (CHANNEL, "bad_line: waits alone", "bad_line: holds document"),
)
"""(file, what stands there, what takes its place)."""


def edit(site: Path, chance: random.Random, *, rows_only: bool) -> Files:
    """An edit of the site. With `rows_only`, channels and maps stay as they are."""
    files = _rows(site, chance)
    if not rows_only:
        for file, old, new in chance.sample(REMADE, 3):
            text = files.get(file) or (site / file).read_text()
            assert old in text, (file, old)
            files[file] = text.replace(old, new)
    return files


def apply(site: Path, files: Files) -> None:
    for file, text in files.items():
        (site / file).write_text(text)


def _rows(site: Path, chance: random.Random) -> Files:
    files = {}
    for table, column in chance.sample(sorted(COLUMNS.items()), 2):
        file = f"mappings/tables/{table}.csv"
        reader = csv.DictReader(io.StringIO((site / file).read_text()))
        rows = list(reader)
        keys = (reader.fieldnames or [])[: 2 if table in _TWO_KEYS else 3 if table == "units" else 1]
        for change in chance.sample(_CHANGES, 2):
            change(rows, keys, column, chance)
        text = io.StringIO()
        writer = csv.DictWriter(text, reader.fieldnames or [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        files[file] = text.getvalue()
    return files


_TWO_KEYS = ("charges", "items", "cost-centers", "locations")


def _change(rows: list[Row], keys: list[str], column: str, chance: random.Random) -> None:
    for row in chance.sample(rows, 2):
        row[column] = chance.choice(rows)[column]


def _remove(rows: list[Row], keys: list[str], column: str, chance: random.Random) -> None:
    rows.remove(chance.choice(rows))


def _add(rows: list[Row], keys: list[str], column: str, chance: random.Random) -> None:
    """A row for a code that had none, or for what a wildcard row stood for."""
    row = dict(chance.choice(rows))
    wild = [key for key in keys if row[key] == "*"]
    row[wild[0] if wild else keys[-1]] = "COM" if wild == ["payer_class"] else NEW
    _put(rows, keys, {**row, column: chance.choice(rows)[column]})


def _add_wild(rows: list[Row], keys: list[str], column: str, chance: random.Random) -> None:
    row = dict(chance.choice(rows))
    _put(rows, keys, {**row, keys[-1]: "*", column: chance.choice(rows)[column]})


def _divide(rows: list[Row], keys: list[str], column: str, chance: random.Random) -> None:
    """Another value from a day on."""
    last, first = SPLIT
    whole = [row for row in rows if row["valid_from"] <= last and (row["valid_to"] or "9") > first]
    for row in chance.sample(whole, min(2, len(whole))):
        rows.append({**row, "valid_from": first, column: chance.choice(rows)[column]})
        row["valid_to"] = last


def _put(rows: list[Row], keys: list[str], row: Row) -> None:
    """Unless there are rows with its key."""
    if all([one[key] for key in keys] != [row[key] for key in keys] for one in rows):
        rows.append(row)


_CHANGES: tuple[Callable[[list[Row], list[str], str, random.Random], None], ...] = (
    _change, _remove, _add, _add_wild, _divide
)  # fmt: skip
