"""Which messages an edit touches. Pure.

Of a channel of which a file differs, all of them. Of a channel of which only rows of tables differ, those that a row
which they ask for is other, or not there: the step is run once, with the tables of before, and each look-up in a table
that was edited is asked of both. Where all are answered alike, the other step would give the same bytes (promise 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import NamedTuple, cast

from engine.reference.spec import Row
from engine.reference.table import Table
from engine.site.digests import Parts
from engine.site.release import Release


class Edit(NamedTuple):
    """What differs between two sites. `channels`: all that it touches; `remade`: those of them of which a file does, or
    that one side lacks; `tables`: those whose rows differ, of the others."""

    channels: frozenset[str]
    remade: frozenset[str]
    tables: frozenset[str]


def edit_of(before: Mapping[str, Parts], after: Mapping[str, Parts]) -> Edit:
    """`before`, `after`: channel → what it is made of."""
    touched = frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))
    reworded = {
        name
        for name in touched
        if name in before and name in after and before[name].files == after[name].files
    }
    tables = {
        table
        for name in reworded
        for table, rows in before[name].rows.items()
        if rows != after[name].rows[table]
    }
    return Edit(touched, touched - reworded, frozenset(tables))


def routes(releases: tuple[Release, Release], channels: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(feed, type) of the messages that these channels take."""
    for release in releases:
        for channel in release.channels:
            if channel.name in channels:
                yield from ((feed, trigger) for feed in channel.feeds for trigger in channel.reader.triggers)


class Watch:
    """A release whose tables notice when those of another would have answered otherwise. `met`: one would have, since
    this was last set to False."""

    def __init__(self, before: Release, after: Release, tables: frozenset[str]) -> None:
        watched = {
            name: cast(Table, _Watched(self, before.tables[name], after.tables[name])) for name in tables
        }
        self.release = replace(before, tables={**before.tables, **watched})
        self.met = False


class _Watched:
    """Stands for a table."""

    def __init__(self, watch: Watch, before: Table, after: Table) -> None:
        self._watch, self._before, self._after = watch, before, after

    def find(self, key: tuple[str, ...], on: date) -> Row | None:
        row = self._before.find(key, on)
        if row != self._after.find(key, on):
            self._watch.met = True
        return row

    def find_all(self, key: tuple[str, ...], on: date) -> tuple[Row, ...]:
        rows = self._before.find_all(key, on)
        if rows != self._after.find_all(key, on):
            self._watch.met = True
        return rows

    def __getattr__(self, name: str) -> object:
        return getattr(self._before, name)
