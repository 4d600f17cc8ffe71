"""What the sandbox's tests share: small masters, documents as they are sent, and an open sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from engine.sandbox import Masters, Sandbox
from engine.sandbox.books import Document
from engine.sandbox.desk import Bookkeeping

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

MASTERS = {
    "closed_before": "2026-11-01",
    "locations": [{"code": "CORE", "name": "Core"}, {"code": "LAB", "name": "Laboratory"}],
    "items": [
        {
            "number": "SCREW",
            "description": "Screw",
            "unit": "EA",
            "stock": {"CORE": {"quantity": "10", "unit_cost": "12.50"}},
        },
        {
            "number": "GAUZE",
            "description": "Gauze",
            "unit": "EA",
            "stock": {
                "CORE": {"quantity": "3", "unit_cost": "0.333333"},
                "LAB": {"quantity": "7", "unit_cost": "0.01"},
            },
        },
        {"number": "STENT", "description": "Stent", "unit": "EA", "stocked": False},
    ],
    "cost_centers": [{"code": "4100", "name": "Surgery"}, {"code": "4200", "name": "Laboratory"}],
    "suppliers": [{"code": "V1", "name": "Implants"}],
    "charges": [
        {"code": "C1", "description": "Screw", "price": "100.00"},
        {"code": "C2", "description": "Gauze", "price": "0.333333"},
    ],
}


def issue(reference: str = "R1", quantity: str = "2", item: str = "SCREW", **fields: Any) -> dict[str, Any]:
    line = {"line": 1, "item": item, "quantity": quantity, "unit": "EA", "cost_center": "4100"}
    return {
        "reference": reference,
        "posting_date": "2026-11-20",
        "location": "CORE",
        "lines": [line],
        **fields,
    }


def goods_return(
    reference: str = "R2", original: str = "R1", quantity: str = "1", item: str = "SCREW", **fields: Any
) -> dict[str, Any]:
    return {
        "reference": reference,
        "original": original,
        "posting_date": "2026-11-21",
        "lines": [{"item": item, "quantity": quantity, "unit": "EA"}],
        **fields,
    }


def order(reference: str = "P1", quantity: str = "2", price: str = "99.995", **fields: Any) -> dict[str, Any]:
    line = {
        "item": "STENT",
        "quantity": quantity,
        "unit": "EA",
        "price": price,
        "cost_center": "4200",
        "lot": "L1",
        "serial": "S1",
    }
    return {
        "reference": reference,
        "posting_date": "2026-11-20",
        "supplier": "V1",
        "lines": [line],
        **fields,
    }


def costs(reference: str = "K1", quantity: str = "3", amount: str = "10.00", **fields: Any) -> dict[str, Any]:
    line = {"cost_center": "4100", "cost_element": "OR-MIN", "quantity": quantity, "amount": amount}
    return {"reference": reference, "posting_date": "2026-11-20", "lines": [line], **fields}


def requisition(reference: str = "Q1", quantity: str = "3", **fields: Any) -> dict[str, Any]:
    line = {"item": "SCREW", "quantity": quantity, "unit": "EA", "cost_center": "4100"}
    return {"reference": reference, "posting_date": "2026-11-20", "lines": [line | fields]}


def charge(
    reference: str = "F1", quantity: str = "1", code: str = "C1", account: str = "A1"
) -> dict[str, Any]:
    line = {"line": 1, "code": code, "quantity": quantity, "service_date": "2026-11-20"}
    return {"reference": reference, "account": account, "lines": [line]}


def credit(
    reference: str = "F2", original: str = "F1", quantity: str = "1", code: str = "C1", account: str = "A1"
) -> dict[str, Any]:
    return {
        "reference": reference,
        "original": original,
        "account": account,
        "lines": [{"code": code, "quantity": quantity}],
    }


@pytest.fixture(scope="session")
def masters() -> Masters:
    return Masters.model_validate(MASTERS)


@pytest.fixture(scope="session")
def masters_tree() -> dict[str, Any]:
    return MASTERS


@pytest.fixture(scope="session")
def sent() -> SimpleNamespace:
    """Documents as they are sent; every argument has a default."""
    return SimpleNamespace(
        issue=issue,
        goods_return=goods_return,
        order=order,
        requisition=requisition,
        costs=costs,
        charge=charge,
        credit=credit,
    )


@pytest.fixture(scope="session")
def book() -> Callable[[Bookkeeping, str, object], Document]:
    """Books one document straight into the books, past every counter."""

    def book(books: Bookkeeping, path: str, tree: object) -> Document:
        endpoint = books.endpoints[path]
        return endpoint.book(endpoint.read(tree), AT)

    return book


@pytest.fixture
async def box(masters: Masters) -> AsyncIterator[Sandbox]:
    async with Sandbox(masters) as box:
        yield box


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as client:
        yield client
