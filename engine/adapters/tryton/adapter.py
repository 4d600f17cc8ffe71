"""The `Adapter` port over Tryton: one document at a time, found by reference before anything is made.

Tryton refuses no second document with the same reference, so that is our work: every send looks first. It says 503 when
two documents meet at one item and location, so these wait for one another here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from engine.adapters.http import REPLY_KEPT
from engine.adapters.transport import NotSent, Transport, Unanswered
from engine.adapters.tryton.booking import Booking, Desk, Receipt
from engine.adapters.tryton.codes import Codes
from engine.adapters.tryton.invoices import Invoices
from engine.adapters.tryton.journals import Journals
from engine.adapters.tryton.purchases import Purchases
from engine.adapters.tryton.rest import Busy, Misled, Record, Refused, Rest, Unclear, begin, begun
from engine.adapters.tryton.shipments import Shipments
from engine.domain.erp import BadDocument, Form, InternalShipment, Purchase, read_form
from engine.domain.outcome import Outcome, Verdict
from engine.domain.views import Outgoing

MASTERS = {
    "products": "product.product",
    "units": "product.uom",
    "locations": "stock.location",
    "accounts": "account.account",
    "cost centers": "analytic_account.account",
}
"""What people call its masters → the ERP's model. Parties are not among them: patients may be."""


@dataclass(frozen=True, slots=True)
class TrytonEndpoint:
    """`url`: of the database, no trailing slash. `company`: name of its party. `payment_term`: its name; `receivable`:
    code of the account. `values_stock`: whether the ERP is to post the value of stock moves itself."""

    url: str
    timeout: float
    key: str | None = field(repr=False)
    company: str
    payment_term: str
    receivable: str
    values_stock: bool


class TrytonAdapter:
    """Outcomes: what Tryton refuses is final; 401, 403, and a set-up other than the site says stop the destination;
    429 and 503 are tried again; 500 is asked about, then final where nothing is there. What stands half-way is never
    told as not sent, nor as refused."""

    def __init__(self, endpoint: TrytonEndpoint) -> None:
        self._endpoint = endpoint
        self._transport = Transport(endpoint.url, timeout=endpoint.timeout)
        self._rest = Rest(self._transport, urlsplit(endpoint.url).path.rstrip("/"), endpoint.key)
        self._codes = Codes(self._rest, lambda: asyncio.get_running_loop().time())
        self._kinds: dict[str, Booking[Any]] | None = None
        self._turns: dict[tuple[str, str], _Turn] = {}

    async def send(self, delivery: Outgoing) -> Outcome:
        async def book(form: Form, booking: Booking[Any]) -> Receipt | None:
            await self._check_stock_accounting(form)
            async with self._alone_with(form):
                return await booking.book(form)

        outcome = await self._outcome(delivery, book)
        if outcome.verdict is Verdict.REJECTED:
            self._codes.forget()
        if outcome.code == "HTTP 500" and delivery.attempts and not begun():
            return await self._after_500(delivery, outcome)
        return outcome

    async def _after_500(self, delivery: Outgoing, outcome: Outcome) -> Outcome:
        """An error of the ERP's own, again, before anything was made: a person must look, once it is sure that nothing
        is there."""
        found = await self.probe(delivery)
        if found is not None and found.verdict is Verdict.ABSENT:
            return Outcome(Verdict.REJECTED, "HTTP 500, again")
        return found if found is not None and found.verdict is Verdict.APPLIED else outcome

    async def send_many(self, deliveries: Sequence[Outgoing]) -> list[Outcome]:
        return [await self.send(delivery) for delivery in deliveries]

    async def probe(self, delivery: Outgoing) -> Outcome | None:
        """HALF when a document stands half-way: sending goes on with it."""

        async def look(form: Form, booking: Booking[Any]) -> Receipt | None:
            return await booking.booked(form)

        outcome = await self._outcome(delivery, look)
        unsure = outcome.verdict in (Verdict.REJECTED, Verdict.NOT_SENT) or (
            outcome.verdict is Verdict.HALF and outcome.code != "half booked"
        )
        return outcome._replace(verdict=Verdict.UNKNOWN) if unsure else outcome

    async def look(self) -> str:
        """Why nothing could be booked as the site is set up; '' when all that it names is there. Changes nothing."""
        try:
            await self._bookings()
            await self._codes.payment_term(self._endpoint.payment_term)
            await self._codes.receivable(self._endpoint.receivable)
            await self._codes.revenue_journal()
        except (Misled, Busy, Unclear, NotSent, Unanswered) as why:
            return str(why.args[0])
        except Refused as refused:
            return refused.told or refused.code
        return ""

    async def masters(self, of: str, fields: Iterable[str]) -> list[Record]:
        """Every record of some masters, as the company sees them. Raises as `Rest` does."""
        await self._bookings()
        return await self._rest.find_all(MASTERS[of], fields)

    def cut(self) -> None:
        self._transport.cut()

    async def close(self) -> None:
        self._transport.cut()

    async def _outcome(
        self, delivery: Outgoing, work: Callable[[Form, Booking[Any]], Awaitable[Receipt | None]]
    ) -> Outcome:
        """What came of it, as the lane understands it."""
        begin()
        try:
            form = read_form(delivery.path, delivery.payload)
            if form.reference != delivery.reference:
                raise BadDocument("reference: it is another than the delivery's own")
            receipt = await work(form, (await self._bookings())[delivery.path])
        except BadDocument as bad:
            return Outcome(Verdict.REJECTED, "not a document", reply=str(bad).encode())
        except Refused as refused:
            return Outcome(
                Verdict.REJECTED, f"refused: {refused.code}", reply=refused.told.encode()[:REPLY_KEPT]
            )
        except Misled as misled:
            return Outcome(Verdict.HALF if begun() else Verdict.CREDENTIALS, str(misled))
        except Busy as busy:
            verdict = Verdict.HALF if begun() else Verdict.NOT_SENT
            return Outcome(verdict, busy.args[0], retry_after=busy.args[1])
        except NotSent as why:
            return Outcome(Verdict.HALF if begun() else Verdict.NOT_SENT, str(why))
        except (Unanswered, Unclear) as why:
            return Outcome(Verdict.UNKNOWN, str(why))
        except ArithmeticError:
            return Outcome(Verdict.REJECTED, "a number is too long")
        if receipt is None:
            return Outcome(Verdict.HALF, "half booked") if begun() else Outcome(Verdict.ABSENT, "not booked")
        return Outcome(Verdict.APPLIED, "booked", receipt.document, receipt.amount)

    async def _bookings(self) -> dict[str, Booking[Any]]:
        """By path. The company is asked for once."""
        if self._kinds is None:
            company = await self._codes.company(self._endpoint.company)
            self._rest.in_company(company.id)
            desk = Desk(
                self._rest, self._codes, company, self._endpoint.payment_term, self._endpoint.receivable
            )
            shipments = Shipments(desk)
            self._kinds = {
                "/internal-shipments": shipments,
                "/customer-invoices": Invoices(desk),
                "/journals": Journals(desk),
                "/purchases": Purchases(desk, shipments),
            }
        return self._kinds

    async def _check_stock_accounting(self, form: Form) -> None:
        """Who posts the value of stock must be who the site says, else it is posted twice, or never."""
        itself = await self._codes.values_stock(form.posting_date)
        if itself != self._endpoint.values_stock:
            self._codes.forget()
            raise Misled(f"stock accounting: the ERP {'values' if itself else 'does not value'} stock itself")

    @asynccontextmanager
    async def _alone_with(self, form: Form) -> AsyncIterator[None]:
        """No other document of ours is at the same item and location meanwhile."""
        async with AsyncExitStack() as stack:
            for place in sorted(_places(form)):
                await stack.enter_async_context(self._turn(place))
            yield

    @asynccontextmanager
    async def _turn(self, place: tuple[str, str]) -> AsyncIterator[None]:
        turn = self._turns.setdefault(place, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[place]


class _Turn:
    """`wanted`: by how many; nobody wants it any more: it is forgotten."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


def _places(form: Form) -> set[tuple[str, str]]:
    match form:
        case InternalShipment():
            locations = [form.from_location, form.to_location]
        case Purchase():
            locations = [place for place in (form.received_at, form.used_at) if place is not None]
        case _:
            return set()
    return {(line.item, location) for line in form.lines for location in locations}
