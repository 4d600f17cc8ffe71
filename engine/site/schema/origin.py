"""`source:` of a code table: which columns a far end's own masters say, and how they are found there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from engine.site.schema.base import Model, Name, Path, Text, Texts, Word, setting

Masters = Literal["products", "units", "locations", "accounts", "cost centers"]


class TakenFile(Model):
    """What a column takes of a record, put in other words."""

    from_: Text = setting("Its name there; a part of it after a dot.", example="type", alias="from")
    means: dict[Text, str] = setting(
        "What to write for what is said there. What is not named is a fault.",
        example='{goods: "yes", service: "no"}',
    )


Taken = Annotated[
    Annotated[Text, Tag("~short")] | Annotated[TakenFile, Tag("~long")],
    Discriminator(lambda value: "~long" if isinstance(value, dict) else "~short"),
]


class OriginFile(Model):
    """A far end whose masters say some columns: `suture tables import TABLE --from DESTINATION` takes them."""

    destination: Name = setting("Who says it: a destination of kind http or tryton.", example="erp")
    of: Masters | None = setting("Of a Tryton ERP: which of its masters.", example="products", default=None)
    path: Path | None = setting(
        "Over HTTP: where a GET, below the destination's url, answers a JSON list of records.",
        example="/items",
        default=None,
    )
    list_: Text | None = setting(
        "Over HTTP: where the list stands in the answer; left out: the answer is the list.",
        example="data.items",
        default=None,
        alias="list",
    )
    columns: dict[Word, Taken] = setting(
        "Column of the table → its name there. Other columns stay as they are.",
        example="{item: number, stock_unit: default_uom.symbol}",
    )
    match: Texts | None = setting(
        "Columns by which a record finds its rows; left out: the keys of the table.",
        example="[item]",
        default=None,
    )
    new_rows: dict[Word, str] = setting(
        "What other columns hold in the row of a new record. Where one is left open, new records are told, not added.",
        example="{facility: NORTH, ownership: owned}",
        default={},
    )
