"""What a master makes of code tables: its records become dated rows, and those that do not fit are held. Pure.

All records that fit are put in together, and the tables are compiled with them as the whole site asks it (`compiled`).
A record at fault is taken out, from every table that it speaks of, and the rest is tried again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from engine.domain.event import Line
from engine.domain.posting import Amendment, LineRow, Stepped
from engine.domain.status import LineState, MessageState
from engine.errors import SiteError
from engine.mapping.faults import EvaluationFault
from engine.mapping.functions import text_of
from engine.mapping.operators import truth
from engine.pipeline.digests import Digester
from engine.pipeline.reading import ChannelRead, Read
from engine.reference.amending import Amended, Record, Rest, amended, place_of, unfit
from engine.reference.difference import too_many_gone
from engine.reference.spec import TableSpec
from engine.site.release import Keep, Release

Compile = Callable[[dict[str, bytes]], Release]
"""The release with other rows in some tables. Raises `SiteError` when they do not fit."""

Place = tuple[str, int]
"""(channel, line number) of a record; number 0: the rows that a message does not name, where it tells all there is."""

Did = tuple[str, str]
"""(table, what was done there: new, changed, ended)."""

REST = 0
CHANGES = ("MAD", "MUP", "MDL", "MDC", "MAC")
"""HL7 table 0180, as far as it tells of records."""

TOO_MANY = "MFN005"
"""Why a master that would end many rows is held whole."""

SAME = "the tables say so already"
"""Of a record that changes nothing: it is not kept as a line, a file that is told daily has mostly such."""

_LINE = re.compile(r"(?:.*/)?([a-z][a-z0-9-]*)\.csv:([0-9]+):[0-9]+")


class Made(NamedTuple):
    """`release`: with the tables as the message leaves them; None: it changes none that is in force at once. `waits`:
    all of it, for a person. `did`: what came of each record that was put in."""

    stepped: Stepped
    release: Release | None
    waits: bool = False
    did: Mapping[Place, Sequence[Did]] = {}


def is_master(read: Read) -> bool:
    """Whether it keeps tables. What is replayed to one destination keeps none."""
    return read.inbound.to is None and any(part.channel.keeps for part in read.reads)


def tabled(
    release: Release,
    digester: Digester,
    read: Read,
    compiled: Compile,
    *,
    only: Collection[Place] | None = None,
    shrinks: bool = False,
) -> Made:
    """`only`: with a release, the records that are held; all others are left as they stand. `shrinks`: a person lets
    many rows end."""
    desk = _Desk(release, read, only, shrinks)
    while True:
        attempt = desk.attempt()
        if attempt is None:
            continue
        why = desk.guarded(attempt)
        try:
            if not why:
                told, after = desk.told(digester, attempt), _compiled(release, compiled, attempt)
                return Made(told, after, did=desk.did)
        except SiteError as error:
            why = desk.take_out(error, attempt)
        if why:
            return Made(desk.told(digester, attempt, held=why), None, waits=True)


def _compiled(release: Release, compiled: Compile, attempt: Mapping[str, Amended]) -> Release | None:
    """With what is in force at once; what is proposed must fit, too."""
    others = {table: one.csv for table, one in attempt.items() if one.csv != release.tables[table].csv}
    at_once = {table: csv for table, csv in others.items() if not release.tables[table].spec.second_person}
    if len(at_once) < len(others):
        compiled(others)
    return compiled(at_once) if at_once else None


class _Told(NamedTuple):
    """One record of one table. `keep`: what the channel says of it. `goes`: it is one for the table; any other is named
    all the same."""

    place: Place
    keep: Keep
    record: Record
    goes: bool


@dataclass(slots=True)
class _Part:
    """What one channel reads. `filtered`: line → why it is left out; `loose`: lines whose row cannot be told."""

    read: ChannelRead
    told: list[_Told] = field(default_factory=list)
    filtered: dict[int, str] = field(default_factory=dict)
    loose: set[int] = field(default_factory=set)
    whole: bool = False


class _Desk:
    """The records of a message, and which of them cannot be put in."""

    def __init__(self, release: Release, read: Read, only: Collection[Place] | None, shrinks: bool) -> None:
        self._release, self._read, self._only, self._shrinks = release, read, only, shrinks
        self._held: dict[Place, str] = {}
        self._parts = [_Part(part) for part in read.reads if part.channel.keeps]
        self.did: dict[Place, list[Did]] = {}
        self._ended: dict[str, int] = {}
        self._left: dict[Place, str] = {}  # rows that a message does not name, and that cannot end
        for part in self._parts:
            for line in part.read.event.lines:
                self._judge(part, line)

    # Records --------------------------------------------------------------------------------------------------

    def _judge(self, part: _Part, line: Line) -> None:
        place = (part.read.channel.name, line.number)
        part.whole = part.whole or line.fields.get("whole") is True
        try:
            because = self._skipped(part, line)
            told = list(self._records(part, line, place))
        except EvaluationFault as fault:
            self._held[place] = f"{fault.code} {fault.what}"
            part.loose.add(line.number)
            return
        part.told += told
        told = [one for one in told if one.goes]
        if because is not None or not told:
            part.filtered[line.number] = because or "no table keeps it"
            return
        if any(place_of(self._spec(one.keep.table), one.record.cells) is None for one in told):
            part.loose.add(line.number)
        change = line.fields.get("change") or "MUP"
        if line.faults:
            code, where, what, _ = line.faults[0]
            self._held[place] = f"{code} {what} at {where}"
        elif change not in CHANGES:
            self._held[place] = "MFN001 its change is none of HL7 table 0180: MAD, MUP, MDL, MDC, MAC"
        for one in told:
            why = unfit(self._spec(one.keep.table), one.record)
            if why is not None:
                self._held.setdefault(place, f"{why.code} {self._named(one)}: {why.what}")

    def _skipped(self, part: _Part, line: Line) -> str | None:
        names = self._names(part, line)
        return next((skip.because for skip in part.read.channel.skips if truth(skip.when(names))), None)

    def _records(self, part: _Part, line: Line, place: Place) -> Iterator[_Told]:
        names, fields = self._names(part, line), line.fields
        said = fields.get("effective_on")
        on = said if isinstance(said, date) else None
        for keep in part.read.channel.keeps:
            goes = keep.when is None or truth(keep.when(names))
            columns = keep.row if goes else self._place(keep)
            cells = {column: _cell(keep.row[column](names)) for column in columns}
            yield _Told(place, keep, Record(line.number, cells, on, fields.get("ends") is True), goes)

    def _names(self, part: _Part, line: Line) -> dict[str, object]:
        read = self._read
        return {
            "number": line.number,
            "encounter": None,
            "feed": read.inbound.feed,
            "channel": part.read.channel.name,
            "currency": self._release.currency,
            "received_at": read.received,
            "posting_date": read.today,
            **line.fields,  # last: a record of a message among others says its own number and receipt
        }

    def _spec(self, table: str) -> TableSpec:
        return self._release.tables[table].spec

    def _place(self, keep: Keep) -> tuple[str, ...]:
        """Columns by which the table's rows are found."""
        spec = self._spec(keep.table)
        return (*spec.keys, *spec.many)

    def _named(self, told: _Told) -> str:
        cells = told.record.cells
        keys = (f"{name}={cells.get(name) or '(missing)'}" for name in self._spec(told.keep.table).keys)
        return f"{told.keep.table}: {' '.join(keys)}"

    # Tables ---------------------------------------------------------------------------------------------------

    def attempt(self) -> dict[str, Amended] | None:
        """Every table with all records that are not held; None when some of them turned out not to fit: again."""
        self.did, self._ended, self._left = {}, {}, {}
        csvs: dict[str, bytes] = {}
        found: dict[str, Amended] = {}
        before = len(self._held)
        for part in self._parts:
            for keep in part.read.channel.keeps:
                spec = self._spec(keep.table)
                mine = [one for one in part.told if one.keep is keep]
                put = [one.record for one in mine if one.goes and self._goes(part, one.place)]
                done = amended(
                    spec,
                    csvs.get(keep.table, self._release.tables[keep.table].csv),
                    put,
                    keep.new_rows,
                    self._read.today,
                    self._rest(part, keep, mine),
                )
                csvs[keep.table], found[keep.table] = done.csv, done
                self._note(part, keep, mine, done)
        return found if len(self._held) == before else None

    def _goes(self, part: _Part, place: Place) -> bool:
        if place in self._held or place[1] in part.filtered:
            return False
        return self._only is None or place in self._only

    def _rest(self, part: _Part, keep: Keep, mine: list[_Told]) -> Rest | None:
        place = (part.read.channel.name, REST)
        if not part.whole or place in self._held or (self._only is not None and place not in self._only):
            return None
        if part.loose:
            number = min(part.loose)
            self._held[place] = (
                f"MFN007 {keep.table}: record {number} does not say which row it is of, so that none can be told to be "
                "missing"
            )
            return None
        spec = self._spec(keep.table)
        named = {at for one in mine if (at := place_of(spec, one.record.cells)) is not None}
        return Rest(None, keep.within, named)

    def _note(self, part: _Part, keep: Keep, mine: list[_Told], done: Amended) -> None:
        """What became of each record, and of the rows that none names."""
        by_number = {one.record.number: one for one in mine}
        for number, why in done.unfit.items():
            one = by_number[number]
            self._held.setdefault(one.place, f"{why.code} {self._named(one)}: {why.what}")
        rest = (part.read.channel.name, REST)
        if done.unfit_rest is not None:
            self._left[rest] = f"{done.unfit_rest.code} {keep.table}: {done.unfit_rest.what}"
        for word, numbers in (("new", done.new), ("changed", done.changed), ("ended", done.ended)):
            for number in numbers:
                self.did.setdefault(by_number[number].place, []).append((keep.table, word))
        if done.rest:
            self.did.setdefault(rest, []).append((keep.table, f"{done.rest} ended that it does not name"))
            self._ended[keep.table] = self._ended.get(keep.table, 0) + done.rest

    def guarded(self, attempt: Mapping[str, Amended]) -> str:
        """Why the whole message waits for a person, or ''."""
        for table, done in attempt.items():
            if not self._shrinks and too_many_gone(done.gone, done.valid, self._spec(table).most_gone):
                return (
                    f"{TOO_MANY} {table}: {done.gone} of {done.valid} rows would end; `suture release` lets them, "
                    "`suture drop` does not"
                )
        return ""

    def take_out(self, error: SiteError, attempt: Mapping[str, Amended]) -> str:
        """The records that broke a rule of the site are held; why all of them are, when it is not known which."""
        before = len(self._held)
        faults = [fault for fault in error.faults if fault.severity == "error"]
        for fault in faults:
            found = _LINE.fullmatch(fault.where)
            if found is None or found[1] not in attempt:
                continue
            number = attempt[found[1]].told_by.get(int(found[2]))
            for one in (told for part in self._parts for told in part.told):
                if (one.keep.table, one.record.number) == (found[1], number):
                    cause = f"{fault.code} {self._named(one)}: {fault.what}"
                    self._held.setdefault(one.place, cause)
        if len(self._held) > before:
            return ""
        return f"MFN008 its rows do not fit the site: {faults[0].code} {faults[0].what}"

    # What is told ---------------------------------------------------------------------------------------------

    def told(self, digester: Digester, attempt: Mapping[str, Amended], held: str = "") -> Stepped:
        """`held`: why all of it waits."""
        lines = [row for part in self._parts for row in self._rows(digester, part, held)]
        amends = () if held else tuple(self._amendments(attempt))
        why = [f"{one.table}: {one.why}" + (", proposed" if one.proposed else "") for one in amends]
        state, reason = standing_of(lines, why)
        return Stepped(state, reason, tuple(lines), amends=amends)

    def _amendments(self, attempt: Mapping[str, Amended]) -> Iterator[Amendment]:
        for table, done in attempt.items():
            known = self._release.tables[table]
            if done.csv == known.csv:
                continue
            counts = Counter(word for all_ in self.did.values() for where, word in all_ if where == table)
            counts["ended"] += self._ended.get(table, 0)
            yield Amendment(table, done.csv, known.spec.second_person, words_of(counts))

    def _rows(self, digester: Digester, part: _Part, held: str) -> Iterator[LineRow]:
        channel = part.read.channel
        owner = self._spec(channel.keeps[0].table).owner
        sent = {line.number: line.sent for line in part.read.event.lines}
        for number in (*sent, *((REST,) if part.whole else ())):
            place = (channel.name, number)
            if self._only is not None and place not in self._only:
                continue
            state, reason = self._standing(part, place, held)
            if reason == SAME:
                continue
            body = digester.digest("body", *(f"{name}={text}" for name, text in sent.get(number, ())))
            key = record_key(digester, channel.name, self._read.inbound.id, number)
            yield LineRow(
                channel.name,
                number,
                key,
                True,
                body,
                False,
                state,
                reason,
                None,
                self._release.currency,
                (),
                owner,
            )

    def _standing(self, part: _Part, place: Place, held: str) -> tuple[LineState, str]:
        if place in self._held:
            return LineState.HELD, self._held[place]
        if place[1] in part.filtered:
            return LineState.FILTERED, part.filtered[place[1]]
        if held or place in self._left:
            return LineState.HELD, held or self._left[place]
        did = [f"{table}: {word}" for table, word in self.did.get(place, ())]
        return (LineState.KEPT, ", ".join(did)) if did else (LineState.FILTERED, SAME)


def standing_of(lines: Sequence[LineRow], why: Sequence[str]) -> tuple[MessageState, str]:
    """Where a message stands by its records, and why. `why`: what it changes, table by table."""
    states = {line.state for line in lines}
    if LineState.KEPT in states or why:
        return MessageState.ROUTED, "; ".join(why)
    if LineState.HELD in states:
        return MessageState.HELD, next(one.reason for one in lines if one.state is LineState.HELD)
    return MessageState.FILTERED, next((line.reason for line in lines), SAME)


def words_of(counts: Mapping[str, int]) -> str:
    """What records did to a table, in numbers."""
    return ", ".join(f"{counts[word]} {word}" for word in ("new", "changed", "ended") if counts.get(word))


def record_key(digester: Digester, channel: str, message: int, number: int) -> bytes:
    """Of one record of one message."""
    return digester.digest("record", channel, str(message), str(number))


def joined(first: Stepped, second: Stepped) -> Stepped:
    """What other channels make of the message, with what those do that keep tables."""
    if not first.lines:
        return second._replace(
            record=first.record, account=first.account, patient=first.patient, remember=first.remember
        )
    order = (MessageState.ROUTED, MessageState.HELD)
    state = next((one for one in order if one in (first.state, second.state)), first.state)
    reason = second.reason if second.state is state else first.reason
    return first._replace(
        state=state, reason=reason, lines=(*first.lines, *second.lines), amends=second.amends
    )


def _cell(value: object) -> str | None:
    """A value as a cell holds it; '' where the sender deletes it, None where nothing is sent."""
    return "" if value == "" else text_of(value)
