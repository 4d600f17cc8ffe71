"""A preview knows what would be refused at the door: nothing of it would be posted."""

from __future__ import annotations

from dataclasses import replace

from engine.domain.message import Inbound, MessageId
from engine.domain.posting import NO_FACTS
from engine.pipeline.digests import Digester
from engine.preview.comparing import made
from tests.unit.pipeline.conftest import RECEIVED, dft, ft1
from tests.unit.pipeline.test_refusing import NO_ACCOUNT, nobodys, release

DIGESTER = Digester(b"k" * 32)


def posted(text: str, *rules: str, kind: str = "mllp") -> list[tuple[bool, str]]:
    """Of each effect, whether it has a document, and why not."""
    inbound = Inbound(MessageId(1), "ehr", RECEIVED, text.encode(), None)
    active = release(*rules)
    listeners = {**active.listeners, "ehr": replace(active.listeners["ehr"], kind=kind)}
    found = made(replace(active, listeners=listeners), DIGESTER, inbound, NO_FACTS).values()
    return [(seen.payload is not None, seen.cause) for seen in found]


def test_what_a_rule_refuses_is_lost_and_all_else_stays():
    held = posted(nobodys(ft1()), "{when: code is missing, code: 101, because: no code}")
    assert held
    assert posted(nobodys(ft1()), NO_ACCOUNT) == []
    assert any(written for written, _ in posted(dft(ft1()), NO_ACCOUNT))


def test_what_a_rule_refuses_of_a_file_is_held():
    found = posted(nobodys(ft1()), NO_ACCOUNT, kind="folder")
    assert found
    assert all(not written and cause.startswith("INT005") for written, cause in found)


def test_what_cannot_be_decided_is_held():
    found = posted(dft(ft1()), "{when: code * 2 > 3, code: 102, because: no}")
    assert found
    assert all(not written and cause.startswith("INT007") for written, cause in found)
