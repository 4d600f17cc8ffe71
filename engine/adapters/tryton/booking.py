"""What every kind of document has in common: it is found by reference, made when it is not there, and taken on from the
state that it stands in, so that what was cut short is finished and nothing is made twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Generic, NamedTuple, Protocol, TypeVar

from engine.adapters.tryton.codes import Codes, Company
from engine.adapters.tryton.rest import Busy, Domain, Misled, Record, Refused, Rest, Unclear, begin
from engine.domain.erp import Form

F = TypeVar("F", bound=Form, contravariant=True)


class Receipt(NamedTuple):
    """`document`: the ERP's number of it. `amount`: what it is worth in the ERP's books."""

    document: str
    amount: Decimal | None


class Desk(NamedTuple):
    """With what documents are booked. `payment_term`, `receivable`: codes of the destination's settings."""

    rest: Rest
    codes: Codes
    company: Company
    payment_term: str
    receivable: str


class Booking(Protocol, Generic[F]):
    """One kind of document."""

    async def booked(self, form: F) -> Receipt | None:
        """The receipt of a document that is booked wholly; None when it is not there, or stands half-way."""
        ...

    async def book(self, form: F) -> Receipt:
        """Makes it, or goes on with it. Raises `Refused`, and then leaves nothing of it that could still be booked."""
        ...


async def only(desk: Desk, model: str, domain: Domain, fields: Sequence[str]) -> Record | None:
    """The record of a reference that is not cancelled. Raises `Unclear` when there are several: somebody must look."""
    found = await desk.rest.find(model, domain, ("state", *fields))
    alive = [record for record in found if record["state"] not in ("cancelled", "canceled")]
    if len(alive) > 1:
        raise Unclear(f"{len(alive)} documents carry the reference")
    if alive:
        begin(there=True)
    return alive[0] if alive else None


def number(value: float) -> Decimal:
    """A quantity of the ERP's, which are floats, as it is written."""
    return Decimal(repr(value)).normalize()


def same(found: Iterable[object], meant: Iterable[object]) -> None:
    """Raises `Unclear` unless what is there is what was meant: another document carries the reference."""
    if sorted(found, key=repr) != sorted(meant, key=repr):
        raise Unclear("another document carries the reference")


@asynccontextmanager
async def undone(undo: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """What is refused inside is taken away again, so that nobody can finish it. Raises `Refused` only when it surely is
    gone, else `Unclear`."""
    try:
        yield
    except Refused as refused:
        try:
            await undo()
        except (Refused, Misled, Busy):
            raise Unclear(f"refused, and left half-way: {refused.code}") from None
        begin()
        raise


async def pressed(
    desk: Desk, model: str, record: Record, buttons: Sequence[tuple[str, str]], fields: Sequence[str]
) -> Record:
    """The record after each (state, button) whose state it stood in, in that order. Raises `Refused`."""
    for state, button in buttons:
        if record["state"] == state:
            try:
                record = await desk.rest.act(model, record["id"], button, ("state", *fields))
            except Refused as refused:
                raise Refused(f"cannot {button.replace('_', ' ')}", refused.told) from None
    return record
