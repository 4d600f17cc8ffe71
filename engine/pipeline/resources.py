"""The door of FHIR: resources in, durable, then the answer. What is stored is a message for each resource.

Create, update, delete and read, transactions and batches, `$process-message`, notifications of subscriptions. As at
the other doors nothing is acknowledged that is not committed, business failures are no refusals, and what is refused
says which element, never its value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from engine.clock import Clock, to_datetime
from engine.codecs.fhir import answers, exchange, formats
from engine.codecs.fhir.answers import Trouble
from engine.codecs.fhir.body import Entry, Tree
from engine.codecs.fhir.document import PREFIX
from engine.codecs.fhir.formats import JSON
from engine.codecs.fhir.notification import notification_of
from engine.domain.ports import Reader
from engine.domain.resources import Asked, Replied
from engine.errors import MessageError
from engine.pipeline import bundling
from engine.pipeline.digests import Digester
from engine.pipeline.intake import Intake
from engine.pipeline.interactions import Operation, Planner, Sent
from engine.pipeline.notifying import Notifying
from engine.pipeline.storing import Storing
from engine.site.release import Release

_UNREADABLE = {
    "FHR001": (400, "invalid"),
    "FHR002": (400, "too-costly"),
    "FHR003": (400, "required"),
    "FHR005": (400, "structure"),
    "FHR007": (400, "structure"),
    "FHR008": (415, "not-supported"),
}
_REFUSED = {401: "login", 403: "forbidden", 413: "too-long", 429: "throttled", 503: "transient"}
_TAKEN = "a Bundle of type transaction or batch, or a notification of a subscription, is posted here"


class ResourceDoor:
    """The `Resources` port. `release`: the one in force."""

    def __init__(
        self, intake: Intake, reader: Reader, digester: Digester, clock: Clock, release: Callable[[], Release]
    ):
        self._intake = intake
        self._reader = reader
        self._digester = digester
        self._clock = clock
        self._release = release

    @property
    def accepting(self) -> bool:
        return self._intake.accepting

    def types(self, feed: str) -> frozenset[str]:
        """Resources that a channel reads from the feed, or that it is said to send."""
        release = self._release()
        read = {
            trigger
            for channel in release.channels
            if feed in channel.feeds
            for trigger in channel.reader.triggers
        }
        listener = release.listeners.get(feed)
        told = {*read, *(listener.sends if listener else ())}
        return frozenset(name.removeprefix(PREFIX) for name in told if name.startswith(PREFIX))

    def refusal(self, status: int, code: str, text: str, headers: Mapping[str, str]) -> Replied:
        told = answers.outcome("error", _REFUSED.get(status, "processing"), f"{code} {text}")
        return exchange.replied(status, told, Asked("", "", "", headers, "", ""))

    def refuses(self, feed: str, asked: Asked) -> Replied | None:
        try:
            self._check_head(feed, asked)
        except Trouble as trouble:
            return exchange.refused(trouble, asked)
        return None

    def _check_head(self, feed: str, asked: Asked) -> None:
        methods = exchange.methods(asked.path, self.types(feed))
        if not methods:
            raise Trouble(404, "not-supported", "FHR020", "nothing is at this address")
        if asked.method not in methods:
            raise Trouble(405, "not-supported", "FHR020", f"this address takes {', '.join(methods)}")
        if exchange.answer_form(asked) is None:
            what = "answers are application/fhir+json or application/fhir+xml"
            raise Trouble(406, "not-supported", "FHR027", what)
        if asked.method in ("POST", "PUT") and asked.path:  # what says nothing at the base has no type
            exchange.version_of(asked)

    async def ask(self, feed: str, asked: Asked) -> Replied:
        try:
            return await self._asked(feed, asked)
        except Trouble as trouble:
            return exchange.refused(trouble, asked)
        except MessageError as error:
            self._intake.garbled(feed, asked.body, error.code, asked.peer)
            status, kind = _UNREADABLE.get(error.code, (400, "invalid"))
            return exchange.refused(Trouble(status, kind, error.code, error.what, error.where), asked)

    async def _asked(self, feed: str, asked: Asked) -> Replied:
        self._check_head(feed, asked)
        parts = asked.path.split("/") if asked.path else []
        planner = Planner(self._reader, self._digester, feed, self.types(feed))
        if asked.method == "GET":
            return await self._read(planner, asked, parts)
        if asked.method == "DELETE":
            storing = Storing(self._intake, self._clock, planner, "4.0")
            match_ = asked.headers.get("if-match")
            told = await storing.one("delete", lambda: planner.delete(parts[0], parts[1], match_, parts[0]))
            return exchange.answered(told, asked)
        version = exchange.version_of(asked) if asked.body else "4.0"
        storing = Storing(self._intake, self._clock, planner, version)
        form = exchange.form_of(asked) if asked.body else JSON
        if not asked.body and not parts:
            await self._notifying(storing, planner, form, version).take_nothing()
            return exchange.replied(200, None, asked)
        tree = formats.read(asked.body, form)
        if parts and parts != ["$process-message"]:
            sent = Sent(asked.body, tree, parts[0], "", form)
            told = await storing.one(*self._single(planner, asked, parts, sent))
            return exchange.answered(told, asked)
        if tree["resourceType"] != "Bundle":
            raise Trouble(422, "not-supported", "FHR025", _TAKEN, "Bundle.type")
        entries = formats.entries(asked.body, tree, form)
        if parts:
            return await self._message(storing, planner, asked, tree, entries)
        match tree.get("type"):
            case "transaction":
                return await bundling.transaction(storing, planner, asked, entries)
            case "batch":
                return await bundling.batch(storing, planner, asked, entries)
            case "history" | "subscription-notification":
                if (told_of := notification_of(tree, entries)) is not None:
                    await self._notifying(storing, planner, form, version).take(told_of, asked, entries)
                    return exchange.replied(200, None, asked)
        raise Trouble(422, "not-supported", "FHR025", _TAKEN, "Bundle.type")

    async def _read(self, planner: Planner, asked: Asked, parts: Sequence[str]) -> Replied:
        if parts == ["metadata"]:
            version = exchange.version_asked(asked)
            at = to_datetime(self._clock.now_us())
            return exchange.replied(200, answers.capabilities(planner.types, version, at, asked.base), asked)
        version_id = int(parts[3]) if len(parts) == 4 else None
        return exchange.shown(await planner.read(parts[0], parts[1], version_id), asked)

    @staticmethod
    def _single(
        planner: Planner, asked: Asked, parts: Sequence[str], sent: Sent
    ) -> tuple[str, Callable[[], Awaitable[Operation]]]:
        """A create or update, and its word."""
        kind, match_ = parts[0], asked.headers.get("if-match")
        if asked.method == "POST":
            condition = asked.headers.get("if-none-exist")
            return "create", lambda: planner.create(kind, sent, condition)
        if len(parts) == 1:
            criteria = exchange.criteria_of(asked)
            return "update", lambda: planner.update_where(kind, criteria, sent, match_)
        return "update", lambda: planner.update(kind, parts[1], sent, match_)

    async def _message(
        self, storing: Storing, planner: Planner, asked: Asked, tree: Tree, entries: Sequence[Entry]
    ) -> Replied:
        if tree.get("type") != "message":
            raise Trouble(400, "invalid", "FHR025", "a Bundle of type message is posted here", "Bundle.type")
        reply = await bundling.message(storing, planner, self._digester, self._clock, asked, tree, entries)
        return exchange.replied(202, None, asked) if "async=true" in asked.query.split("&") else reply

    def _notifying(self, storing: Storing, planner: Planner, form: str, version: str) -> Notifying:
        return Notifying(self._reader, storing, planner, self._clock, form, version)
