"""Runs a channel's own tests: the step, offline, knowing only what the test's earlier messages told. Pure.

A test names the documents of each effect, in order; an effect that it does not name must write nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from engine.clock import to_us
from engine.codecs.rows import cut
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import NO_FACTS, Fact, Facts, Stepped
from engine.domain.status import EffectState, LineState
from engine.domain.told import Told
from engine.errors import MessageError
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.pipeline.refusing import refused_by
from engine.pipeline.step import step
from engine.pipeline.tabling import is_master, tabled
from engine.reference.difference import new_rows
from engine.reference.table import Table
from engine.site.release import Channel, ChannelTest, Release

TRIAL_KEY = b"channel tests".ljust(32, b".")
"""References in tests are the same on every machine."""

ANY = "*"


class Trial(NamedTuple):
    """One test and what was wrong with it; nothing: it passed. `stepped`: None when the message could not be read, or
    was refused; `refused`: for what."""

    test: ChannelTest
    differences: tuple[str, ...]
    stepped: Stepped | None = None
    refused: tuple[str, ...] = ()

    @property
    def written(self) -> dict[str, list[Any]]:
        """Effect → the documents that it wrote, as tests compare them."""
        found: dict[str, list[Any]] = {}
        for document in self.stepped.documents if self.stepped else ():
            found.setdefault(document.effect, []).append(tree_of(document.payload))
        return found


def run(release: Release, test: ChannelTest, now: datetime) -> Trial:
    """Steps the test's message. `now`: the clock of a test that states no `received`."""
    channel = next(channel for channel in release.channels if channel.name == test.channel)
    received = test.received or now
    feed = min(channel.feeds)
    try:
        given = _given(release, channel, feed, test.given)
        inbound = Inbound(MessageId(1), feed, to_us(received), given, None)
        refused = _refused(release, channel, inbound)
        if refused or test.nak is not None:
            because = tuple(error.what for error in refused)
            return Trial(test, tuple(_otherwise_refused(test, refused)), refused=because)
        known = _known(release, inbound, [_given(release, channel, feed, one) for one in test.before])
        stepped = step_alone(release, test.channel, inbound, known)
    except MessageError as error:
        return Trial(test, (str(error),))
    if stepped is None:
        return Trial(test, ("the channel does not take this message: see the triggers of its read map",))
    trial = Trial(test, (), stepped)
    differences = (*_differences(test, stepped, trial.written), *_other_rows(release, test, stepped))
    return trial._replace(differences=differences)


def _other_rows(release: Release, test: ChannelTest, stepped: Stepped) -> Iterator[str]:
    """Rows of code tables that a master left otherwise than expected."""
    amended = {one.table: one.csv for one in stepped.amends}
    for table in sorted({*amended, *test.rows}):
        csv = amended.get(table)
        got = new_rows(release.tables[table].csv, csv) if csv is not None else []
        yield from _unlike(test.rows.get(table, []), got, table)


def _refused(release: Release, channel: Channel, inbound: Inbound) -> Sequence[MessageError]:
    """With what the door refuses the message for this channel."""
    judged = refused_by(release, (channel,), inbound)
    if judged.reason and not judged.errors:
        raise MessageError("INT007", judged.reason.removeprefix("INT007 "))
    return judged.errors


def _otherwise_refused(test: ChannelTest, refused: Sequence[MessageError]) -> Iterator[str]:
    got = [f"{error.hl7_code} at {error.where} ({error.what})" for error in refused]
    if test.nak is None and test.state != "refused":
        yield f"refused at the door: {', '.join(got)}"
    elif test.state not in (None, "refused"):
        yield f"state: expected {test.state}, got refused"
    elif test.nak is not None and test.nak not in [(error.hl7_code, error.where) for error in refused]:
        code, where = test.nak
        yield f"nak: expected {code} at {where}, got {', '.join(got) or 'none: the message is taken'}"


def _given(release: Release, channel: Channel, feed: str, content: bytes) -> bytes:
    """The message of a test, as it is kept: of a file of rows its only message."""
    if channel.reader.rows is None:
        return content
    slips = cut((channel.reader.rows,), content, release.listeners[feed].default_charset)
    if len(slips) == 1 and not slips[0].fault:
        return slips[0].raw
    faults = [slip.fault for slip in slips if slip.fault]
    what = faults[0] if faults else f"the file is {len(slips)} messages"
    raise MessageError("FIL016", what, mend="keep the rows of one message in it: a test is of one")


def _known(release: Release, inbound: Inbound, before: Sequence[bytes]) -> Facts:
    """What messages of stays and cases told, whichever door they came in by."""
    digester, facts = Digester(TRIAL_KEY), NO_FACTS
    for raw in before:
        for feed in release.listeners:
            for fact in read_message(release, digester, inbound._replace(feed=feed, raw=raw)).remember:
                facts = _remembering(facts, fact)
    return facts


def _remembering(facts: Facts, fact: Fact) -> Facts:
    told = {"encounter": facts.encounters, "case": facts.cases}.get(fact.kind)
    one = Told.kept(fact.at_us, fact.value) if told is not None else None
    if told is None or one is None or one in told.get(fact.key, ()):
        return facts
    more = {**told, fact.key: (*told.get(fact.key, ()), one)}
    return facts._replace(encounters=more) if fact.kind == "encounter" else facts._replace(cases=more)


def step_alone(release: Release, channel: str, inbound: Inbound, known: Facts = NO_FACTS) -> Stepped | None:
    """What one channel makes of a message, knowing no more than `known`; None when it does not take it. Raises
    `MessageError`."""
    digester = Digester(TRIAL_KEY)
    read = read_message(release, digester, inbound)
    alone = read._replace(reads=tuple(part for part in read.reads if part.channel.name == channel))
    if not alone.reads:
        return None
    if is_master(alone):
        return tabled(release, digester, alone, lambda csvs: _with_rows(release, csvs)).stepped
    return step(release, digester, alone, known)


def _with_rows(release: Release, csvs: Mapping[str, bytes]) -> Release:
    """Each table by itself: what the site asks of several together is asked when it is activated."""
    tables = {
        name: Table.compile(release.tables[name].spec, csv, f"{name}.csv") for name, csv in csvs.items()
    }
    return replace(release, tables={**release.tables, **tables})


def _differences(test: ChannelTest, stepped: Stepped, written: dict[str, list[Any]]) -> Iterator[str]:
    if test.state is not None and stepped.state.word != test.state:
        yield f"state: expected {test.state}, got {stepped.state.word} ({stepped.reason})"
    for effect in sorted(test.expect.keys() | written.keys()):
        expected = [tree_of(one) if isinstance(one, bytes) else one for one in test.expect.get(effect, [])]
        got = written.get(effect, [])
        if len(expected) != len(got):
            yield f"{effect}: expected {len(expected)} documents, got {len(got)}"
        for number, (want, have) in enumerate(zip(expected, got, strict=False), 1):
            yield from _unlike(want, have, f"{effect}[{number}]")
    held: list[tuple[str | None, str]] = [
        (effect.name, effect.cause) for effect in stepped.effects if effect.state is EffectState.HELD
    ]
    held += [(None, line.reason) for line in stepped.lines if line.owner and line.state is LineState.HELD]
    for name, cause in test.holds:
        if not any(name == effect and have.startswith(cause) for effect, have in held):
            causes = [have for effect, have in held if effect == name]
            instead = f"it is held for {'; '.join(causes)}" if causes else "it is not held"
            yield f"{name or 'a record'}: expected to be held for '{cause}', {instead}"
    if test.holds and len(held) != len(test.holds):
        told = "; ".join(cause for _, cause in held) or "none"
        yield f"expected {len(test.holds)} to be held, got {len(held)}: {told}"


def tree_of(payload: bytes) -> Any:
    """A document as tests compare it: JSON as it is; an HL7 message as segments with their filled fields, by name."""
    if not payload.startswith(b"MSH"):
        return orjson.loads(payload)
    return {
        f"{number} {segment[:3]}": {
            f"{segment[:3]}-{place + (segment[:3] == 'MSH')}": field
            for place, field in enumerate(segment.split("|")[1:], start=1)
            if field
        }
        for number, segment in enumerate(re.split(r"[\r\n]+", payload.decode().strip()), start=1)
    }


def _unlike(want: Any, have: Any, place: str) -> Iterator[str]:
    """Where two JSON trees differ, field by field."""
    if want == ANY:
        return
    if isinstance(want, dict) and isinstance(have, dict):
        for name in sorted(want.keys() | have.keys()):
            if name not in have:
                yield f"{place}.{name}: expected, not written"
            elif name not in want:
                yield f"{place}.{name}: written, not expected"
            else:
                yield from _unlike(want[name], have[name], f"{place}.{name}")
    elif isinstance(want, list) and isinstance(have, list):
        if len(want) != len(have):
            yield f"{place}: expected {len(want)} entries, got {len(have)}"
        for index, (one, other) in enumerate(zip(want, have, strict=False), 1):
            yield from _unlike(one, other, f"{place}[{index}]")
    elif want != have:
        yield f"{place}: expected {want!r}, got {have!r}"
