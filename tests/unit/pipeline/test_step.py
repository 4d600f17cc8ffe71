"""The step is pure: same message, release, tables and facts, same bytes; every line ends in one place (promise 5)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.activation import table_files
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import NO_FACTS, Action
from engine.domain.status import EffectState, LineState, MessageState
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.pipeline.step import step
from engine.site.compile import compile_release, load_site

ROOT = Path(__file__).parents[3]
KEY = b"k" * 32

lines = st.lists(
    st.fixed_dictionaries(
        {
            "source_id": st.sampled_from(["T1", "T2", "T3", ""]),
            "code": st.sampled_from(
                ["IMP-FEM-06", "IMP-HIP-STM-12", "ROOM-OR-MIN", "SUT-VIC-0", "NOBODY-MAPPED", ""]
            ),
            "kind": st.sampled_from(["CG", "CD", "PY", ""]),
            "quantity": st.sampled_from(["1", "2", "0", "-1", "1.5", "", "x"]),
            "amount": st.sampled_from(["10.00", "0", "", "-5", "y"]),
            "department": st.sampled_from(["OR-NORTH", "NOWHERE", ""]),
        }
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def release():
    site = load_site(ROOT)
    return compile_release(site, {name: site.files[path] for name, path in table_files(site).items()})


def stepped(release, text: str):
    digester = Digester(KEY)
    inbound = Inbound(MessageId(1), "ehr", 1_795_190_400_000_000, text.encode(), None)
    return step(release, digester, read_message(release, digester, inbound), NO_FACTS)


@settings(max_examples=150)
@given(told=lines)
def test_the_same_message_gives_the_same_bytes(release, texts, told):
    text = texts.dft(*[texts.ft1(**line) for line in told])
    assert stepped(release, text) == stepped(release, text)


@settings(max_examples=150)
@given(told=lines)
def test_every_line_and_effect_ends_in_exactly_one_place(release, texts, told):
    result = stepped(release, texts.dft(*[texts.ft1(**line) for line in told]))
    assert len(result.lines) == len(told)
    for index, line in enumerate(result.lines):
        mine = [effect for effect in result.effects if effect.line == index]
        match line.state:
            case LineState.FILTERED | LineState.DUPLICATE:
                assert all(effect.state is EffectState.CANCELLED for effect in mine)
                assert line.reason
            case LineState.POSTED:
                assert any(effect.state is EffectState.ROUTED for effect in mine)
            case LineState.HELD:
                assert line.reason
                assert all(effect.state is EffectState.HELD for effect in mine)
    for effect in result.effects:
        assert (effect.document is not None) == (effect.state is EffectState.ROUTED)
        assert effect.document is not None or effect.cause
    cancelled = [effect for effect in result.effects if effect.state is EffectState.CANCELLED]
    assert sum((effect.amount or 0 for effect in cancelled), Decimal(0)) == 0
    assert len(cancelled) == 2 * sum(effect.action is Action.POST for effect in cancelled)
    carried = {effect.document for effect in result.effects} - {None}
    assert carried == set(range(len(result.documents)))
    references = [document.reference for document in result.documents]
    assert len(references) == len(set(references))
    assert result.state in (MessageState.ROUTED, MessageState.HELD, MessageState.FILTERED)


@settings(max_examples=60)
@given(told=lines)
def test_no_cause_or_reason_carries_what_was_sent(release, texts, told):
    result = stepped(
        release, texts.dft(*[texts.ft1(**line) for line in told], account="A-SECRET", patient="M-SECRET")
    )
    said = [
        result.reason,
        *(line.reason for line in result.lines),
        *(effect.cause for effect in result.effects),
    ]
    assert not any("SECRET" in text for text in said)
