"""Log lines are JSON with ids, codes and sizes, at the level that was asked for, and never content."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from engine.domain.changes import Kept, Received
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import Stepped
from engine.domain.status import MessageState
from engine.observe.logs import EngineLog, configure

SECRET = b"PID|1||M-SECRET"


@pytest.fixture
def lines():
    stream = io.StringIO()

    def told(level: str = "info") -> EngineLog:
        configure(level, stream)
        return EngineLog()

    yield told, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


def received(reason: str = "") -> Received:
    return Received("ehr", 1, "DFT^P03", "C1", SECRET, None, MessageState.REFUSED, reason, "AR", None)


def test_a_refusal_is_told_by_its_code(lines):
    told, seen = lines
    told().received("ehr", Kept(MessageId(7), MessageState.REFUSED), received("INT001"))
    (line,) = seen()
    assert (line["event"], line["message"], line["code"], line["level"]) == (
        "refused",
        7,
        "INT001",
        "warning",
    )
    assert "SECRET" not in json.dumps(line)


def test_an_accepted_message_is_no_line_of_its_own(lines):
    told, seen = lines
    told().received("ehr", Kept(MessageId(7), MessageState.PENDING), received())
    assert seen() == []


def test_a_step_is_one_line_at_info_and_none_at_warning(lines):
    told, seen = lines
    inbound = Inbound(MessageId(7), "ehr", 1, SECRET, None)
    told().stepped(inbound, Stepped(MessageState.ROUTED, ""))
    told("warning").stepped(inbound, Stepped(MessageState.ROUTED, ""))
    (line,) = seen()
    assert (line["event"], line["message"], line["documents"]) == ("routed", 7, 0)


def test_a_failed_step_tells_the_kind_of_error_and_never_its_text(lines):
    told, seen = lines
    told().failed(Inbound(MessageId(7), "ehr", 1, SECRET, None), ValueError("M-SECRET is bad"))
    (line,) = seen()
    assert line["error"] == "ValueError"
    assert "SECRET" not in json.dumps(line)
