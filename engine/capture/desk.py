"""What a capture has before it: the site as it stands, the channel that gets the tests, the messages."""

from __future__ import annotations

from typing import NamedTuple

from engine.clock import to_datetime
from engine.codecs.fhir.document import is_fhir
from engine.codecs.hl7v2.lexer import Message
from engine.deidentify.dataset import Given
from engine.deidentify.reads import Reading
from engine.domain.message import Inbound
from engine.domain.views import EffectView, MessageView
from engine.errors import MessageError, UsageError
from engine.site.compile import compile_release
from engine.site.files import Site
from engine.site.hints import did_you_mean
from engine.site.maps import private_extras
from engine.site.names import private_fields
from engine.site.release import Channel, Release
from engine.site.schema.channel import ChannelFile
from engine.site.sources import Source, Sources, read_sources


class Taken(NamedTuple):
    """A message as the store has it. `effects`: with their channels."""

    view: MessageView
    inbound: Inbound
    effects: tuple[tuple[str, EffectView], ...]

    def __repr__(self) -> str:
        return f"Taken({self.view.id})"


class Desk(NamedTuple):
    """The site as it stands, and the channel that gets the tests."""

    site: Site
    release: Release
    sources: Sources
    channel: Channel
    source: Source[ChannelFile]

    @property
    def feed(self) -> str:
        """From which tests come."""
        return min(self.channel.feeds)


def desk_for(site: Site, channel: str, name: str) -> Desk:
    """Raises `SiteError` for a site at fault, `UsageError` for a channel that is not there or a name that is."""
    release, sources = compile_release(site), read_sources(site)
    found = next((one for one in release.channels if one.name == channel), None)
    if found is None:
        known = [one.name for one in release.channels]
        raise UsageError("CAP001", f"there is no channel '{channel}'", did_you_mean(channel, known))
    source = sources.channels.sources[channel]
    if any(test.name == name or test.name.startswith(f"{name}, 1 of ") for test in source.model.tests):
        raise UsageError("CAP004", f"channel {channel} has a test of that name", "say what else it shows")
    return Desk(site, release, sources, found, source)


def check_taken(desk: Desk, view: MessageView) -> None:
    """Raises `UsageError` for a message that the channel does not take, or that nothing can take the people out of."""
    if desk.channel.reader.rows is not None:
        mend = "write a file with made-up rows, and name it in `given`"
        raise UsageError("CAP012", "rows of files are not captured", mend)
    if desk.channel.keeps:
        mend = f"it tells of no patient: save it with `suture show {view.id} --raw`, and name it in `given`"
        raise UsageError("CAP013", "masters are not captured", mend)
    takers = [one.name for one in desk.release.channels_for(view.feed, view.type)]
    if desk.channel.name not in takers:
        mend = (
            f"it is read by {', '.join(takers)}"
            if takers
            else "no channel reads it; make one that does first"
        )
        raise UsageError("CAP002", f"channel {desk.channel.name} does not read message {view.id}", mend)


def given_of(desk: Desk, one: Taken) -> Given:
    listeners = desk.release.listeners
    default = {name: listener.default_charset for name, listener in listeners.items()}
    if is_fhir(one.inbound.raw):
        what = f"message {one.view.id} is FHIR, which is not de-identified"
        raise UsageError("CAP010", what, "write the sample by hand: a resource as JSON, beside the channel")
    try:
        message = Message.parse(one.inbound.raw, one.inbound.charset, default=default.get(one.inbound.feed))
    except MessageError as error:
        raise UsageError(
            error.code, f"message {one.view.id} cannot be read: {error.what}", error.mend
        ) from None
    reader = desk.channel.reader
    extras = private_extras(desk.sources.reads.sources[desk.source.model.read].model)
    reading = Reading(reader, private_fields(reader.fields, extras))
    today = to_datetime(one.inbound.received_us).astimezone(desk.release.zone).date()
    return Given(message, reading, default.get(desk.feed), today)


def known_texts(release: Release) -> frozenset[str]:
    """What the site's tables say already: it stands in version control, and tells of no patient."""
    return frozenset(
        str(cell) for table in release.tables.values() for row in table.rows for cell in row.values() if cell
    )
