"""What the two sides know before the first posting, read from one JSON file. Never changed by a posting.

    {
      "currency": "USD",                                      optional, USD
      "closed_before": "2026-01-01",                          optional; earlier posting dates are refused
      "locations":    [{"code": "OR-CORE", "name": "..."}],   where stock can stand
      "items":        [{"number": "100200", "description": "...", "unit": "EA",
                        "stocked": true,                      optional, true; false = bill-only, never issued
                        "stock": {"OR-CORE": {"quantity": "200", "unit_cost": "12.50"}}}],
      "cost_centers": [{"code": "4100", "name": "..."}],
      "suppliers":    [{"code": "V100", "name": "..."}],
      "charges":      [{"code": "27200001", "description": "...", "price": "38.75"}]
    }

Quantities (4 decimals), unit costs and prices (6 decimals) are texts. An item has one unit; a posting in
another is refused. An item without `stock` at a location starts there at quantity 0 and cost 0, and goes
negative when issued. Codes are unique in their list; unknown keys are faults. The shipped file is
`masters.json`, beside this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engine.sandbox.amounts import OnHand, Price

SHIPPED = Path(__file__).with_name("masters.json")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(_Entry):
    """A location, a cost center or a supplier."""

    code: str = Field(min_length=1)
    name: str


class Opening(_Entry):
    """Stock at the start, at one location."""

    quantity: OnHand
    unit_cost: Price


class Item(_Entry):
    """What can be issued from stock or bought bill-only."""

    number: str = Field(min_length=1)
    description: str
    unit: str = Field(min_length=1)
    stocked: bool = True
    stock: Mapping[str, Opening] = {}


class ChargeCode(_Entry):
    """One row of billing's own charge master."""

    code: str = Field(min_length=1)
    description: str
    price: Price


class Masters(_Entry):
    """The whole file. `pydantic.ValidationError` names every fault."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    closed_before: date | None = None
    locations: tuple[Named, ...]
    items: tuple[Item, ...]
    cost_centers: tuple[Named, ...]
    suppliers: tuple[Named, ...] = ()
    charges: tuple[ChargeCode, ...]

    @classmethod
    def load(cls, path: Path = SHIPPED) -> Self:
        """The masters of a JSON file. Raises `OSError` or `pydantic.ValidationError`."""
        return cls.model_validate_json(path.read_bytes())

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        _unique("locations", (place.code for place in self.locations))
        _unique("items", (item.number for item in self.items))
        _unique("cost_centers", (center.code for center in self.cost_centers))
        _unique("suppliers", (supplier.code for supplier in self.suppliers))
        _unique("charges", (charge.code for charge in self.charges))
        places = {place.code for place in self.locations}
        for item in self.items:
            if strange := item.stock.keys() - places:
                raise ValueError(
                    f"item {item.number} has stock at {sorted(strange)}, not among the locations"
                )
            if item.stock and not item.stocked:
                raise ValueError(f"item {item.number} is not stocked, yet has stock")
        return self


def _unique(list_name: str, codes: Iterable[str]) -> None:
    seen: set[str] = set()
    for code in codes:
        if code in seen:
            raise ValueError(f"{list_name} has {code} twice")
        seen.add(code)
