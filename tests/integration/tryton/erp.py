"""Documents for Tryton, and what its own records say of a reference, asked for without the adapter."""

from __future__ import annotations

import itertools
import json
import urllib.request
from base64 import urlsafe_b64encode
from typing import Any
from uuid import uuid4

from engine.adapters.tryton.adapter import TrytonEndpoint
from engine.domain.posting import Action, Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing

DAY = "2026-11-20"
ITEM, OTHER, CONSIGNED = "1001414", "3000330", "2000112"
STORE, CENTER = "OR-CORE", "71000"
_SEARCHED = {
    "stock.shipment.internal": "reference",
    "account.invoice": "reference",
    "account.move": "description",
    "purchase.purchase": "reference",
    "stock.shipment.in": "reference",
    "stock.shipment.in.return": "reference",
}
_numbers = itertools.count(1)

SHIPMENT = {
    "from_location": STORE,
    "to_location": "USED",
    "lines": [{"item": ITEM, "quantity": "2", "unit": "EA"}, {"item": OTHER, "quantity": "36"}],
}
RETURN = {
    "from_location": "USED",
    "to_location": STORE,
    "original": "X",
    "lines": [{"item": ITEM, "quantity": "1"}],
}
INVOICE = {
    "party": "PATIENTS",
    "lines": [
        {
            "description": "27811414",
            "quantity": "2",
            "amount": "424.00",
            "account": "4.1.1",
            "cost_center": CENTER,
        },
        {
            "description": "27230330",
            "quantity": "3",
            "amount": "100.00",
            "account": "4.1.1",
            "cost_center": CENTER,
        },
    ],
}
JOURNAL = {
    "journal": "STO",
    "lines": [{"debit": "5.9.1", "credit": "1.3.1", "amount": "76.80", "debit_cost_center": CENTER}],
}
ORDER = {
    "supplier": "V100",
    "lines": [{"item": CONSIGNED, "quantity": "1", "price": "2480.00", "cost_center": CENTER}],
}


def bill_only(lot: str, quantity: str = "1") -> dict[str, Any]:
    line = {"item": CONSIGNED, "quantity": quantity, "price": "2480.00", "cost_center": CENTER, "lot": lot}
    return {"supplier": "V100", "received_at": STORE, "used_at": "USED", "lines": [line]}


def outgoing(path: str, body: dict[str, Any], attempts: int = 0, **changed: Any) -> Outgoing:
    reference = f"T{uuid4().hex[:12]}"
    payload = json.dumps({"reference": reference, "posting_date": DAY, **body, **changed}).encode()
    return Outgoing(
        next(_numbers), "erp", "issue", Action.POST, 1, Priority.LIVE, reference, path, payload, attempts,
        DeliveryState.SENDING, None,
    )  # fmt: skip


class Erp:
    """The server as somebody else sees it."""

    def __init__(self, endpoint: TrytonEndpoint) -> None:
        self.endpoint = endpoint

    def answers(self) -> bool:
        try:
            self.find("company.company", [])
        except OSError:
            return False
        return True

    def find(self, model: str, domain: list[Any], *fields: str) -> list[dict[str, Any]]:
        query = urlsafe_b64encode(json.dumps(domain).encode()).decode()
        named = "".join(f"&f={field}" for field in fields)
        request = urllib.request.Request(
            f"{self.endpoint.url}/rest/model/{model}?d={query}{named}",
            headers={"Authorization": f"Bearer {self.endpoint.key}"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def documents(self, reference: str) -> dict[str, list[str]]:
        """Model → states of the records that carry the reference."""
        found = {
            model: sorted(one["state"] for one in self.find(model, [[field, "=", reference]], "state"))
            for model, field in _SEARCHED.items()
        }
        return {model: states for model, states in found.items() if states}

    def on_hand(self, item: str, store: str) -> float:
        (location,) = self.find("stock.location", [["code", "=", store]])
        moves = self.find(
            "stock.move", [["product.code", "=", item], ["state", "=", "done"]], "quantity", "from_location",
            "to_location",
        )  # fmt: skip
        return sum(
            move["quantity"]
            * ((move["to_location"] == location["id"]) - (move["from_location"] == location["id"]))
            for move in moves
        )
