"""Tryton's own books, read back over its API after everything was sent. Knows nothing of the engine."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import defaultdict
from decimal import Decimal
from json import dumps, loads
from typing import Any, NamedTuple

import aiohttp

USED = "USED"
PAGE = 500


class Move(NamedTuple):
    """Goods that went from one location to another, under a reference."""

    reference: str
    item: str
    start: str
    end: str
    quantity: Decimal
    worth: Decimal


class Line(NamedTuple):
    """A line of an invoice or a purchase."""

    reference: str
    what: str
    quantity: Decimal
    amount: Decimal


class Entry(NamedTuple):
    """A line of a posted journal. `center`: '' where it has none."""

    number: str
    reference: str
    account: str
    center: str
    debit: Decimal
    credit: Decimal


class Books(NamedTuple):
    """`open`: documents that are not done, by kind. `on_hand`: (item, store) → quantity. `parties`: how many."""

    moves: list[Move]
    charges: list[Line]
    purchases: list[Line]
    receipts: list[Move]
    entries: list[Entry]
    open: dict[str, int]
    on_hand: dict[tuple[str, str], Decimal]
    parties: int


async def read_books(url: str, key: str) -> Books:
    """Everything there is, whoever wrote it."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        reader = _Reader(session, f"{url}/rest/model/")
        fields = "reference state moves.product.code moves.from_location.code moves.to_location.code moves.quantity"
        shipments = await reader.all("stock.shipment.internal", f"{fields} moves.cost_price moves.state")
        came = "reference state incoming_moves.product.code incoming_moves.quantity incoming_moves.state"
        receipts = await reader.all("stock.shipment.in", came)
        returns = await reader.all(
            "stock.shipment.in.return", "reference state moves.product.code moves.quantity moves.state"
        )
        invoices = await reader.all(
            "account.invoice",
            "reference state lines.description lines.quantity lines.amount",
            [["type", "=", "out"]],
        )
        orders = await reader.all(
            "purchase.purchase", "reference state lines.product.code lines.quantity lines.amount"
        )
        journals = await reader.all(
            "account.move",
            "number description state lines.account.code lines.debit lines.credit "
            "lines.analytic_lines.account.code lines.analytic_lines.debit lines.analytic_lines.credit",
        )
        return Books(
            moves=[_move(one, move) for one in shipments for move in one["moves"] if move["state"] == "done"],
            charges=[_line(one, line, line["description"]) for one in invoices for line in one["lines"]],
            purchases=[_line(one, line, line["product"]["code"]) for one in orders for line in one["lines"]],
            receipts=[
                *(_receipt(one, move, 1) for one in receipts for move in one["incoming_moves"]),
                *(_receipt(one, move, -1) for one in returns for move in one["moves"]),
            ],
            entries=[_entry(one, line) for one in journals for line in one["lines"]],
            open=_open(
                {
                    "internal shipments": (shipments, ("done", "cancelled")),
                    "receipts": (receipts, ("done",)),
                    "returns to suppliers": (returns, ("done",)),
                    "invoices": (invoices, ("posted", "paid", "cancelled")),
                    "purchases": (orders, ("processing", "done")),
                    "journals": (journals, ("posted",)),
                }
            ),
            on_hand=await reader.on_hand(),
            parties=len(await reader.all("party.party", "code")),
        )


class _Reader:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def all(
        self, model: str, fields: str, domain: list[Any] | None = None, context: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            query = [("f", field) for field in fields.split()]
            query += [("d", _packed(domain or [])), ("o", _packed([["id", "ASC"]]))]
            query += [("s", str(PAGE)), ("p", str(len(found)))]
            headers = {"X-Tryton-Context": _packed({"company": 1, **(context or {})})}
            async with self._session.get(self._base + model, params=query, headers=headers) as answer:
                answer.raise_for_status()
                page = _values(loads(await answer.read()))
            found += page
            if len(page) < PAGE:
                return found

    async def on_hand(self) -> dict[tuple[str, str], Decimal]:
        held: dict[tuple[str, str], Decimal] = {}
        stores = await self.all("stock.location", "code", [["type", "=", "storage"], ["code", "!=", None]])
        for store in stores:
            there = {"locations": [store["id"]], "with_childs": False}
            for product in await self.all("product.product", "code quantity", context=there):
                held[product["code"], store["code"]] = _number(product["quantity"])
        return held


def _move(shipment: dict[str, Any], move: dict[str, Any]) -> Move:
    quantity = _number(move["quantity"])
    return Move(
        shipment["reference"], move["product"]["code"], move["from_location"]["code"], move["to_location"]["code"],
        quantity, quantity * (move["cost_price"] or 0),
    )  # fmt: skip


def _receipt(shipment: dict[str, Any], move: dict[str, Any], sign: int) -> Move:
    quantity = _number(move["quantity"])
    return Move(shipment["reference"], move["product"]["code"], "", "", sign * quantity, Decimal(0))


def _line(document: dict[str, Any], line: dict[str, Any], what: str) -> Line:
    return Line(document["reference"], what, _number(line["quantity"]), line["amount"])


def _entry(journal: dict[str, Any], line: dict[str, Any]) -> Entry:
    analytic = line["analytic_lines"]
    center = analytic[0]["account"]["code"] if analytic else ""
    return Entry(
        str(journal["number"]), journal["description"] or "", line["account"]["code"], center, line["debit"],
        line["credit"],
    )  # fmt: skip


def _open(kinds: dict[str, tuple[list[dict[str, Any]], tuple[str, ...]]]) -> dict[str, int]:
    counts: defaultdict[str, int] = defaultdict(int)
    for kind, (documents, done) in kinds.items():
        counts[kind] += sum(document["state"] not in done for document in documents)
    return {kind: count for kind, count in counts.items() if count}


def _packed(value: object) -> str:
    return urlsafe_b64encode(dumps(value).encode()).decode()


def _number(value: float) -> Decimal:
    return Decimal(repr(value)).normalize()


def _values(value: Any) -> Any:
    match value:
        case {"__class__": "Decimal", "decimal": text}:
            return Decimal(text)
        case dict():
            return {key: _values(below) for key, below in value.items()}
        case list():
            return [_values(below) for below in value]
        case _:
            return value
