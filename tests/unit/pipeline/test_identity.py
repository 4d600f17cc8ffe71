"""Rules of money 2 and 3: strong keys by the source's id, ordinals by occurrence, never by position."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.clock import to_us
from engine.domain.message import Inbound, MessageId
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.site.compile import compile_release, load_site

ROOT = Path(__file__).parents[3]
DIGESTER = Digester(b"k" * 32)
HEAD = (
    "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|1|P|2.5.1\r"
    "PID|1||M1^^^NORTH^MR|||||||||||||||A1^^^NORTH^AN\rPV1|1|I\r"
)


@pytest.fixture(scope="module")
def release():
    return compile_release(load_site(ROOT))


def line(source_id: str = "", code: str = "SCREW", quantity: str = "1") -> str:
    return f"FT1|1|{source_id}||20261120094500||CG|{code}|||{quantity}|10.00|10.00|OR-NORTH\r"


def keys(release, *lines: str) -> list[tuple[bytes, bool]]:
    raw = (HEAD + "".join(lines)).encode()
    received = to_us(datetime(2026, 11, 20, 16, tzinfo=UTC))
    read = read_message(release, DIGESTER, Inbound(MessageId(1), "ehr", received, raw, None))
    return [(identity.key, identity.strong) for part in read.reads for identity in part.identities]


def test_a_line_with_an_id_has_a_strong_key_whatever_its_content(release):
    (first,) = keys(release, line("T1"))
    (changed,) = keys(release, line("T1", quantity="2"))
    assert first == changed
    assert first[1]


def test_two_identical_screws_are_two(release):
    first, second = keys(release, line(), line())
    assert first != second
    assert not first[1]


def test_inserting_another_line_changes_no_key(release):
    plain = keys(release, line(), line())
    inserted = keys(release, line(), line(code="PLATE"), line())
    assert [inserted[0], inserted[2]] == plain


def test_dropping_a_line_keeps_the_keys_of_the_others(release):
    assert keys(release, line())[0] == keys(release, line(), line())[0]
