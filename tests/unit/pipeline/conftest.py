"""The step on the example site with a real store: tell it messages, look at what became of their lines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.activation import activate
from engine.clock import SystemClock, to_us
from engine.domain.changes import Received, Sending, Settled
from engine.domain.message import Inbound, MessageId
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Priority
from engine.domain.status import DeliveryState, MessageState
from engine.domain.views import EffectView, MessageView, Outgoing
from engine.pipeline.correcting import Corrector, Done
from engine.pipeline.correction import Order
from engine.pipeline.releasing import Releaser
from engine.pipeline.stepper import Stepper
from engine.site.compile import load_site
from engine.site.files import Site
from engine.store.sqlite import SqliteStore
from tests.unit.pipeline.lab import running
from tests.unit.pipeline.rig import Lanes, Told, stepping

ROOT = Path(__file__).parents[3]
RECEIVED = to_us(datetime(2026, 11, 20, 16, tzinfo=UTC))


def ft1(
    source_id: str = "T1",
    *,
    code: str = "IMP-FEM-06",
    kind: str = "CG",
    quantity: str = "1",
    amount: str = "4100.00",
    department: str = "OR-NORTH",
    reverses: str = "",
    used: str = "20261120094500",
) -> str:
    fields = [""] * 32
    fields[1], fields[2], fields[4], fields[6], fields[7] = "1", source_id, used, kind, code
    fields[10], fields[11], fields[13], fields[31] = quantity, amount, department, reverses
    return "FT1|" + "|".join(fields[1:]).rstrip("|") + "\r"


def dft(*lines: str, account: str = "A1", patient: str = "M1", control: str = "1") -> str:
    return (
        f"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|{control}|P|2.5.1\r"
        f"PID|1||{patient}^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|I|||||||||||||||||V1\r"
        + "".join(lines)
    )


def a41(survivor: str, loser: str) -> str:
    return (
        "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||ADT^A41|9|P|2.5.1\rEVN|A41|20261120101500\r"
        f"PID|1||M1^^^NORTH^MR|||||||||||||||{survivor}^^^NORTH^AN\rMRG|M1^^^NORTH^MR||{loser}^^^NORTH^AN\r"
    )


class House:
    """A store and a stepper. Everything that `tell` is given is stepped when it returns."""

    def __init__(self, store: SqliteStore, stepper: Stepper, told: Told) -> None:
        self.store, self.stepper, self.told = store, stepper, told
        self.clock = SystemClock()
        self.sent: list[Outgoing] = []

    async def tell(
        self, text: str, *, feed: str = "ehr", replays: int | None = None, received_us: int = RECEIVED
    ) -> MessageView:
        received = Received(
            feed, received_us, text.split("|")[8], "1", text.encode(), None, MessageState.PENDING, "", "AA", None,
            replays=MessageId(replays) if replays else None,
        )  # fmt: skip
        (kept,) = await self.store.submit((received,))
        self.stepper.arrived(await self.store.inbound(kept.id))
        await self.stepper.idle()
        return await self.view(kept.id)

    async def tell_together(self, *texts: str, feed: str = "ehr") -> list[MessageView]:
        """All of them are in the inbox when the first is stepped."""
        received = [
            Received(
                feed,
                RECEIVED,
                text.split("|")[8],
                "1",
                text.encode(),
                None,
                MessageState.PENDING,
                "",
                "AA",
                None,
            )
            for text in texts
        ]
        async with self.stepper.lock:
            kept = await self.store.submit(received)
            for one, text in zip(kept, texts, strict=True):
                self.stepper.arrived(Inbound(one.id, feed, RECEIVED, text.encode(), None))
        await self.stepper.idle()
        return [await self.view(one.id) for one in kept]

    async def view(self, message: int) -> MessageView:
        from engine.domain.views import MessageQuery

        (found,) = await self.store.messages(MessageQuery(before=message + 1, limit=1))
        assert found.id == message
        return found

    async def effects(self, message: int) -> dict[tuple[int, str], EffectView]:
        """By line number and name."""
        return {
            (effect.number, effect.name): effect for effect in await self.store.effects(MessageId(message))
        }

    async def causes(self, message: int) -> set[str]:
        return {effect.cause for effect in (await self.effects(message)).values() if effect.cause}

    async def documents(self) -> list[Outgoing]:
        return [
            row
            for destination in ("erp", "billing")
            for priority in Priority
            for row in await self.store.ready(destination, priority, 0, 1000)
        ]

    async def deliver(self) -> None:
        """All that is ready is applied."""
        for row in await self.documents():
            self.sent.append(row)
            await self.store.submit((Sending((row.id,), RECEIVED),))
            applied = Outcome(Verdict.APPLIED, "HTTP 201", f"D{row.id}")
            await self.store.submit((Settled(row.id, DeliveryState.DELIVERED, applied, RECEIVED),))

    async def adopt(self, edits: dict[str, tuple[str, str]]) -> None:
        """Other rows or files are in force from here on."""
        async with self.stepper.lock:
            site = edited(load_site(ROOT), edits)
            self.stepper.edition = await activate(self.store, site, self.clock, "test")

    async def correct(self, message: int, **order) -> Done:
        async with self.stepper.lock:
            corrector = Corrector(self.store, self.store, Lanes(), self.clock, self.stepper.edition)
            return await corrector.carry_out(
                MessageId(message), Order(**order), "correct", "ann", "wrong row"
            )

    async def end(self, delivery: int, verdict: Verdict, state: DeliveryState, **fields) -> None:
        """A document leaves, and its try ends so."""
        await self.store.submit((Sending((delivery,), RECEIVED),))
        ended = Settled(delivery, state, Outcome(verdict, verdict.word), RECEIVED, **fields)
        await self.store.submit((ended,))

    async def release(self, *messages: int, as_new: bool = False):
        releaser = Releaser(
            self.store, self.store, Lanes(), self.clock, self.stepper.edition, "ann", "row added"
        )
        async with self.stepper.lock:
            return await releaser.release([MessageId(message) for message in messages], as_new=as_new)


@pytest.fixture
def edits() -> dict[str, tuple[str, str]]:
    """What is other in the site: file → (text, what stands in its place)."""
    return {}


@pytest.fixture
async def house(tmp_path, edits):
    async with house_in(tmp_path, edits) as opened:
        yield opened


@asynccontextmanager
async def house_in(folder: Path, edits: dict[str, tuple[str, str]]) -> AsyncIterator[House]:
    async with stepping(folder, edited(load_site(ROOT), edits)) as (store, stepper, told):
        yield House(store, stepper, told)


def edited(site: Site, edits: dict[str, tuple[str, str]]) -> Site:
    files = dict(site.files)
    for file, (before, after) in edits.items():
        if not before:  # a file that the example does not have
            files[file] = after.encode()
            continue
        assert before.encode() in files[file]
        files[file] = files[file].replace(before.encode(), after.encode())
    return Site(site.folder, files)


@pytest.fixture(scope="session")
def texts():
    """Builders of messages: `texts.dft(texts.ft1(...))`."""

    class Texts:
        pass

    Texts.ft1, Texts.dft, Texts.a41 = staticmethod(ft1), staticmethod(dft), staticmethod(a41)
    return Texts


@pytest.fixture
async def lab(tmp_path):
    async with running(tmp_path) as made:
        yield made
