"""Shows that a far end honours keys: one document is sent twice under the same key (rules of money, 8)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple

import orjson

from engine.cli.connect import place_of, tell_engine
from engine.codecs.hl7v2.header import peek
from engine.domain.outcome import Outcome, Verdict
from engine.domain.ports import Adapter
from engine.domain.posting import Action, Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing
from engine.errors import MessageError, UsageError
from engine.far_ends import adapter_of, keys_target
from engine.site.compile import compile_release
from engine.site.schema.destination import Destination, HttpFile, MllpFile


class Shown(NamedTuple):
    """`honours`: what is said was seen. `said`: what was seen, in words."""

    destination: str
    honours: bool
    said: str


def show_keys(
    folder: Path, environment: str | None, name: str, document: Path | None, path: str, booked_once: bool
) -> Shown:
    """Sends, compares, and keeps what was seen in the audit. Raises `UsageError` for what cannot be shown."""
    site, place = place_of(folder, environment)
    destinations = compile_release(site).destinations
    end = destinations.get(name)
    if end is None:
        raise UsageError(
            "CLI009", f"there is no destination '{name}'", f"destinations are {', '.join(destinations)}"
        )
    if not isinstance(end, HttpFile | MllpFile):
        raise UsageError(
            "CLI009", f"a {end.kind} destination is asked, not sent again", "nothing is to be shown"
        )
    target = keys_target(name, end, place.destinations[name])
    if booked_once:
        if not isinstance(end, MllpFile):
            raise UsageError("CLI009", "--booked-once is for mllp", "http says itself what it booked")
        reason = "somebody looked there and saw it booked once"
        tell_engine(folder, environment, "keys_booked_once", {"target": target, "reason": reason})
        return Shown(name, True, reason)
    if document is None:
        raise UsageError("CLI009", "--keys needs --document", "name a file that may be booked there")
    delivery = _delivery(name, end, document.read_bytes(), path)
    first, second = asyncio.run(_twice(adapter_of(end, place.destinations[name]), delivery))
    shown = _seen(name, end, first, second)
    if (
        first.verdict is Verdict.APPLIED
    ):  # else nothing was tried; what a second answer shows withdraws an older proof
        twice = second.verdict is Verdict.APPLIED
        arguments = {"target": target, "honoured": shown.honours, "acknowledged": twice, "reason": shown.said}
        tell_engine(folder, environment, "keys_tried", arguments)
    return shown


def _delivery(name: str, end: Destination, payload: bytes, path: str) -> Outgoing:
    """Under the key that the document itself says."""
    try:
        if isinstance(end, MllpFile):
            payload = payload.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
            reference = peek(payload, None).control_id
        else:
            reference = orjson.loads(payload)["reference"]
    except (MessageError, orjson.JSONDecodeError, KeyError, TypeError):
        mend = "give a JSON document with a `reference`, or a message with an MSH-10"
        raise UsageError("CLI009", "the document says no key", mend) from None
    return Outgoing(
        0, name, "keys", Action.POST, 0, Priority.LIVE, str(reference), path, payload, 0, DeliveryState.SENDING, None
    )  # fmt: skip


async def _twice(adapter: Adapter, delivery: Outgoing) -> tuple[Outcome, Outcome]:
    try:
        return await adapter.send(delivery), await adapter.send(delivery)
    finally:
        await adapter.close()


def _seen(name: str, end: Destination, first: Outcome, second: Outcome) -> Shown:
    if first.verdict is Verdict.CREDENTIALS:
        mend = "say where it is taken with --path, or mend the credentials"
        return Shown(name, False, f"it was let in nowhere there ({first.code}): {mend}")
    if first.verdict is not Verdict.APPLIED or second.verdict is not Verdict.APPLIED:
        told = " and ".join(f"{outcome.verdict.word} ({outcome.code})" for outcome in (first, second))
        return Shown(name, False, f"the two answers were {told}")
    if isinstance(end, MllpFile):
        return Shown(
            name, False, "both were acknowledged; look there, and if it is booked once say --booked-once"
        )
    if first.document != second.document:
        said = f"it was booked twice, as {first.document} and {second.document}: take one back there"
        return Shown(name, False, said)
    return Shown(name, True, f"both times it answered with document {first.document}")
