"""What channels refuse at the door (`nak`): told by place and code, kept, judged anew. Rules of money, 29 and 30."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.clock import SystemClock
from engine.codecs.hl7v2.ack import parse_ack
from engine.domain.changes import Received
from engine.domain.filing import Dropped
from engine.domain.message import Arrival
from engine.domain.status import MessageState
from engine.domain.views import MessageQuery
from engine.errors import MessageError
from engine.pipeline import refusing
from engine.pipeline.filing import Filing
from engine.pipeline.intake import Intake
from engine.site.compile import compile_release, load_site
from engine.site.files import Site
from engine.store.sqlite import SqliteStore
from tests.unit.pipeline.conftest import RECEIVED, dft, ft1

ROOT = Path(__file__).parents[3]
USAGE = "channels/ehr-usage.yaml"
SITE = "config/suture.yaml"


def release(*rules: str, listener: str = "", profile: bytes = b""):
    """The example, in which the EHR's charges are refused by `rules`, and by `profile`."""
    site = load_site(ROOT)
    said = "nak:\n" + "".join(f"  - {rule}\n" for rule in rules) if rules else ""
    if profile:
        said += "profile: profiles/dft.xml\n"
        site = Site(site.folder, {**site.files, "channels/profiles/dft.xml": profile}, None)
    charges = site.files[USAGE].decode().replace("\nskip:\n", f"\n{said}\nskip:\n", 1)
    rules_of_site = site.files[SITE].decode()
    if listener:
        rules_of_site = rules_of_site.replace("    acks: original\n", f"    {listener}\n", 1)
    return compile_release(
        Site(site.folder, {**site.files, USAGE: charges.encode(), SITE: rules_of_site.encode()}, None)
    )


def nobodys(*lines: str, control: str = "1") -> str:
    """Without account and visit."""
    return dft(*lines, account="", control=control).replace("|V1\r", "|\r")


NO_ACCOUNT = "{when: account is missing, code: 101, where: PID-18, because: the account is missing}"
FACILITY = (
    "{when: \"facility not in ['NORTH', 'SOUTH']\", code: 103, where: MSH-4, because: not for this interface}"
)
NO_CODE = "{when: code is missing, code: 101, because: a line without its code}"
TOTAL = "{when: sum(lines.amount) > 5000, code: 102, where: FT1-11, because: more than a case can cost}"
NO_LINES = "{when: count(lines) == 0, code: 100, where: FT1-1, because: no line}"


PROFILE = b"""<HL7v2xConformanceProfile><HL7v2xStaticDef MsgType="DFT" EventType="P03">
  <Segment Name="FT1" Usage="R" Min="1" Max="*">
    <Field Name="Set ID" Usage="O" Max="1"/>
    <Field Name="Transaction ID" Usage="R" Max="1" Length="12"/>
  </Segment>
</HL7v2xStaticDef></HL7v2xConformanceProfile>"""


class Clock(SystemClock):
    """Each look takes `step` seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.step, self.seconds = 0.0, 0.0

    def monotonic(self) -> float:
        self.seconds += self.step
        return self.seconds


class Told:
    def __init__(self) -> None:
        self.unable: list[str] = []

    def received(self, feed, kept, received): ...

    def garbled(self, feed, size, reason): ...

    def filed(self, feed, file, messages, held): ...

    def unjudged(self, feed, error):
        self.unable.append(type(error).__name__)


class House:
    def __init__(self, store: SqliteStore) -> None:
        self.store, self.clock, self.told = store, Clock(), Told()
        self.stepped: list[int] = []
        self.release = release(NO_ACCOUNT)
        self.intake = Intake(
            store,
            lambda: self.release.listeners,
            self.clock,
            lambda inbound: self.stepped.append(inbound.id),
            self.told,
        )

    async def receive(self, text: str):
        answer = await self.intake.receive(Arrival("ehr", text.encode(), "127.0.0.1", "mllp"))
        return parse_ack(answer.ack)

    async def newest(self):
        return (await self.store.messages(MessageQuery()))[0]


@pytest.fixture
async def door(tmp_path: Path):
    store = SqliteStore(tmp_path / "s.db", site="s", environment="test", clock=SystemClock())
    await store.start()
    yield House(store)
    await store.stop()


def refused_by(*rules: str, text: str, seconds: float = 0.0):
    listener = release(*rules).listeners["ehr"]
    return refusing.refusals(
        listener.naks, "ehr", "DFT^P03", text.encode(), None, None, 1_795_000_000_000_000, lambda: seconds
    )


@pytest.mark.parametrize(
    ("amount", "said"),
    [("x", "a line without its price (amount: this text is no number)"), ("", "a line without its price")],
)
def test_what_is_there_and_cannot_be_read_is_not_told_as_missing(amount, said):
    text = dft(ft1("T1"), ft1("T2", amount=amount))
    rule = "{when: amount is missing, code: 101, because: a line without its price}"
    found = refused_by(rule, text=text)
    assert [error.what for error in found.errors] == [said]
    assert found.reason == f"INT005 ehr-usage: {said}"


def places(found) -> list[tuple[int, str]]:
    return [(error.hl7_code, error.where) for error in found.errors]


async def test_what_a_channel_refuses_is_kept_and_the_sender_told_place_and_code_but_no_value(door):
    text = nobodys(ft1())
    ack = await door.receive(text)
    assert (ack.code, ack.control_id, ack.text) == ("AE", "1", "the account is missing")
    (error,) = ack.errors
    assert (error.location[:3], error.code, error.text) == (("PID", 1, 18), 101, "the account is missing")
    view = await door.newest()
    assert (view.state, view.reason) == (MessageState.REFUSED, "INT005 ehr-usage: the account is missing")
    assert await door.store.raw(view.id) == text.encode()
    assert door.stepped == []


async def test_what_is_refused_of_a_file_waits_for_a_person_since_its_sender_hears_nothing(door):
    """Repeats are known before; what waits is not remembered, so that it may be told again, mended or released."""

    def filing():
        listener = replace(door.release.listeners["ehr"], name="nightly", kind="folder")
        stub = SimpleNamespace(listeners={"nightly": listener}, zone=UTC, rows_of=lambda feed: ())
        return Filing(
            door.store, lambda: stub, door.clock, lambda inbound: door.stepped.append(inbound.id), door.told,
            lambda: True,
        )  # fmt: skip

    async def drop(*texts: str) -> list[tuple[str, str]]:
        await filing().take(Dropped("nightly", "n.hl7", "".join(texts).encode()))
        views = (await door.store.messages(MessageQuery()))[: len(texts)]
        return [(view.state.word, view.reason) for view in reversed(views)]

    refused = ("held", "INT005 ehr-usage: the account is missing")
    assert await drop(dft(ft1(), control="1"), nobodys(ft1(), control="2")) == [("pending", ""), refused]
    (group,) = await door.store.worklist()
    assert (group.cause, group.owner, group.messages) == (refused[1], "interface", 1)
    assert await drop(nobodys(ft1(), control="2"), dft(ft1(), control="1")) == [
        refused, ("duplicate", "told before: same MSH-10 and body"),
    ]  # fmt: skip
    assert await drop(dft(ft1(), control="2")) == [("pending", "")]
    door.clock.step = 1.0
    assert (await drop(dft(ft1(), control="3")))[0][1].startswith("INT006 ")
    assert door.stepped == [1, 5]


async def test_the_place_stands_in_err_1_up_to_2_4_and_in_err_2_since(door):
    for version, form in (
        ("2.3", rb"\rERR\|PID\^1\^18\^101\r"),
        ("2.5", rb"\rERR\|\|PID\^1\^18[\^1]*\|101\^"),
    ):
        text = nobodys(ft1()).replace("|2.5.1\r", f"|{version}\r")
        answer = await door.intake.receive(Arrival("ehr", text.encode(), "127.0.0.1", "mllp"))
        assert re.search(form, answer.ack), answer.ack


async def test_what_is_not_refused_is_taken_whatever_else_is_wrong_with_it(door):
    ack = await door.receive(dft(ft1(code="NOBODY-KNOWS", department="NOWHERE")))
    assert (ack.code, ack.errors) == ("AA", ())
    assert door.stepped == [1]


async def test_a_refused_message_is_judged_anew(door):
    text = nobodys(ft1())
    assert (await door.receive(text)).code == "AE"
    assert (await door.receive(text)).code == "AE"
    door.release = release(FACILITY)
    assert (await door.receive(text)).code == "AA"
    assert door.stepped == [3]


async def test_a_message_that_was_taken_stays_taken_when_a_rule_comes_later(door):
    text = nobodys(ft1())
    door.release = release(FACILITY)
    assert (await door.receive(text)).code == "AA"
    door.release = release(NO_ACCOUNT)
    ack = await door.receive(text)
    assert (ack.code, ack.errors, ack.text) == ("AA", (), "")
    assert (await door.newest()).state is MessageState.DUPLICATE


async def test_the_wrong_header_is_ar_and_enhanced_senders_get_ce_or_cr(door):
    elsewhere = dft(ft1()).replace("|NORTH|", "|WEST|", 1)
    door.release = release(FACILITY)
    assert (await door.receive(elsewhere)).code == "AR"
    door.release = release(FACILITY, NO_ACCOUNT, listener="acks: enhanced")
    assert (await door.receive(elsewhere)).code == "CR"
    assert (await door.receive(nobodys(ft1()))).code == "CE"


async def test_what_is_not_decided_in_time_is_taken_and_held_and_a_repeat_is_known(door):
    door.clock.step = 0.3
    text = nobodys(ft1())
    assert (await door.receive(text)).code == "AA"
    view = await door.newest()
    assert (view.state, view.reason) == (MessageState.HELD, refusing.LATE)
    assert door.stepped == []
    assert (await door.receive(text)).code == "AA"
    assert (await door.newest()).state is MessageState.DUPLICATE


async def test_a_fault_of_ours_takes_and_holds(door, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(refusing, "to_datetime", broken)
    assert (await door.receive(nobodys(ft1()))).code == "AA"
    assert (await door.newest()).state is MessageState.HELD
    assert door.told.unable == ["ZeroDivisionError"]


def test_each_rule_is_told_once_at_the_first_line_for_which_it_holds():
    text = nobodys(ft1("T1"), ft1("T2", code=""), ft1("T3", code=""))
    found = refused_by(NO_CODE, NO_ACCOUNT, text=text)
    assert sorted(places(found)) == [(101, "FT1[2]-7.1"), (101, "PID-18")]


def test_a_condition_over_lines_is_asked_once_of_all_of_them():
    text = dft(ft1("T1", amount="3000.00"), ft1("T2", amount="2500.00"))
    assert places(refused_by(TOTAL, text=text)) == [(102, "FT1-11")]
    assert places(refused_by(TOTAL, text=dft(ft1("T1", amount="3000.00")))) == []


def test_a_message_without_lines_is_judged_by_what_it_says_of_itself():
    assert places(refused_by(NO_LINES, NO_CODE, NO_ACCOUNT, text=nobodys())) == [
        (100, "FT1-1"),
        (101, "PID-18"),
    ]
    assert places(refused_by(NO_CODE, NO_ACCOUNT, text=dft())) == []


def test_without_a_place_the_field_that_is_asked_for_is_named():
    assert places(refused_by(NO_CODE, text=dft(ft1(code="")))) == [(101, "FT1[1]-7.1")]


def test_a_condition_that_cannot_be_calculated_holds_the_message():
    found = refused_by("{when: code * 2 > 3, code: 102, because: no}", text=dft(ft1(code="ABC")))
    assert not found.errors
    assert found.reason.startswith("INT007 ")
    assert "ABC" not in found.reason


def test_a_message_too_long_for_its_time_is_not_begun(monkeypatch):
    text = dft(*[ft1(str(number)) for number in range(50)])
    assert refused_by(NO_CODE, text=text) == refusing.NONE
    monkeypatch.setattr(refusing, "Message", None)
    monkeypatch.setattr(refusing, "BYTES_A_SECOND", 1000)
    assert refused_by(NO_CODE, text=text).reason == refusing.LATE


def test_lines_are_not_read_on_when_the_time_is_over():
    looks: list[float] = []

    def later() -> float:
        looks.append(0.09)
        return sum(looks)

    naks = release(NO_CODE).listeners["ehr"].naks
    text = dft(*[ft1(str(number)) for number in range(50)]).encode()
    found = refusing.refusals(naks, "ehr", "DFT^P03", text, None, None, 1_795_000_000_000_000, later)
    assert (found.reason, len(looks)) == (refusing.LATE, 3)


async def test_what_does_not_fit_the_channels_profile_is_refused(door):
    door.release = release(profile=PROFILE)
    assert (await door.receive(dft(ft1("T1"), ft1("T2")))).code == "AA"
    ack = await door.receive(dft(ft1("T1"), ft1("T234567890123"), ft1(""), control="2"))
    assert (ack.code, ack.text) == ("AE", "FT1[2]-2 it is too long")
    assert [(error.location[:3], error.code) for error in ack.errors] == [
        (("FT1", 2, 2), 104),
        (("FT1", 3, 2), 101),
    ]
    assert (await door.newest()).reason == "INT008 ehr-usage: FT1[2]-2 it is too long"


def test_a_profile_has_no_more_time_than_rules():
    naks = release(profile=PROFILE).listeners["ehr"].naks
    text = dft(ft1()).encode()
    found = refusing.refusals(naks, "ehr", "DFT^P03", text, None, None, 1_795_000_000_000_000, lambda: 0.5)
    assert found == refusing.Refusals((), refusing.LATE)


def test_other_messages_of_the_feed_are_not_read():
    naks = release(NO_CODE).listeners["ehr"].naks
    found = refusing.refusals(naks, "ehr", "ADT^A01", b"no HL7 at all", None, None, 0, lambda: 9.0)
    assert found == refusing.NONE


def test_bytes_that_are_no_message_are_refused_as_ever():
    with pytest.raises(MessageError):
        refused_by(NO_CODE, text="MSH|^~\\&|A\rMSH|^~\\&|B\r")


def test_a_listener_whose_channels_refuse_nothing_asks_nothing():
    assert release(NO_CODE).listeners["hl7-http"].naks is not None
    site = load_site(ROOT)
    quiet = {name: data for name, data in site.files.items() if name != "channels/requisitions.yaml"}
    assert compile_release(Site(site.folder, quiet, None)).listeners["ehr"].naks is None


async def test_what_was_not_decided_stands_in_the_worklist_and_goes_when_somebody_releases_it(house):
    text = dft(ft1())
    late = Received(
        "ehr", RECEIVED, "DFT^P03", "1", text.encode(), None, MessageState.HELD, refusing.LATE, "AA", None
    )
    (kept,) = await house.store.submit((late,))
    assert kept.state is MessageState.HELD
    groups = await house.store.worklist()
    assert [(group.cause, group.messages) for group in groups] == [(refusing.LATE, 1)]
    await house.release(kept.id)
    assert (await house.view(kept.id)).state is MessageState.ROUTED
    assert {name for _, name in await house.effects(kept.id)} >= {"charge"}


class Sent(NamedTuple):
    """One message of a story: its number, whether it lacks its account or its code, and the rules of the moment."""

    control: int
    account: bool
    code: bool
    rules: int


RULES = [release(NO_ACCOUNT), release(NO_CODE), release(NO_ACCOUNT, NO_CODE)]
STORIES = st.lists(
    st.builds(Sent, st.integers(1, 3), st.booleans(), st.booleans(), st.integers(0, 2)), max_size=12
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES)
async def test_whatever_is_sent_each_answer_says_what_is_kept(tmp_path, story):
    """AA: taken now, or told before. AE: refused, since a rule of the moment holds and nothing was taken before."""
    with TemporaryDirectory(dir=tmp_path) as folder:
        store = SqliteStore(Path(folder, "s.db"), site="s", environment="test", clock=SystemClock())
        await store.start()
        try:
            door, taken = House(store), set[str]()
            for sent in story:
                door.release = RULES[sent.rules]
                text = (dft if sent.account else nobodys)(
                    ft1(code="IMP-FEM-06" if sent.code else ""), control=str(sent.control)
                )
                ack, state = await door.receive(text), (await door.newest()).state
                wrong = (sent.rules != 1 and not sent.account) or (sent.rules != 0 and not sent.code)
                if text in taken:
                    assert (ack.code, state) == ("AA", MessageState.DUPLICATE)
                elif wrong:
                    assert (ack.code, state) == ("AE", MessageState.REFUSED)
                else:
                    assert (ack.code, state) == ("AA", MessageState.PENDING)
                    taken.add(text)
            assert len(door.stepped) == len(taken)
            assert sum((await store.message_counts()).values()) == len(story)
        finally:
            await store.stop()
