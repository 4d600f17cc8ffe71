"""Which rules and table rows the channels' own tests touch, and which they do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple, cast

from engine.domain.posting import Action
from engine.domain.status import LineState
from engine.pipeline.trial import Trial
from engine.reference.spec import Row
from engine.reference.table import Table
from engine.site.release import Channel, Release


class Covered(NamedTuple):
    """`rules`: those that no test touches, as `channel: what`. `rows`: table → (rows touched, rows)."""

    rules: tuple[str, ...]
    rows: dict[str, tuple[int, int]]


class Watch:
    """Gives a release whose tables remember what was found in them."""

    def __init__(self, release: Release) -> None:
        self._met: defaultdict[str, set[int]] = defaultdict(set)
        watched = {
            name: cast(Table, _Watched(table, self._met[name])) for name, table in release.tables.items()
        }
        self.release = replace(release, tables=watched)
        self._tables = release.tables

    def covered(self, trials: list[Trial]) -> Covered:
        """What the trials that were run with `release` touched."""
        rows = {name: (len(self._met[name]), len(table.rows)) for name, table in sorted(self._tables.items())}
        missed = [
            f"{channel.name}: {what}"
            for channel in self.release.channels
            for what in _missed(channel, trials)
        ]
        return Covered(tuple(missed), rows)


class _Watched:
    """Stands for a table."""

    def __init__(self, table: Table, met: set[int]) -> None:
        self._table, self._met = table, met

    def find(self, key: tuple[str, ...], on: date) -> Row | None:
        row = self._table.find(key, on)
        if row is not None:
            self._met.add(row.line)
        return row

    def find_all(self, key: tuple[str, ...], on: date) -> tuple[Row, ...]:
        rows = self._table.find_all(key, on)
        self._met.update(row.line for row in rows)
        return rows

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)


def _missed(channel: Channel, trials: list[Trial]) -> Iterator[str]:
    steps = [trial.stepped for trial in trials if trial.stepped and trial.test.channel == channel.name]
    written = {(document.effect, document.action) for step in steps for document in step.documents}
    left_out = {line.reason for step in steps for line in step.lines if line.state is LineState.FILTERED}
    for effect in channel.effects:
        if (effect.name, Action.POST) not in written:
            yield f"{effect.name} is never written"
        if effect.undo is not None and (effect.name, Action.REVERSE) not in written:
            yield f"{effect.name} is never taken back"
    refused = {because for trial in trials if trial.test.channel == channel.name for because in trial.refused}
    for nak in channel.naks:
        if nak.because not in refused:
            yield f"nothing is refused as '{nak.because}'"
    for skip in channel.skips:
        if skip.because not in left_out:
            yield f"nothing is skipped as '{skip.because}'"
