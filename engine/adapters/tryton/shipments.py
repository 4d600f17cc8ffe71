"""Internal shipments: stock leaves a store for where it is used, or comes back. `stock.shipment.internal`."""

from __future__ import annotations

from decimal import Decimal

from engine.adapters.tryton.booking import Desk, Receipt, number, only, pressed, same, undone
from engine.adapters.tryton.codes import Wanted
from engine.adapters.tryton.rest import Record, Refused
from engine.domain.erp import InternalShipment, ShipmentLine

_MODEL = "stock.shipment.internal"
_FIELDS = (
    "number", "moves.product", "moves.quantity", "moves.internal_quantity", "moves.cost_price", "moves.state",
)  # fmt: skip
_BUTTONS = (("draft", "wait"), ("waiting", "assign_try"), ("assigned", "do"))


class Shipments:
    """The `Booking` of internal shipments."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def booked(self, form: InternalShipment) -> Receipt | None:
        found = await self._find(form.reference)
        return _receipt(found) if found is not None and found["state"] == "done" else None

    async def book(self, form: InternalShipment) -> Receipt:
        rest, found = self._desk.rest, await self._find(form.reference)
        if found is None:
            found = await self._create(form)
        else:
            await self._compare(found, form)
        record = found["id"]
        async with undone(lambda: rest.act(_MODEL, record, "cancel", ("state",))):
            found = await pressed(self._desk, _MODEL, found, _BUTTONS, _FIELDS)
            if found["state"] == "waiting":
                raise Refused("short stock", "the stock, or the lot, is not there in that quantity")
            if found["state"] != "done":
                raise Refused("not done", f"the shipment stays '{found['state']}'")
        return _receipt(found)

    async def _compare(self, found: Record, form: InternalShipment) -> None:
        codes, wanted = self._desk.codes, Wanted()
        items = [await codes.item(line.item, "", wanted) for line in form.lines]
        meant = [(item.id, line.quantity.normalize()) for item, line in zip(items, form.lines, strict=True)]
        same(((move["product"], number(move["quantity"])) for move in found["moves"]), meant)

    async def _find(self, reference: str) -> Record | None:
        return await only(self._desk, _MODEL, [["reference", "=", reference]], _FIELDS)

    async def _create(self, form: InternalShipment) -> Record:
        desk, wanted = self._desk, Wanted()
        start = await desk.codes.location(form.from_location, "from_location", wanted)
        end = await desk.codes.location(form.to_location, "to_location", wanted)
        moves = [
            await self._move(line, place, start, end, wanted)
            for place, line in enumerate(form.lines, start=1)
        ]
        wanted.refuse()
        await desk.codes.open_period(form.posting_date)
        values: Record = {
            "company": desk.company.id,
            "reference": form.reference,
            "from_location": start,
            "to_location": end,
            "effective_date": form.posting_date,
            "moves": [["create", moves]],
        }
        return await desk.rest.create(_MODEL, values, ("state", *_FIELDS))

    async def _move(self, line: ShipmentLine, number: int, start: int, end: int, wanted: Wanted) -> Record:
        codes, place = self._desk.codes, f"lines[{number}]"
        item = await codes.item(line.item, f"{place}.item", wanted)
        move: Record = {
            "company": self._desk.company.id,
            "product": item.id,
            "unit": await codes.unit(line.unit, item, f"{place}.unit", wanted),
            "quantity": float(line.quantity),
            "from_location": start,
            "to_location": end,
        }
        if line.lot is not None and item.id:
            move["lot"] = await codes.lot(line.lot, item, f"{place}.lot", wanted)
        return move


def _receipt(found: Record) -> Receipt:
    """Its worth is what the ERP took for its cost when it was done; that is of one of the item's own unit."""
    worth = sum(
        (
            number(move["internal_quantity"]) * (move["cost_price"] or Decimal(0))
            for move in found["moves"]
            if move["state"] == "done"
        ),
        Decimal(0),
    )
    return Receipt(str(found["number"]), worth.quantize(Decimal("0.01")))
