"""Purchases: an order, and where goods are said to be here already, their receipt and their use (bill-only).

goods come     purchase.purchase ─ stock.shipment.in ─ stock.shipment.internal to where they were used
goods go back  purchase.purchase (negative) ─ stock.shipment.internal back to the store ─ stock.shipment.in.return
"""

from __future__ import annotations

from decimal import Decimal

from engine.adapters.tryton.booking import Desk, Receipt, number, only, pressed, same, undone
from engine.adapters.tryton.codes import Codes, Item, Wanted, Warehouse
from engine.adapters.tryton.rest import Busy, Record, Refused, Unclear
from engine.adapters.tryton.shipments import Shipments
from engine.domain.erp import InternalShipment, Purchase, PurchaseLine, ShipmentLine

_ORDER, _IN, _BACK, _MOVE = "purchase.purchase", "stock.shipment.in", "stock.shipment.in.return", "stock.move"
_ORDER_FIELDS = (
    "number",
    "total_amount",
    "untaxed_amount",
    "lines.product",
    "lines.quantity",
    "lines.unit_price",
    "lines.moves.lot",
    "lines.moves.state",
    "lines.moves.from_location",
    "shipment_returns.reference",
    "shipment_returns.state",
)
_ORDERED = ("confirmed", "processing", "done")
_FIELDS = ("number",)


class Purchases:
    """The `Booking` of purchases."""

    def __init__(self, desk: Desk, shipments: Shipments) -> None:
        self._desk = desk
        self._shipments = shipments

    async def booked(self, form: Purchase) -> Receipt | None:
        order = await self._find(form.reference)
        if order is None or order["state"] not in _ORDERED:
            return None
        if form.received_at is not None:
            moved = await self._moved(form)
            if moved is None or moved["state"] != "done":
                return None
            use = _use(form)
            if use is not None and await self._shipments.booked(use) is None:
                return None
        return _receipt(order)

    async def book(self, form: Purchase) -> Receipt:
        if len({line.quantity > 0 for line in form.lines}) > 1:
            raise Refused("mixed signs", "lines: an order brings goods or takes them back, not both")
        rest, order = self._desk.rest, await self._find(form.reference)
        if order is None:
            order = await self._create(form)
        else:
            await self._compare(order, form)
        if order["state"] in ("draft", "quotation"):
            record = order["id"]
            async with undone(lambda: rest.act(_ORDER, record, "cancel", ("state",))):
                if order["untaxed_amount"] != order["total_amount"]:
                    raise Refused("total differs", "the ERP adds taxes")
                buttons = (("draft", "quote"), ("quotation", "confirm"))
                order = await pressed(self._desk, _ORDER, order, buttons, _ORDER_FIELDS)
        if form.received_at is not None:
            await self._move_goods(form)
        return _receipt(order)

    async def _move_goods(self, form: Purchase) -> None:
        """The order stands: what is refused from here on is gone on with later, never made anew."""
        try:
            order = await self._processed(form.reference)
            use = _use(form)
            if _goes_back(form):
                if use is not None:
                    await self._shipments.book(use)
                await self._give_back(form, order)
            else:
                await self._receive(form, order)
                if use is not None:
                    await self._shipments.book(use)
        except Refused as refused:
            raise Busy(f"half booked: {refused.code}", None) from None

    async def _compare(self, order: Record, form: Purchase) -> None:
        codes, wanted = self._desk.codes, Wanted()
        items = [await codes.item(line.item, "", wanted) for line in form.lines]
        meant = [
            (item.id, line.quantity.normalize(), line.price.normalize())
            for item, line in zip(items, form.lines, strict=True)
        ]
        same(
            (
                (line["product"], number(line["quantity"]), line["unit_price"].normalize())
                for line in order["lines"]
            ),
            meant,
        )

    # The order -----------------------------------------------------------------------------------------------

    async def _find(self, reference: str) -> Record | None:
        return await only(self._desk, _ORDER, [["reference", "=", reference]], _ORDER_FIELDS)

    async def _create(self, form: Purchase) -> Record:
        desk, wanted = self._desk, Wanted()
        supplier = await desk.codes.party(form.supplier, "supplier", wanted)
        warehouse = Warehouse(0, 0)
        if form.received_at is not None:
            warehouse = await desk.codes.warehouse(form.received_at, "received_at", wanted)
        if form.used_at is not None:
            await desk.codes.location(form.used_at, "used_at", wanted)
        lines = [await self._line(line, number, wanted) for number, line in enumerate(form.lines, start=1)]
        wanted.refuse()
        await desk.codes.open_period(form.posting_date)
        values: Record = {
            "company": desk.company.id,
            "reference": form.reference,
            "party": supplier.id,
            "invoice_address": supplier.address,
            "currency": desk.company.currency,
            "payment_term": await desk.codes.payment_term(desk.payment_term),
            "purchase_date": form.posting_date,
            "invoice_method": "order",
            "lines": [["create", lines]],
        }
        if warehouse.id:
            values["warehouse"] = warehouse.id
        if form.original is not None:
            values["description"] = f"takes back {form.original}"
        return await desk.rest.create(_ORDER, values, ("state", *_ORDER_FIELDS))

    async def _line(self, line: PurchaseLine, number: int, wanted: Wanted) -> Record:
        codes, place = self._desk.codes, f"lines[{number}]"
        item = await codes.item(line.item, f"{place}.item", wanted)
        center = await codes.cost_center(line.cost_center, f"{place}.cost_center", wanted)
        if line.lot is not None and line.quantity < 0 and item.id:
            await codes.lot(line.lot, item, f"{place}.lot", wanted)
        return {
            "type": "line",
            "product": item.id,
            "unit": await codes.unit(line.unit, item, f"{place}.unit", wanted),
            "quantity": float(line.quantity),
            "unit_price": line.price,
            "description": line.item,
            "analytic_accounts": [["create", [{"root": center.root, "account": center.id}]]],
        }

    async def _processed(self, reference: str) -> Record:
        """The order with its moves. The ERP makes these after it answered that the order is confirmed, unless it leaves
        that to a queue."""
        for _ in range(2):
            order = await self._find(reference)
            if order is None:
                raise Unclear("the order is gone")
            if order["state"] != "confirmed":
                return order
            await self._desk.rest.act(_ORDER, order["id"], "process", ("state",))
        raise Busy("half booked: the ERP did not process the order yet", None)

    # The goods -----------------------------------------------------------------------------------------------

    async def _moved(self, form: Purchase) -> Record | None:
        model = _BACK if _goes_back(form) else _IN
        return await only(self._desk, model, [["reference", "=", form.reference]], _FIELDS)

    async def _receive(self, form: Purchase, order: Record) -> None:
        desk = self._desk
        shipment = await self._moved(form)
        if shipment is None:
            moves = await self._with_lots(form, order)
            supplier = await desk.codes.party(form.supplier, "supplier", Wanted())
            warehouse = await desk.codes.warehouse(form.received_at or "", "received_at", Wanted())
            values: Record = {
                "company": desk.company.id,
                "reference": form.reference,
                "supplier": supplier.id,
                "warehouse": warehouse.id,
                "warehouse_input": warehouse.input,
                "warehouse_storage": await desk.codes.location(form.received_at or "", "", Wanted()),
                "effective_date": form.posting_date,
                "incoming_moves": [["add", moves]],
            }
            shipment = await desk.rest.create(_IN, values, ("state", *_FIELDS))
        await self._done(_IN, shipment, (("draft", "receive"), ("received", "do")))

    async def _give_back(self, form: Purchase, order: Record) -> None:
        """The ERP makes the shipment by itself when it processes the order; here it is told whence and which lots."""
        desk = self._desk
        shipment = await self._moved(form)
        if shipment is None:
            returns = order["shipment_returns"]
            if len(returns) != 1:
                raise Refused("no return shipment", f"the ERP made {len(returns)} for the order")
            (shipment,) = returns
            if shipment["state"] == "waiting":
                await desk.rest.act(_BACK, shipment["id"], "draft", ("state",))
            store = await desk.codes.location(form.received_at or "", "", Wanted())
            await self._with_lots(form, order, store)
            values = {
                "reference": form.reference,
                "from_location": store,
                "effective_date": form.posting_date,
            }
            shipment = await desk.rest.write(_BACK, shipment["id"], values, ("state", *_FIELDS))
        await self._done(_BACK, shipment, (("draft", "wait"), ("waiting", "assign_try"), ("assigned", "do")))

    async def _with_lots(self, form: Purchase, order: Record, store: int | None = None) -> list[int]:
        """The order's moves, each with the lot of its line."""
        codes, moves = self._desk.codes, []
        lines = sorted(order["lines"], key=lambda line: line["id"])
        if len(lines) != len(form.lines):
            raise Unclear("somebody changed the order's lines")
        for line, ordered in zip(form.lines, lines, strict=True):
            item = await codes.item(line.item, "", Wanted())
            for move in ordered["moves"]:
                if move["state"] == "cancelled":
                    continue
                changed: Record = {}
                if line.lot is not None:
                    changed["lot"] = await self._lot(codes, line, item)
                if store is not None:
                    changed["from_location"] = store
                if any(move.get(name) != value for name, value in changed.items()):
                    await self._desk.rest.write(_MOVE, move["id"], changed, ("lot",))
                moves.append(int(move["id"]))
        return moves

    @staticmethod
    async def _lot(codes: Codes, line: PurchaseLine, item: Item) -> int:
        if line.quantity > 0:
            return await codes.new_lot(line.lot or "", item)
        return await codes.lot(line.lot or "", item, "", Wanted())

    async def _done(self, model: str, shipment: Record, buttons: tuple[tuple[str, str], ...]) -> None:
        shipment = await pressed(self._desk, model, shipment, buttons, _FIELDS)
        if shipment["state"] != "done":
            raise Refused("goods not moved", f"the shipment stays '{shipment['state']}'")


def _goes_back(form: Purchase) -> bool:
    return form.lines[0].quantity < 0


def _use(form: Purchase) -> InternalShipment | None:
    """The goods leave the store for where they were used, or come back from there; under the order's reference."""
    if form.received_at is None or form.used_at is None:
        return None
    ends = (form.received_at, form.used_at)
    start, end = reversed(ends) if _goes_back(form) else ends
    return InternalShipment(
        reference=form.reference,
        posting_date=form.posting_date,
        from_location=start,
        to_location=end,
        lines=[
            ShipmentLine(item=line.item, quantity=abs(line.quantity), unit=line.unit, lot=line.lot)
            for line in form.lines
        ],
    )


def _receipt(order: Record) -> Receipt:
    total = order["total_amount"]
    return Receipt(str(order["number"]), total if isinstance(total, Decimal) else None)
