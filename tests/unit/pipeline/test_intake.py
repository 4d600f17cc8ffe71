"""The door: durable, then the answer; what only the sender can mend is refused. Rules of money, 27 to 29."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.codecs.hl7v2.ack import parse_ack
from engine.codecs.hl7v2.header import peek
from engine.domain.message import Arrival, Inbound
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.errors import StoreUnavailable
from engine.pipeline import intake as module
from engine.pipeline.intake import Intake
from engine.site.release import Listener
from engine.store.sqlite import SqliteStore

MESSAGE = "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C1|P|2.5.1|||AL|NE\rPID|1||M1\rFT1|1|T1\r"


def listener(**options) -> Listener:
    given = {
        "name": "ehr", "kind": "mllp", "acks": "original", "accepts_test": False, "limit_bytes": 1 << 20,
        "tolerant": False, "when_unable": "close", "default_charset": None, "path": "/", **options,
    }  # fmt: skip
    return Listener(**given)


class Told:
    def __init__(self) -> None:
        self.kept: list[Inbound] = []
        self.garbled_sizes: list[int] = []

    def received(self, feed, kept, received): ...

    def garbled(self, feed, size, reason):
        self.garbled_sizes.append(size)


class Door:
    def __init__(self) -> None:
        self.reads = True

    def pause(self) -> None:
        self.reads = False

    def resume(self) -> None:
        self.reads = True


class House:
    def __init__(self, store: SqliteStore) -> None:
        self.store, self.told, self.rules = store, Told(), {"ehr": listener()}
        self.intake = Intake(store, lambda: self.rules, SystemClock(), self.told.kept.append, self.told)

    async def receive(self, text: str = MESSAGE):
        return await self.intake.receive(Arrival("ehr", text.encode("latin-1"), "127.0.0.1", "mllp"))

    async def states(self) -> list[MessageState]:
        return [view.state for view in reversed(await self.store.messages(MessageQuery()))]


@pytest.fixture
async def house(tmp_path: Path):
    store = SqliteStore(tmp_path / "s.db", site="s", environment="test", clock=SystemClock())
    await store.start()
    yield House(store)
    await store.stop()


def said(answer) -> dict[str, str]:
    found = re.search(rb"\rMSA\|([^|]*)\|([^|\r]*)", answer.ack)
    return {"code": found[1].decode(), "control": found[2].decode()}


async def test_a_message_is_durable_before_it_is_acknowledged_and_handed_on_once(house):
    answer = await house.receive()
    assert said(answer) == {"code": "AA", "control": "C1"}
    assert await house.states() == [MessageState.PENDING]
    assert [inbound.raw for inbound in house.told.kept] == [MESSAGE.encode()]


async def test_the_same_message_again_is_answered_as_before_and_not_handed_on(house):
    await house.receive()
    again = await house.receive(
        MESSAGE.replace("20261120101500", "20261120101501")
    )  # MSH-7 is of the sending
    assert said(again)["code"] == "AA"
    assert await house.states() == [MessageState.PENDING, MessageState.DUPLICATE]
    assert len(house.told.kept) == 1


@pytest.mark.parametrize(
    ("asked", "before", "now"),
    [("AL|NE", "CA", "AA"), ("NE|NE", None, "AA")],
)
async def test_a_repeat_is_answered_by_the_settings_of_now(house, asked, before, now):
    message = MESSAGE.replace("AL|NE", asked)
    house.rules["ehr"] = listener(acks="enhanced")
    first = await house.receive(message)
    assert (said(first)["code"] if first.ack else None) == before
    house.rules["ehr"] = listener()
    again = await house.receive(message)
    assert said(again) == {"code": now, "control": "C1"}
    newest, _ = await house.store.messages(MessageQuery())
    assert (newest.state, newest.answered) == (MessageState.DUPLICATE, now)


async def test_a_control_id_with_another_body_is_another_message(house):
    await house.receive()
    await house.receive(MESSAGE.replace("T1", "T2"))
    assert await house.states() == [MessageState.PENDING, MessageState.PENDING]


@pytest.mark.parametrize(
    ("before", "after", "code", "reason"),
    [
        ("|C1|", "||", "AR", "INT001"),
        ("|DFT^P03|", "||", "AR", "INT002"),
        ("|2.5.1|", "|3.0|", "AR", "INT003"),
        ("|P|", "|T|", "AR", "INT004"),
    ],
)
async def test_what_only_the_sender_can_mend_is_refused_with_its_bytes_kept(
    house, before, after, code, reason
):
    answer = await house.receive(MESSAGE.replace(before, after))
    assert said(answer)["code"] == code
    (view,) = await house.store.messages(MessageQuery())
    assert (view.state, view.reason) == (MessageState.REFUSED, reason)
    assert await house.store.raw(view.id) == MESSAGE.replace(before, after).encode()
    assert house.told.kept == []


async def test_a_refused_message_is_judged_anew_when_it_comes_again(house):
    await house.receive(MESSAGE.replace("|P|", "|T|"))
    house.rules["ehr"] = listener(accepts_test=True)
    assert said(await house.receive(MESSAGE.replace("|P|", "|T|")))["code"] == "AA"


async def test_what_is_no_message_at_all_is_kept_and_cannot_be_answered(house):
    answer = await house.receive("hello")
    assert answer.ack is None
    assert await house.states() == [MessageState.REFUSED]


async def test_a_garbled_frame_is_kept_and_counted(house):
    house.intake.garbled("ehr", b"MSH|^~", "LST013 the connection ended inside a frame", "127.0.0.1")
    await house.store.submit([])
    assert house.told.garbled_sizes == [6]
    (view,) = await house.store.messages(MessageQuery())
    assert view.reason.startswith("garbled: LST013")


@pytest.mark.parametrize(("acks", "code"), [("original", "AA"), ("enhanced", "CA"), ("by header", "CA")])
async def test_the_acknowledgment_is_the_one_that_the_listener_gives(house, acks, code):
    house.rules["ehr"] = listener(acks=acks)
    assert said(await house.receive())["code"] == code


async def test_an_enhanced_sender_gets_both_acknowledgments_when_it_asks_for_both_and_again_for_a_repeat(
    house,
):
    house.rules["ehr"] = listener(acks="by header")
    for _ in range(2):
        answer = await house.receive(MESSAGE.replace("|AL|NE", "|AL|AL"))
        accept, application = peek(answer.ack), peek(answer.application)
        assert said(answer) == {"code": "CA", "control": "C1"}
        assert b"\rMSA|AA|C1\r" in answer.application
        assert accept.control_id != application.control_id
        assert (application.accept_ack, application.app_ack) == ("NE", "NE")
    assert (await house.receive(MESSAGE)).application is None


async def test_what_is_refused_has_no_application_acknowledgment(house):
    house.rules["ehr"] = listener(acks="enhanced")
    answer = await house.receive(MESSAGE.replace("|AL|NE", "|AL|AL").replace("|P|", "|T|"))
    assert (said(answer)["code"], answer.application) == ("CR", None)


async def test_an_order_is_answered_with_its_own_kind_where_the_listener_says_so(house):
    order = MESSAGE.replace("DFT^P03", "OMS^O05")
    assert peek((await house.receive(order)).ack).event == "ACK^O05"
    house.rules["ehr"] = listener(typed=True)
    assert peek((await house.receive(order)).ack).field(9) == "ORS^O06^ORS_O06"


async def test_a_master_is_answered_with_what_is_known_of_its_records_at_the_door(house):
    master = MESSAGE.replace("DFT^P03", "MFN^M16") + "MFI|INV||UPD|||AL\rMFE|MAD|1||A|CWE\r"
    assert b"MFA" not in (await house.receive(master)).ack
    house.rules["ehr"] = listener(typed=True)
    assert b"\rMFA|MAD|1|" in (ack := (await house.receive(master)).ack)
    assert b"|^stored|A|CWE\r" in ack
    refused = (await house.receive(master.replace("|P|", "|T|"))).ack
    assert b"|U|A|CWE\r" in refused
    assert peek(refused).field(9).startswith("MFK^M16")
    house.rules["ehr"] = listener(typed=True, acks="enhanced")
    later = await house.receive(master.replace("|AL|NE", "|AL|AL"))
    assert b"MFA" not in later.ack
    assert b"|^stored|A|CWE\r" in later.application


async def test_a_listener_may_say_ar_while_nothing_can_be_kept(house, monkeypatch):
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(StoreUnavailable("STO010", "the disk is full", "free space"))
    monkeypatch.setattr(house.store, "submit", lambda changes: failed)
    house.rules["ehr"] = listener(when_unable="AR")
    answer = await house.receive()
    assert said(answer) == {"code": "AR", "control": "C1"}
    assert parse_ack(answer.ack).errors[0].code == 207
    house.rules["ehr"] = listener(when_unable="AR", acks="enhanced")
    assert said(await house.receive())["code"] == "CR"
    with pytest.raises(StoreUnavailable):  # whoever asked for silence is not answered
        await house.receive(MESSAGE.replace("|AL|NE", "|NE|NE"))


async def test_without_a_commit_there_is_no_answer_and_nobody_new_is_let_in(house, monkeypatch):
    monkeypatch.setattr(module, "STORE_PAUSE", 0.01)
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(StoreUnavailable("STO010", "the disk is full", "free space"))
    with monkeypatch.context() as patched:
        patched.setattr(house.store, "submit", lambda changes: failed)
        with pytest.raises(StoreUnavailable):
            await house.receive()
    assert not house.intake.accepting
    async with asyncio.timeout(5):
        while not house.intake.accepting:  # noqa: ASYNC110 - it tries again by itself
            await asyncio.sleep(0.01)
    assert said(await house.receive())["code"] == "AA"


async def test_doors_stop_reading_while_too_much_waits_for_its_commit(house, monkeypatch):
    monkeypatch.setattr(module, "CROWDED", 10)
    door = Door()
    house.intake.pauses(door)
    answers = [
        house.intake.receive(Arrival("ehr", MESSAGE.replace("C1", f"C{n}").encode(), "127.0.0.1", "mllp"))
        for n in range(12)
    ]
    assert not door.reads
    await asyncio.gather(*answers)
    async with asyncio.timeout(5):
        while not door.reads:  # noqa: ASYNC110 - it looks again by itself
            await asyncio.sleep(0.01)


async def test_a_closed_door_takes_nothing(house):
    house.intake.close()
    assert not house.intake.accepting
