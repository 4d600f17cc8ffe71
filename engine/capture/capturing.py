"""Messages of the store → tests of a channel: the files to write, and where a test does otherwise than its message did.

Dates are moved by the first of all shifts, in an order that nobody knows, with which every message still finds the rows
that it found: a dated table that ends in between would change what comes of it. The key is forgotten at the end.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from engine.capture.comparing import Likeness, differences, otherwise_in_store
from engine.capture.desk import Desk, Taken, given_of, known_texts
from engine.capture.testing import check_site, check_written, names_of, test_of
from engine.capture.writing import with_tests
from engine.clock import to_datetime, to_us
from engine.deidentify.dataset import Clean, Dataset
from engine.domain.message import Inbound
from engine.domain.posting import Stepped
from engine.domain.views import MessageView
from engine.errors import Fault, MessageError, SiteError, UsageError
from engine.pipeline import trial


class Captured(NamedTuple):
    """`files`: path in the site → bytes, new ones before the channel's; `tests`: their names; `notes`: what the analyst
    must know of them."""

    files: Mapping[str, bytes]
    tests: tuple[str, ...]
    notes: tuple[str, ...]


class _Tried(NamedTuple):
    """What one way to move dates gives. `stepped`: None for a message that cannot be read any more."""

    cleans: Sequence[Clean]
    stepped: Sequence[Stepped | None]
    differences: Sequence[Sequence[str]]

    @property
    def total(self) -> int:
        return sum(map(len, self.differences))


def capture(desk: Desk, taken: Sequence[Taken], name: str) -> Captured:
    """Raises `SiteError` with every place that would give something away, `UsageError` when it cannot be done; then
    nothing is to be written. The key is random, and known to nobody afterwards."""
    known = known_texts(desk.release)
    given = [given_of(desk, one) for one in taken]
    dataset = Dataset(given, secrets.token_bytes(32), known.__contains__)
    sent = [_stepped(desk, one.inbound) for one in taken]
    best = _best(desk, dataset, taken, sent)
    if any(one is None for one in best.stepped):
        raise UsageError("CAP009", "the de-identified message cannot be read", "capture another message")
    names = names_of(name, len(taken))
    files: dict[str, bytes] = {}
    tests: list[dict[str, Any]] = []
    for called, one, clean, stepped in zip(names, taken, best.cleans, best.stepped, strict=True):
        assert stepped is not None
        received = _received(one.view, clean.days, desk.release.zone)
        test, new = test_of(desk.channel.name, called, received, clean, stepped)
        tests.append(test)
        files |= new
    check_written(dataset, known, name, tests, files)
    path = desk.source.document.file
    files[path] = with_tests(desk.site.files[path], desk.source, tests)
    check_site(desk.site, files)
    return Captured(files, tuple(names), tuple(_notes(desk, taken, sent, best)))


def _stepped(desk: Desk, inbound: Inbound) -> Stepped | None:
    try:
        return trial.step_alone(desk.release, desk.channel.name, inbound)
    except MessageError:
        return None


def _best(desk: Desk, dataset: Dataset, taken: Sequence[Taken], sent: Sequence[Stepped | None]) -> _Tried:
    """The first way to move the dates that changes nothing else; else the one that changes least."""
    best: _Tried | None = None
    for attempt in range(dataset.attempts):
        tried = _try(desk, dataset, taken, sent, attempt)
        if best is None or tried.total < best.total:
            best = tried
        if not best.total:
            break
    assert best is not None
    return best


def _try(
    desk: Desk, dataset: Dataset, taken: Sequence[Taken], sent: Sequence[Stepped | None], attempt: int
) -> _Tried:
    cleans = dataset.clean(attempt)
    leaks = [
        Fault(f"message {one.view.id} {leak.place}", "CAP005", f"the value {leak.why.value}", leak.why.mend)
        for one, clean in zip(taken, cleans, strict=True)
        for leak in clean.leaks
    ]
    if leaks:
        raise SiteError(leaks)
    stepped, found = [], []
    for one, clean, was in zip(taken, cleans, sent, strict=True):
        received = _received(one.view, clean.days, desk.release.zone)
        now = _stepped(desk, one.inbound._replace(
            feed=desk.feed, raw=clean.raw, charset=None, received_us=to_us(received),
        ))  # fmt: skip
        stepped.append(now)
        likeness = Likeness(dataset.says, clean.moves)
        found.append(list(differences(was, now, likeness)) if was and now else [])
    return _Tried(cleans, stepped, found)


def _received(view: MessageView, days: int, zone: ZoneInfo) -> datetime:
    """As many days later at the same time of day."""
    local = to_datetime(view.received_us).astimezone(zone).replace(tzinfo=None, microsecond=0)
    return (local + timedelta(days)).replace(tzinfo=zone)


def _notes(desk: Desk, taken: Sequence[Taken], sent: Sequence[Stepped | None], best: _Tried) -> Iterator[str]:
    for one, was, unlike in zip(taken, sent, best.differences, strict=True):
        if unlike:
            yield f"message {one.view.id}: its test does otherwise than the message: {', '.join(unlike)}"
        if was and otherwise_in_store(was, desk.channel.name, one.effects):
            yield (
                f"message {one.view.id}: in the store it has other effects than in its test, which knows nothing of "
                "what came before, nor of rows that only the store has"
            )
