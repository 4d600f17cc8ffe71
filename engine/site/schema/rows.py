"""`rows:` of a read map: how the rows of a file stand in it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from engine.site.schema.base import Model, Text, Word, setting


class RowsFile(Model):
    """The rows of a file: CSV, or lines of fixed width."""

    columns: dict[Word, Text] = setting(
        "Columns that the map names: of CSV by their heading, of fixed width by first and last character. A field is "
        "then read as row.NAME.",
        example="{account: Account No, code: Item, qty: Qty}",
    )
    together: list[Word] = setting(
        "Rows with the same values in these columns are one message; left out: each row is a message of its own.",
        example="[account]",
        default=[],
    )
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1)] = setting(
        "What stands between two cells of CSV.", example="';'", default=","
    )
    skip: Annotated[int, Field(ge=0, le=100)] = setting(
        "Lines before the headings, or before the first row of fixed width.",
        example="2",
        unit="lines",
        default=0,
    )
    dates: dict[Word, Text] = setting(
        "How dates stand in columns, with YYYY, MM, DD, hh, mm and ss; left out: as HL7 writes them, 20261120.",
        example="{used: 'DD.MM.YYYY hh:mm'}",
        default={},
    )
