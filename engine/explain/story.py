"""The postings of a message, explained from what the store kept: its bytes, its record, the edition of each effect."""

from __future__ import annotations

import asyncio

from engine.domain.message import MessageId
from engine.domain.ports import Reader
from engine.domain.views import EffectView, MessageQuery
from engine.errors import UsageError
from engine.explain.posting import Carried, Edition, Explained, explain
from engine.pipeline.digests import Digester
from engine.pipeline.editions import kept_edition
from engine.pipeline.record import unpack_facts
from engine.site.compile import compile_release, unpack_site
from engine.site.sources import read_sources


class Storyteller:
    """Explains messages; keeps the editions it has read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._digester = Digester(reader.hash_key)
        self._editions: dict[int, Edition] = {}

    async def postings(self, message: MessageId) -> list[Explained]:
        """Each document of the message. Raises `UsageError` when there is no such message, or nothing was posted."""
        inbound = await self._reader.inbound(message)
        if inbound is None:
            raise UsageError("CTL004", f"there is no message {message}", "find it with `suture messages`")
        deliveries = await self._reader.deliveries(message)
        if not deliveries:
            raise UsageError(
                "CLI010", f"message {message} posted nothing", f"see why with `suture show {message}`"
            )
        facts = unpack_facts(await self._reader.record(message))
        effects = await self._reader.effects(message)
        channels = {line.id: line.channel for line in await self._reader.lines(message)}
        stepped_with = await self._stepped_with(message)
        found = []
        for delivery in deliveries:
            mine = [effect for effect in effects if effect.delivery_id == delivery.id]
            payload = await self._reader.payload(delivery.id)
            if not mine or payload is None:
                continue
            edition = await self._edition(await self._written_with(mine) or stepped_with)
            carried = await self._carried(mine, channels)
            found.append(explain(edition, self._digester, inbound, facts, delivery, carried, payload))
        return found

    async def _stepped_with(self, message: MessageId) -> int:
        (view,) = await self._reader.messages(MessageQuery(before=message + 1, limit=1))
        return view.edition or 0

    async def _written_with(self, effects: list[EffectView]) -> int | None:
        """The edition of what was posted anew by a correction or a release; else it is the message's own."""
        originals = await self._reader.originals([effects[0].id])
        return originals[0].edition if originals else None

    async def _carried(self, effects: list[EffectView], channels: dict[int, str]) -> list[Carried]:
        reversed_ids = [effect.reverses for effect in effects if effect.reverses is not None]
        originals = {one.effect_id: one for one in await self._reader.originals(reversed_ids)}
        return [
            Carried(effect, channels[effect.line_id], originals.get(effect.reverses or 0))
            for effect in sorted(effects, key=lambda one: one.number)
        ]

    async def _edition(self, number: int) -> Edition:
        if number not in self._editions:
            kept = await kept_edition(self._reader, number)
            site = unpack_site(kept.files)
            release = await asyncio.to_thread(compile_release, site, kept.tables)
            self._editions[number] = Edition(release, read_sources(site), kept.versions)
        return self._editions[number]
