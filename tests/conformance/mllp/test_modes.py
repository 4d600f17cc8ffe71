"""Who is answered what: MSH-15 by MSH-16 by what became of the message, told over one connection to a door and its
store.

Source: HL7 v2.8.2 §2.9.2 and §2.9.3, table 0155; what a listener decides in the place of the standard is in
docs/guide/acks.md. `-` in a header is empty, `.` in an answer is silence. R stands for what header faults make of E.
"""

from __future__ import annotations

import asyncio
from itertools import product
from typing import NamedTuple

import hl7
import pytest
from hl7.mllp import open_hl7_connection

from engine.domain.status import MessageState
from tests.conformance.mllp.conftest import BAD, GOOD, Door, cabinet

BY_HEADER = """
    -  -    AA     AE
    -  AL   AA     AE
    -  NE   CA     CE
    -  ER   .      AE
    -  SU   AA     .
    AL -    CA     CE
    AL AL   CA,AA  CE
    AL NE   CA     CE
    AL ER   CA     CE
    AL SU   CA,AA  CE
    NE -    .      .
    NE AL   AA     AE
    NE NE   .      .
    NE ER   .      AE
    NE SU   AA     .
    ER -    .      CE
    ER AL   AA     CE
    ER NE   .      CE
    ER ER   .      CE
    ER SU   AA     CE
    SU -    CA     .
    SU AL   CA,AA  AE
    SU NE   CA     .
    SU ER   CA     AE
    SU SU   CA,AA  .
"""
ENHANCED_OTHERWISE = """
    -  -    CA     CE
    -  AL   CA,AA  CE
    -  ER   CA     CE
    -  SU   CA,AA  CE
"""
"""An enhanced listener takes an empty MSH-15 for AL, whatever MSH-16 says."""

WITHIN = 10.0
WISHES = ("-", "AL", "NE", "ER", "SU")


class Said(NamedTuple):
    """An answer as python-hl7 reads it. `own`: its MSH-10; `wants`: its MSH-15 and -16."""

    code: str
    control: str
    own: str
    wants: tuple[str, str]


def table(*texts: str) -> dict[tuple[str, str], tuple[str, str]]:
    rows = [line.split() for text in texts for line in text.split("\n") if line.strip()]
    return {(accept, application): (taken, refused) for accept, application, taken, refused in rows}


def original() -> dict[tuple[str, str], tuple[str, str]]:
    return dict.fromkeys(product(WISHES, WISHES), ("AA", "AE"))


def asking(text: str, accept: str, application: str, control: str) -> str:
    wishes = "|".join(wish.strip("-") for wish in (accept, application))
    old = "CAB00001" if "CAB00001" in text else "CAB00009"
    return text.replace("|AL|NE|", f"|{wishes}|").replace(f"|{old}|", f"|{control}|")


async def exchanged(port: int, texts: list[str], answers: int) -> list[Said]:
    """The answers, and that no more come: the last message asks for one."""
    reader, writer = await open_hl7_connection("127.0.0.1", port, encoding="utf-8")
    try:
        for text in texts:
            writer.writemessage(hl7.parse(text))
        await writer.drain()
        async with asyncio.timeout(WITHIN):
            read = [str(await reader.readmessage()) for _ in range(answers)]
    finally:
        writer.close()
        await writer.wait_closed()
    return [said(text) for text in read]


def said(text: str) -> Said:
    message = hl7.parse(text)
    header = message.segment("MSH")
    wants = [str(header(number)) if len(header) > number else "" for number in (15, 16)]
    return Said(str(message["MSA.F1"]), str(message["MSA.F2"]), str(header(10)), (wants[0], wants[1]))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("original", original()),
        ("by header", table(BY_HEADER)),
        ("enhanced", table(BY_HEADER, ENHANCED_OTHERWISE)),
    ],
)
async def test_each_pair_of_wishes_is_answered_as_the_table_says(door: Door, setting, expected) -> None:
    door.rules = cabinet(f"    acks: {setting}\n")
    assert len(expected) == len(WISHES) ** 2
    texts, due, states = [], [], []
    for number, (wishes, (taken, refused)) in enumerate(expected.items()):
        outcomes = (("T", GOOD, taken), ("E", BAD, refused), ("R", wrong(GOOD), refused.replace("E", "R")))
        for kind, text, codes in outcomes:
            control = f"{kind}{number}"
            texts.append(asking(text, *wishes, control))
            due += [(code, control) for code in codes.split(",") if code != "."]
            states.append(MessageState.PENDING if kind == "T" else MessageState.REFUSED)
    texts.append(asking(GOOD, "AL", "AL", "LAST"))
    due += [("AA", "LAST")] if setting == "original" else [("CA", "LAST"), ("AA", "LAST")]
    answers = await exchanged(door.port, texts, len(due))
    assert [(one.code, one.control) for one in answers] == due
    assert len({one.own for one in answers}) == len(answers)
    both = [one for one, before in zip(answers[1:], answers, strict=False) if one.control == before.control]
    assert {one.wants for one in both} <= {("NE", "NE")}
    assert {one.wants for one in answers if one not in both} == {("", "")}
    assert await door.states() == [*states, MessageState.PENDING]


def wrong(text: str) -> str:
    """Of a version that no header of ours may say."""
    return text.replace("|P|2.5.1|", "|P|3.0|")


async def test_silence_is_kept_only_where_listener_and_header_ask_for_it(door: Door) -> None:
    """`NE|NE` at a listener that was told nothing is answered; so is the sender that asks for it at all others."""
    for setting, answered in (("original", True), ("by header", False), ("enhanced", False)):
        door.rules = cabinet(f"    acks: {setting}\n")
        silent = asking(GOOD, "NE", "NE", f"N-{setting[0]}")
        heard = asking(GOOD, "AL", "NE", f"H-{setting[0]}")
        answers = await exchanged(door.port, [silent, heard], 1 + answered)
        assert [one.control[0] for one in answers] == ["N", "H"] if answered else ["H"]


async def test_an_acknowledgment_is_kept_and_never_answered(door: Door) -> None:
    for setting in ("original", "by header", "enhanced"):
        door.rules = cabinet(f"    acks: {setting}\n")
        ack = f"MSH|^~\\&|A|B|C|D|20261120||ACK^O05^ACK|K{setting[0]}|P|2.5.1|||AL|AL\rMSA|AA|S1\r"
        heard = asking(GOOD, "AL", "NE", f"H-{setting[0]}")
        (answer,) = await exchanged(door.port, [ack, heard], 1)
        assert answer.control == f"H-{setting[0]}"
    assert len(await door.states()) == 6
