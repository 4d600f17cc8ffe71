"""A line that is told again and again where the channel corrects: the books come to what was told last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from random import Random

import pytest

from engine.domain.changes import Dropped, Sending, Settled
from engine.domain.outcome import Outcome, Verdict
from engine.domain.posting import Action, Priority
from engine.domain.status import DeliveryState, EffectState, MessageState
from tests.unit.pipeline.lab import EXAMPLE, running
from tests.unit.pipeline.ledger import books, charged, closes, explained, follow, settle

CORRECTS = {"channels/ehr-usage.yaml": ("changed: hold", "changed: correct")}


TOLD = {
    "1": ("IMP-FEM-06", 1),
    "2": ("IMP-FEM-06", 2),
    "other": ("IMP-FEM-05", 1),
    "unknown": ("NOBODY-KNOWS", 1),
}
CODES = {"IMP-FEM-06": "27810106", "IMP-FEM-05": "27810105"}


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize(
    "order", [*permutations(TOLD, 3), ("1", "2", "1"), ("2", "1", "2"), ("1", "unknown", "1")]
)
async def test_the_books_are_what_was_told_last(house, texts, edits, delivered, order):
    for number, name in enumerate((*order, "2", "1")):
        code, quantity = TOLD[name]
        await house.tell(texts.dft(texts.ft1("T1", code=code, quantity=str(quantity)), control=str(number)))
        if delivered:
            await settle(house)
    await settle(house)
    assert charged(house) == {"27810106": 1}
    assert await house.store.worklist() == []
    assert not await house.store.anything_waits()


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_a_charge_that_its_sender_moves_to_another_account_is_taken_back_and_posted_there(
    house, texts, edits
):
    await house.tell(texts.dft(texts.ft1("T1"), account="A1"))
    await settle(house)
    moved = await house.tell(texts.dft(texts.ft1("T1"), account="A2"))
    await settle(house)
    told = [json.loads(row.payload) for row in house.sent if row.effect == "charge"]
    assert [(one["account"], one["lines"][0]["code"]) for one in told] == [
        ("A1", "27810106"), ("A1", "27810106"), ("A2", "27810106")
    ]  # fmt: skip
    assert (moved.state, charged(house)) == (MessageState.ROUTED, {"27810106": 1})
    await house.tell(texts.a41("A3", "A2"))
    assert (await house.tell(texts.dft(texts.ft1("T1"), account="A3"))).state is MessageState.DUPLICATE
    await closes(house)
    await explained(house)


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_who_names_no_account_in_between_hides_no_move(house, texts, edits):
    for number, account in enumerate(("A1", "", "A2")):
        text = texts.dft(texts.ft1("T1"), account=account, control=str(number))
        told = await house.tell(text if account else text.replace("|V1\r", "\r"))
        await settle(house)
    assert told.state is MessageState.ROUTED
    charges = [json.loads(row.payload)["account"] for row in house.sent if row.effect == "charge"]
    assert charges == ["A1", "A1", "A2"]
    await closes(house)


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_what_was_held_for_want_of_an_account_goes_when_it_is_told_with_one(house, texts, edits):
    await house.tell(texts.dft(texts.ft1("T1"), account="").replace("|V1\r", "\r"))
    await settle(house)
    assert (books(house), charged(house)) == ({"1000106": 1}, {})
    for control in ("2", "3"):
        told = await house.tell(texts.dft(texts.ft1("T1"), account="A1", control=control))
        await settle(house)
        assert (books(house), charged(house)) == ({"1000106": 1}, {"27810106": 1})
    assert told.state is MessageState.DUPLICATE
    assert await house.store.worklist() == []
    await closes(house)


async def tell(house, texts, quantity: int, control: str, **more):
    line = texts.ft1("T1", quantity=str(quantity), amount="100.00", **more)
    return await house.tell(texts.dft(line, control=control))


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_an_older_telling_that_is_released_or_replayed_posts_nothing_any_more(house, texts, edits):
    waits = await tell(house, texts, 1, "1", code="NOBODY-KNOWS")
    older = await tell(house, texts, 2, "2")
    await tell(house, texts, 3, "3")
    await settle(house)
    await house.release(waits.id)
    replayed = await house.tell(
        texts.dft(texts.ft1("T1", quantity="2", amount="100.00"), control="2"), replays=older.id
    )
    assert (replayed.state, replayed.reason) == (MessageState.FILTERED, "told anew by message 3")
    await settle(house)
    assert charged(house) == {"27810106": 3}


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_what_a_credit_or_a_person_took_back_is_a_persons_to_decide(house, texts, edits):
    first = await tell(house, texts, 1, "1")
    await settle(house)
    await house.tell(texts.dft(texts.ft1("T9", kind="CD", reverses="T1", amount="100.00"), control="2"))
    await settle(house)
    again = await tell(house, texts, 1, "3")
    assert (again.state, again.reason) == (MessageState.DUPLICATE, "every line was told before")
    changed = await tell(house, texts, 2, "4")
    assert await house.causes(changed.id) == {"changed after some of it was taken back"}
    assert first.state is MessageState.ROUTED


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_told_in_whatever_state_the_last_telling_holds(house, texts, edits, seed):
    """Quantities, other codes, codes that nobody knows; delivered now and then."""
    random = Random(seed)
    for number in range(10):
        code, quantity = TOLD[random.choice([*TOLD])]
        await tell(house, texts, quantity, str(number), code=code)
        if random.random() < 0.4:
            await settle(house)
    code, quantity = TOLD[random.choice(["1", "2", "other"])]
    await tell(house, texts, quantity, "last", code=code)
    await settle(house)
    assert charged(house) == {CODES[code]: quantity}
    assert await house.store.worklist() == []
    assert not await house.store.anything_waits()


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_one_id_with_two_new_contents_in_a_message_is_one_line_and_a_held_one(house, texts, edits):
    await tell(house, texts, 1, "1")
    await settle(house)
    both = (texts.ft1("T1", quantity="2"), texts.ft1("T1", quantity="3"))
    told = await house.tell(texts.dft(*both, control="2"))
    await settle(house)
    assert await house.causes(told.id) == {"one id with two contents in a message"}
    assert charged(house) == {"27810106": 2}


VOID = {
    **CORRECTS,
    "mappings/hl7/ehr-dft.yaml": ("  type: FT1-6\n", "  type: FT1-6\n  void: FT1-6 == 'VD'\n"),
}
CONTENTS: list[tuple[str, int] | None] = [
    ("IMP-FEM-06", 1),
    ("IMP-FEM-06", 3),
    ("IMP-FEM-05", 2),
    ("IMP-HIP-STM-12", 1),
    ("KIT-CEM-KNEE", 1),
    ("NOBODY-KNOWS", 1),
    None,
]
"""Owned, consigned, of many parts, unknown; None: void."""
ISSUED = {
    "IMP-FEM-06": {"1000106": 1},
    "IMP-FEM-05": {"1000105": 1},
    "KIT-CEM-KNEE": {"3000140": 2, "3000330": 3, "3000470": 1},
}
CHARGED = {**CODES, "IMP-HIP-STM-12": "27820112", "KIT-CEM-KNEE": "27213300"}

Contents = Mapping[str, tuple[str, int] | None]


@dataclass(frozen=True)
class Said:
    message: int
    text: str
    lines: Contents


class Story:
    """Of a few lines, told in any way. `holds`: what was told last of each."""

    def __init__(self, house, texts, seed: int) -> None:
        self.house, self.texts, self.random = house, texts, Random(seed)
        self.said: list[Said] = []
        self.holds: dict[str, tuple[str, int] | None] = {}

    async def tell(self, lines: Contents) -> None:
        text = self.texts.dft(
            *(self._line(name, content) for name, content in lines.items()), control=str(len(self.said))
        )
        told = await self.house.tell(text)
        self.said.append(Said(told.id, text, lines))
        self.holds.update(lines)

    def _line(self, name: str, content: tuple[str, int] | None) -> str:
        code, quantity = content or ("IMP-FEM-06", 1)
        return self.texts.ft1(
            name,
            code=code,
            quantity=str(quantity),
            amount=f"{100 * quantity}.00",
            kind="CG" if content else "VD",
        )

    async def tell_some(self) -> None:
        names = self.random.sample(("T1", "T2", "T3"), self.random.randint(1, 3))
        await self.tell({name: self.random.choice(CONTENTS) for name in names})

    async def replay(self) -> None:
        """What was void when it was told is not told again: that is so for good, whatever came after it."""
        again = [one for one in self.said if None not in one.lines.values()]
        if again:
            one = self.random.choice(again)
            await self.house.tell(one.text, replays=one.message)

    async def release(self) -> None:
        await self.house.release(*(one.message for one in self.said if self.random.random() < 0.3))

    async def drop(self) -> None:
        one = self.random.choice(self.said)
        held = [
            effect.id
            for effect in await self.house.store.effects(one.message)
            if effect.state is EffectState.HELD
        ]
        await self.house.store.submit((Dropped(tuple(held), 1, "ann", "not ours"),))

    async def credit(self) -> None:
        name = self.random.choice(("T1", "T2", "T3"))
        line = self.texts.ft1(f"C{len(self.said)}", kind="CD", reverses=name, amount="100.00")
        await self.house.tell(self.texts.dft(line, control=f"c{len(self.said)}"))

    async def go(self, steps: int, *ways: str) -> None:
        await self.tell_some()
        for _ in range(steps):
            await getattr(self, self.random.choice(("tell_some", "tell_some", *ways)))()
            await closes(self.house)

    async def deliver(self) -> None:
        await self.house.deliver()

    async def follow(self) -> None:
        await follow(self.house)

    async def settle(self) -> None:
        await settle(self.house)

    async def is_booked(self) -> None:
        issued, billed = Counter[str](), Counter[str]()
        for code, quantity in filter(None, self.holds.values()):
            billed[CHARGED[code]] += quantity
            for item, each in ISSUED.get(code, {}).items():
                issued[item] += each * quantity
        assert (books(self.house), charged(self.house)) == (issued, billed)


EVER = ("deliver", "follow", "settle", "replay", "release")


@pytest.mark.parametrize("edits", [VOID])
@pytest.mark.parametrize("seed", range(16))
async def test_the_account_closes_the_books_are_right_and_every_posting_is_explained(
    house, texts, edits, seed
):
    """Lines told together and apart, kits, void and told again; replayed, released and delivered meanwhile."""
    story = Story(house, texts, seed)
    await story.go(14, *EVER)
    known = [content for content in CONTENTS if content is None or content[0] in CHARGED]
    await story.tell({name: story.random.choice(known) for name in story.holds})
    await settle(house)
    await story.is_booked()
    await closes(house)
    await explained(house)
    assert await house.store.worklist() == []
    assert not await house.store.anything_waits()


@pytest.mark.parametrize("edits", [VOID])
@pytest.mark.parametrize("seed", range(8))
async def test_what_people_drop_and_senders_credit_meanwhile_closes_and_is_explained(
    house, texts, edits, seed
):
    story = Story(house, texts, seed)
    await story.go(16, *EVER, "drop", "credit")
    await settle(house)
    await closes(house)
    await explained(house)
    assert all(quantity > 0 for quantity in (*books(house).values(), *charged(house).values()))


@pytest.mark.parametrize("edits", [VOID])
async def test_a_release_of_one_line_leaves_what_newer_messages_changed_of_another(house, texts, edits):
    """The issue of T1 goes with that of T2, so that its change waits while the void line's message is released."""
    await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="IMP-FEM-05")))
    void = await house.tell(
        texts.dft(texts.ft1("T1", kind="VD"), texts.ft1("T3", code="NOBODY-KNOWS"), control="2")
    )
    await tell(house, texts, 3, "3")
    await house.release(void.id)
    await settle(house)
    assert books(house) == {"1000106": 3, "1000105": 1}


@pytest.mark.parametrize("edits", [CORRECTS])
async def test_a_line_that_is_held_is_held_once_however_often_it_is_replayed(house, texts, edits):
    text = texts.dft(texts.ft1("T1", code="NOBODY-KNOWS"), texts.ft1("T2"))
    first = await house.tell(text)
    for _ in range(3):
        await house.tell(text, replays=first.id)
        (group,) = await house.store.worklist()
        assert (group.lines, group.effects) == (1, 4)
    await tell(house, texts, 2, "2")
    assert await house.store.worklist() == []


@pytest.mark.parametrize("edits", [CORRECTS])
@pytest.mark.parametrize("last", [1, 2, 3])
async def test_two_contents_stay_a_persons_to_decide_until_one_is_told_anew(house, texts, edits, last):
    """The first is posted, the second held; also in a replay, and beside one that was told before."""
    both = texts.dft(texts.ft1("T1", amount="100.00"), texts.ft1("T1", quantity="2", amount="100.00"))
    first = await house.tell(both)
    await house.tell(both, replays=first.id)
    await house.tell(both.replace("DFT^P03|1", "DFT^P03|2"))
    await settle(house)
    assert charged(house) == {"27810106": 1}
    assert {group.cause for group in await house.store.worklist()} == {
        "one id with two contents in a message"
    }
    await tell(house, texts, last, "3")
    await settle(house)
    assert await house.store.worklist() == []
    assert charged(house) == {"27810106": last}


@pytest.mark.parametrize("edits", [VOID])
async def test_a_message_of_which_only_a_held_line_is_left_is_held(house, texts, edits):
    first = await house.tell(texts.dft(texts.ft1("T1"), texts.ft1("T2", code="NOBODY-KNOWS")))
    assert first.state is MessageState.ROUTED
    await house.tell(texts.dft(texts.ft1("T1", kind="VD"), control="2"))
    after = await house.view(first.id)
    assert (after.state, after.reason) == (MessageState.HELD, "MAP033 feed-units: code=NOBODY-KNOWS")
    await house.store.submit(
        (Dropped(tuple(one.id for one in await house.store.effects(first.id)), 1, "ann", "no"),)
    )
    assert (await house.view(first.id)).state is MessageState.FILTERED


def charge_item(account: str | None) -> dict[str, object]:
    """The example's charge, with or without the stay that says its account."""
    bundle = json.loads((EXAMPLE / "channels" / "samples" / "charge-with-encounter.json").read_text())
    if account is None:
        del bundle["entry"][1]
    else:
        bundle["entry"][1]["resource"]["account"][0]["reference"] = f"Account/{account}"
    return bundle


async def test_what_was_refused_and_then_held_is_posted_as_it_is_told_last(tmp_path):
    """The refusal frees the key, what is held takes it; the last telling cancels the one and withdraws the other."""
    async with running(tmp_path) as lab:
        await lab.ask("POST", "", charge_item("A1"))
        (row,) = await lab.store.ready("billing", Priority.LIVE, 0, 100)
        await lab.store.submit((Sending((row.id,), 1),))
        refused = Outcome(Verdict.REJECTED, "422 invalid_field")
        await lab.store.submit((Settled(row.id, DeliveryState.HELD, refused, 1, frees=True),))
        await lab.ask("POST", "", charge_item(None))
        assert [state for _, state, _ in await lab.states()] == ["filtered", "routed", "held"]
        await lab.ask("POST", "", charge_item("A2"))
        ((action, effect, payload),) = await lab.documents()
        assert (action, effect, payload["account"]) == (Action.POST, "charge", "A2")
        assert await lab.store.worklist() == []
