"""What should have come about by now and has not, in the words of the site's channels; and what contradicts itself.

An effect is late when it is not delivered within the time that its channel expects. A stay that ended is missing its
charges when no line of a channel came for it within the time after discharge that the channel states. A case that was
cancelled, deleted or not shown up for uses nothing: what was told of it is put before somebody. An event of a
subscription did not come when later ones did. A message was refused, and its sender did not send it again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from engine.clock import to_datetime
from engine.domain.case import OFF, fold_case
from engine.domain.encounter import Encounter, fold
from engine.domain.message import MessageId
from engine.domain.ports import Reader
from engine.domain.posting import FactKeys
from engine.mapping.expression import EvaluationFault
from engine.site.release import AfterDischarge, Channel, Release

DISCHARGE = "ADT^A03"
WINDOW_S = 60 * 86_400.0
"""Discharges told longer ago than this are looked at no more."""

REFUSED_S = 86_400.0
"""So long it is told that a message was refused."""

_OFF_IN_WORDS = {"cancelled": "cancelled", "deleted": "deleted", "no-show": "a no-show"}
_SECOND = 1_000_000
_MANY = 500


class Alert(NamedTuple):
    """`channel`: or the listener that it is about. `since_us`: when the oldest of it should have been there; when it
    came to contradict itself, where it is not `late`. `message`: one that shows it."""

    channel: str
    what: str
    since_us: int
    message: MessageId
    late: bool = True


async def alerts(
    reader: Reader, release: Release, reverse: Callable[[bytes], bytes], now_us: int
) -> list[Alert]:
    """All that is late or contradicts itself now, the longest waiting first. `reverse`: account → key under which those
    stand that were merged into it."""
    watch = _Watch(reader, release, reverse, now_us)
    found = []
    for channel in release.channels:
        found += [alert async for alert in watch.late(channel)]
        if channel.after_discharge is not None:
            found += [alert async for alert in watch.missing(channel.name, channel.after_discharge)]
    found += [alert async for alert in watch.used_in_vain()]
    found += [alert async for alert in watch.unheard()]
    found += [alert async for alert in watch.refused()]
    return sorted(found, key=lambda alert: alert.since_us)


class _Watch(NamedTuple):
    """Looks at one store at one moment."""

    reader: Reader
    release: Release
    reverse: Callable[[bytes], bytes]
    now_us: int

    async def late(self, channel: Channel) -> AsyncIterator[Alert]:
        """Effects that are not there in their time."""
        for effect, seconds in channel.expect.items():
            limit_us = round(seconds * _SECOND)
            for late in await self.reader.late_effects(channel.name, effect, self.now_us - limit_us):
                waiting = late.effects - late.held
                parts = (late.held and f"{late.held} held", waiting and f"{waiting} on the way")
                where = " and ".join(part for part in parts if part)
                many = "effects" if late.effects > 1 else "effect"
                what = f"{late.effects} {many} '{effect}' not at {late.destination} within {spoken(seconds)}: {where}"
                yield Alert(channel.name, what, late.oldest_us + limit_us, late.message)

    async def unheard(self) -> AsyncIterator[Alert]:
        """Events of subscriptions that never came."""
        for missed in await self.reader.missed_events(self.now_us - round(WINDOW_S * _SECOND)):
            events = f"event {missed.first}"
            if missed.last > missed.first:
                events = f"events {missed.first} to {missed.last}"
            what = f"{events} of the subscription {missed.name or 'without a name'} did not come"
            yield Alert(missed.feed, what, missed.since_us, missed.message)

    async def refused(self) -> AsyncIterator[Alert]:
        """Messages that a sender was told no for, and has not sent again since. Of files `suture files` tells."""
        for told in await self.reader.refused_messages(self.now_us - round(REFUSED_S * _SECOND)):
            listener = self.release.listeners.get(told.feed)
            if listener is None or listener.kind != "folder":
                many = "1 message was" if told.messages == 1 else f"{told.messages} messages were"
                what = f"{many} refused and did not come again: {told.reason}"
                yield Alert(told.feed, what, told.oldest_us, told.message, late=False)

    async def missing(self, channel: str, expected: AfterDischarge) -> AsyncIterator[Alert]:
        """Stays that ended, and for which no line of the channel came."""
        within_us = round(expected.within * _SECOND)
        async for account, message, ended_us in self._ended(expected, self.now_us - within_us):
            accounts = {account, *await self.reader.merged_with(account, self.reverse(account))}
            if not await self.reader.has_line(accounts, channel):
                at = to_datetime(ended_us).astimezone(self.release.zone)
                what = (
                    f"a stay that ended {at:%Y-%m-%d %H:%M} brought nothing within {spoken(expected.within)}"
                )
                yield Alert(channel, what, ended_us + within_us, message)

    async def used_in_vain(self) -> AsyncIterator[Alert]:
        """Lines of cases that do not take place."""
        told = await self.reader.cases_told(OFF, self.now_us - round(WINDOW_S * _SECOND))
        for some in (told[start : start + _MANY] for start in range(0, len(told), _MANY)):
            (known,) = await self.reader.gather([FactKeys(cases=tuple(some))])
            cases = {key: fold_case(entries) for key, entries in known.cases.items()}
            off = {key: case for key, case in cases.items() if case is not None and case.off}
            for use in await self.reader.used_in_cases(list(off)):
                case = off[use.case]
                lines = "1 line was" if use.lines == 1 else f"{use.lines} lines were"
                what = f"{lines} used in a case that is {_OFF_IN_WORDS[case.state]}"
                yield Alert(use.channel, what, case.state_us, use.message, late=False)

    async def _ended(
        self, expected: AfterDischarge, before_us: int
    ) -> AsyncIterator[tuple[bytes, MessageId, int]]:
        """Accounts of stays that ended before then and stayed so, with the message that told it and the moment."""
        told = await self.reader.accounts_of_type(DISCHARGE, before_us - round(WINDOW_S * _SECOND))
        for some in (told[start : start + _MANY] for start in range(0, len(told), _MANY)):
            accounts = [
                (account, *await self.reader.merged_with(account, self.reverse(account)))
                for account, _ in some
            ]
            facts = await self.reader.gather([FactKeys(encounters=numbers) for numbers in accounts])
            for (account, message), known in zip(some, facts, strict=True):
                stay = fold(told for one in known.encounters.values() for told in one)
                if stay is None or stay.state != "discharged":
                    continue
                ended_us = stay.when("A03")
                if ended_us is not None and ended_us <= before_us and _meant(expected, stay, ended_us):
                    yield account, message, ended_us


def _meant(expected: AfterDischarge, stay: Encounter, ended_us: int) -> bool:
    if expected.when is None:
        return True
    names: dict[str, object] = {**stay.at(ended_us), "state": stay.state, "event": stay.event}
    try:
        return expected.when({"encounter": names}) is True
    except EvaluationFault:
        return True  # what cannot be told is looked at


def spoken(seconds: float) -> str:
    """A time as the site says it: 15m, 24h, 3d."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
