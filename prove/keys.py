"""Identical screws, resends, inserted lines, changed content, reused ids, merges: rules of money, 2 to 4.

Random morning of such stories, told in random order of accounts; what each must end as is known beforehand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from prove.house import House, chance_of, house_in
from prove.report import Proof, Scale
from tests.acceptance.rig import code_of, exchange

SHORT = Scale(messages=40, faults=0, settle=0.3)
FULL = Scale(messages=5000, faults=0, settle=2.0)
ROUNDS = 5
SABOTAGE = "forget-keys"
AT_ONCE = 500
"""Messages over one connection."""

Story = tuple[list[bytes], int, int]
"""(messages of one account in order, charges that must be booked, charges that must be held)."""


def line(source_id: str, cents: int, code: str = "IMP-FEM-06") -> str:
    return f"FT1|1|{source_id}||20261120094500||CG|{code}|||1|{cents / 100:.2f}|{cents / 100:.2f}|OR-NORTH\r"


def usage(control: str, account: str, *lines: str) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||DFT^P03|{control}|P|2.5.1|||AL|NE\r"
        f"PID|1||M{account}^^^NORTH^MR|||||||||||||||{account}^^^NORTH^AN\rPV1|1|I\r{''.join(lines)}"
    ).encode()


def merge(control: str, survivor: str, loser: str) -> bytes:
    return (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||ADT^A41^ADT_A39|{control}|P|2.5.1|||AL|NE\r"
        f"EVN|A41|20261120101500\rPID|1||M{survivor}^^^NORTH^MR|||||||||||||||{survivor}^^^NORTH^AN\r"
        f"MRG|M{survivor}^^^NORTH^MR||{loser}^^^NORTH^AN\r"
    ).encode()


def identical_screws(name: str) -> Story:
    two = usage(f"{name}a", name, line("", 100), line("", 100))
    return [two, two], 2, 0  # the second telling is the same message again


def resent_with_new_control_id(name: str) -> Story:
    return [usage(f"{name}{n}", name, line(f"{name}T", 200)) for n in "abc"], 1, 0


def a_line_inserted(name: str) -> Story:
    first, second, more = line(f"{name}T", 300), line(f"{name}U", 301), line(f"{name}V", 302)
    return [usage(f"{name}a", name, first, second), usage(f"{name}b", name, more, first, second)], 3, 0


def changed_content(name: str) -> Story:
    return [usage(f"{name}{n}", name, line(f"{name}T", 400 + n)) for n in range(2)], 1, 1


def a_weak_line_again(name: str) -> Story:
    return [usage(f"{name}{n}", name, line("", 500)) for n in "ab"], 1, 1


def a_control_id_for_another_message(name: str) -> Story:
    return [usage(f"{name}a", name, line(f"{name}T{n}", 600 + n)) for n in range(2)], 2, 0


def merged_before_a_resend(name: str) -> Story:
    told = [usage(f"{name}a", f"{name}L", line(f"{name}T", 700)), merge(f"{name}m", f"{name}S", f"{name}L")]
    return [*told, usage(f"{name}b", f"{name}S", line(f"{name}T", 700))], 1, 0


def one_id_twice_in_a_message(name: str) -> Story:
    return [usage(f"{name}a", name, line(f"{name}T", 800), line(f"{name}T", 800))], 1, 0


STORIES: tuple[Callable[[str], Story], ...] = (
    identical_screws,
    resent_with_new_control_id,
    a_line_inserted,
    changed_content,
    a_weak_line_again,
    a_control_id_for_another_message,
    merged_before_a_resend,
    one_id_twice_in_a_message,
)


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: stories."""
    chance = chance_of(seed)
    stories = [chance.choice(STORIES)(f"K{number}") for number in range(scale.messages)]
    with house_in(folder, scale.settle, sabotage=sabotage) as house:
        house.suture.start()
        turns = [place for place, (messages, _, _) in enumerate(stories) for _ in messages]
        chance.shuffle(turns)
        asyncio.run(_tell(house, stories, turns))
        account = house.settled()
        booked = sum(len(numbers) for numbers in house.books().by_account.values())
        doubled = house.books().doubled
    held = sum(
        effect["held"]
        for effect in account["effects"]
        if (effect["destination"], effect["effect"]) == ("billing", "charge")
    )
    must_book, must_hold = (sum(story[part] for story in stories) for part in (1, 2))
    violations = []
    if booked != must_book or doubled:
        violations.append(f"{booked} charges are booked, not {must_book}")
    if held != must_hold:
        violations.append(f"{held} charges are held, not {must_hold}")
    counted = f"{len(stories)} stories of {len(STORIES)} kinds: {must_book} charges booked, {must_hold} held"
    return Proof(counted, violations)


async def _tell(house: House, stories: list[Story], turns: list[int]) -> None:
    """In the order of `turns`, each account's own messages in their order."""
    left = [iter(messages) for messages, _, _ in stories]
    for first in range(0, len(turns), AT_ONCE):
        messages = [next(left[place]) for place in turns[first : first + AT_ONCE]]
        answers = await exchange(house.suture.ports["ehr"], *messages)
        assert {code_of(answer) for answer in answers} == {"AA"}
