"""A replay has the release and tables that its message had. Rules of money, 13."""

from __future__ import annotations

import orjson
import pytest

from engine.domain.changes import Received
from engine.domain.message import Inbound, MessageId
from engine.domain.status import MessageState
from engine.errors import UsageError
from engine.pipeline.editions import KEPT, Editions

CHARGES = "mappings/tables/charges.csv"
RECEIVED = 1_795_190_400_000_000


def code(number: int) -> dict[str, tuple[str, str]]:
    return {CHARGES: ("IMP-FEM-06,*,27810106", f"IMP-FEM-06,*,2781010{number}")}


async def replayed(house, text: str, edition: int | None) -> str:
    """The charge code of a replay of a message that was dropped."""
    received = Received("ehr", RECEIVED, "DFT^P03", "1", text.encode(), None, MessageState.PENDING, "", "AA", None,
                        MessageId(1), "ann", edition, "billing")  # fmt: skip
    (kept,) = await house.store.submit((received,))
    inbound = await house.store.inbound(kept.id)
    assert inbound == Inbound(
        kept.id, "ehr", RECEIVED, text.encode(), None, 1, edition, "billing", 1, RECEIVED
    )
    house.stepper.arrived(inbound)
    await house.stepper.idle()
    trees = [orjson.loads(await house.store.payload(one.id)) for one in await house.store.deliveries(kept.id)]
    assert (await house.view(kept.id)).edition == (edition or house.stepper.edition.id)
    return trees[0]["lines"][0]["code"]


async def test_a_replay_is_stepped_with_what_its_message_had(house, texts):
    then = house.stepper.edition.id
    await house.adopt(code(5))
    assert await replayed(house, texts.dft(texts.ft1("T1")), then) == "27810106"
    assert await replayed(house, texts.dft(texts.ft1("T2")), None) == "27810105"


async def test_few_editions_are_kept_in_memory(house):
    for number in (4, 5, 7, 8, 4):
        await house.adopt(code(number))
    editions = Editions(house.store)
    for view in await house.store.editions(10):
        release = await editions.release(view.id)
        assert release is await editions.release(view.id)
    assert len(editions._made) == KEPT


async def test_an_edition_that_the_store_does_not_have_is_said(house, texts):
    with pytest.raises(UsageError, match="CTL016"):
        await Editions(house.store).release(99)
    received = Received("ehr", RECEIVED, "DFT^P03", "1", texts.dft(texts.ft1("T1")).encode(), None,
                        MessageState.PENDING, "", "AA", None, MessageId(1), "ann", 99)  # fmt: skip
    (kept,) = await house.store.submit((received,))
    house.stepper.arrived(await house.store.inbound(kept.id))
    await house.stepper.idle()
    view = await house.view(kept.id)
    assert (view.state, view.reason.split()[0]) == (MessageState.HELD, "CTL016")
