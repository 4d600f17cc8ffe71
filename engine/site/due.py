"""Lines that no rule of a channel lets through: skips that take everything, effects that are never due.

Warnings: a channel may be switched off on purpose. Asked only of channels without fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from engine.errors import Fault
from engine.mapping.expression import Expression
from engine.reference.table import Table
from engine.site.reach import Rows, Wanted, constants, possible
from engine.site.release import Channel
from engine.site.schema.channel import ChannelFile
from engine.site.sources import Source
from engine.site.yaml import Path

_CLOSE = 0.75


def due_faults(source: Source[ChannelFile], channel: Channel, tables: Mapping[str, Table]) -> Iterator[Fault]:
    """A warning for each rule that can never hold, and for one behind which nothing is left."""
    left: list[Wanted] = []
    for place, skip in enumerate(channel.skips):
        path: Path = ("skip", place, "when")
        if not possible([*left, (skip.when.tree, True)], {}):
            what, mend = "no line is left for this: it contradicts itself, or a skip before it", "take it out"
            yield source.warning(path, "SIT073", what, mend)
        left.append((skip.when.tree, False))
        if channel.effects and not possible(left, {}):
            what = "this leaves no line: nothing of this channel is ever delivered"
            yield source.warning(path, "SIT073", what, "skip fewer lines, or take the channel out")
            return
    rows = _rows(channel, tables)
    for effect in channel.effects:
        if effect.when is None:
            continue
        path = ("deliver", effect.name, "when")
        unsaid = [*_unsaid(source, path, effect.when, channel, tables)]
        yield from unsaid
        if not unsaid and not possible([*left, (effect.when.tree, True)], rows):
            yield source.warning(
                path, "SIT073", f"'{effect.name}' is never due", _why(effect.when, left, rows)
            )


def _why(when: Expression, left: list[Wanted], rows: Rows) -> str:
    if not possible([(when.tree, True)], {}):
        return "it contradicts itself: look at its comparisons"
    if not possible([*left, (when.tree, True)], {}):
        return "the skips take the lines that it is for: skip fewer, or take it out"
    return "no row of the tables lets it hold: add the row, or mend the condition"


def _rows(channel: Channel, tables: Mapping[str, Table]) -> Rows:
    """What each look-up may find. A table without rows is one that nobody has filled yet."""
    found = {}
    for translation in channel.translations:
        table = tables.get(translation.table)
        if table is not None and table.rows:
            found[translation.name] = [*table.rows, *([translation.default] if translation.default else [])]
    return found


def _unsaid(
    source: Source[ChannelFile], path: Path, when: Expression, channel: Channel, tables: Mapping[str, Table]
) -> Iterator[Fault]:
    """Texts that a column is compared with, that no row has, and that are spelled almost like one that rows have."""
    named = {translation.name: tables.get(translation.table) for translation in channel.translations}
    for name, text in constants(when.tree):
        root, _, column = name.partition(".")
        table = named.get(root)
        if table is None or not text.replace("-", "").replace(" ", "").isalpha():
            continue
        known = {str(row[column]) for row in table.rows if row.get(column) is not None}
        close = get_close_matches(text, sorted(known), 1, _CLOSE)
        if text not in known and close:
            where = source.document.within(path, max(when.text.find(f"'{text}'"), 0) + 1)
            what = f"no row of table {table.name} says '{text}'"
            yield Fault(where, "SIT076", what, f"did you mean '{close[0]}'?", "warning")
