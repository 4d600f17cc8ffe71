"""Messages written field by field, and what a de-identified one says."""

from __future__ import annotations

from datetime import date

import pytest

from engine.codecs.hl7v2.lexer import Message
from engine.codecs.hl7v2.path import compile_path
from engine.deidentify.dataset import Dataset, Given
from engine.deidentify.reads import Reading
from engine.domain.event import Kind
from engine.mapping.reader import From, ReadMap, ReadSpec

KEY = bytes(range(32))
TODAY = date(2026, 11, 20)


def _message(
    *segments: str, head: str = "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C77001|P|2.5.1"
) -> bytes:
    return "\r".join([head, *segments]).encode()


def _reading(
    fields: dict[str, str], *private: str, each: str | None = None, extra: dict | None = None
) -> Reading:
    spec = ReadSpec(
        name="hl7/test",
        triggers=("DFT^P03",),
        kind=Kind.USAGE,
        each=each,
        fields={name: From(text) for name, text in fields.items()},
        extra=extra or {},
    )
    return Reading(ReadMap.compile(spec), frozenset({"account", "patient", "serial", "source_id", *private}))


def _dataset(*raws: bytes, how: Reading | None = None, known: tuple[str, ...] = ()) -> Dataset:
    given = [Given(Message.parse(raw), how, None, TODAY) for raw in raws]
    return Dataset(given, KEY, known.__contains__)


class Said:
    """A clean message by its paths."""

    def __init__(self, raw: bytes) -> None:
        self.message = Message.parse(raw)

    def __getitem__(self, path: str):
        return compile_path(path).read(self.message)


@pytest.fixture(scope="session")
def message():
    """Segments → bytes, with an MSH."""
    return _message


@pytest.fixture(scope="session")
def reading():
    """Fields and the private ones among them → how a channel reads."""
    return _reading


@pytest.fixture(scope="session")
def dataset():
    """Messages → what they are as one capture."""
    return _dataset


@pytest.fixture(scope="session")
def clean():
    """Messages → what each says afterwards."""

    def run(*raws: bytes, how: Reading | None = None, known: tuple[str, ...] = ()) -> list[Said]:
        found = _dataset(*raws, how=how, known=known).clean()
        assert [str(leak.place) for one in found for leak in one.leaks] == []
        return [Said(one.raw) for one in found]

    return run
