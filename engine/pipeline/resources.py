"""The door of FHIR: resources in, durable, then the answer. What is stored is a message for each resource.

Create, update and read, transactions and batches, `$process-message`. As at the other doors nothing is acknowledged
that is not committed, business failures are no refusals, and what is refused says which element, never its value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import uuid4

from engine.clock import Clock, to_datetime
from engine.codecs.fhir import answers, exchange
from engine.codecs.fhir.answers import Stored, Trouble
from engine.codecs.fhir.body import Entry, Tree, entries_of, read_json
from engine.codecs.fhir.document import PREFIX, Resource, Target, parse, stored
from engine.domain.changes import Interaction, Received, Together
from engine.domain.ports import Reader
from engine.domain.resources import Asked, Replied, Write
from engine.domain.status import MessageState
from engine.errors import MessageError
from engine.pipeline.digests import Digester
from engine.pipeline.intake import Intake
from engine.pipeline.interactions import Operation, Planner, Surroundings, in_order
from engine.site.release import Release

TRIES = 5
"""How often an interaction is decided anew when others changed the same resources meanwhile."""

_UNREADABLE = {"FHR001": "invalid", "FHR002": "too-costly", "FHR003": "required", "FHR005": "structure"}


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

    def refusal(self, status: int, code: str, text: str) -> bytes:
        kind = {401: "login", 403: "forbidden", 413: "too-long", 429: "throttled", 503: "transient"}.get(
            status, "processing"
        )
        return answers.json_body(answers.outcome("error", kind, f"{code} {text}"))

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
        if not exchange.acceptable(asked):
            raise Trouble(406, "not-supported", "FHR027", "answers are application/fhir+json")
        if asked.method != "GET":
            exchange.version_of(asked)

    async def ask(self, feed: str, asked: Asked) -> Replied:
        try:
            return await self._asked(feed, asked)
        except Trouble as trouble:
            return exchange.refused(trouble, asked)
        except MessageError as error:
            self._intake.garbled(feed, asked.body, error.code, asked.peer)
            kind = _UNREADABLE.get(error.code, "invalid")
            return exchange.refused(Trouble(400, kind, error.code, error.what, error.where), asked)

    async def _asked(self, feed: str, asked: Asked) -> Replied:
        self._check_head(feed, asked)
        parts = asked.path.split("/") if asked.path else []
        planner = Planner(self._reader, self._digester, feed, self.types(feed))
        if asked.method == "GET":
            return await self._read(planner, asked, parts)
        tree = read_json(asked.body)
        match parts:
            case []:
                return await self._bundle(feed, planner, asked, tree)
            case ["$process-message"]:
                return await self._message(feed, planner, asked, tree)
            case [kind]:
                condition = asked.headers.get("if-none-exist")
                return await self._single(
                    feed,
                    asked,
                    "create",
                    lambda: planner.create(kind, asked.body, tree, condition, kind, ""),
                    planner,
                )
            case [kind, name]:
                match_ = asked.headers.get("if-match")
                return await self._single(
                    feed,
                    asked,
                    "update",
                    lambda: planner.update(kind, name, asked.body, tree, match_, kind, ""),
                    planner,
                )
        raise Trouble(404, "not-supported", "FHR020", "nothing is at this address")

    # Reading -------------------------------------------------------------------------------------------------

    async def _read(self, planner: Planner, asked: Asked, parts: Sequence[str]) -> Replied:
        if parts == ["metadata"]:
            version = exchange.version_asked(asked)
            at = to_datetime(self._clock.now_us())
            return exchange.replied(200, answers.capabilities(planner.types, version, at, asked.base), asked)
        return exchange.shown(await self._found(planner, parts), asked)

    async def _found(self, planner: Planner, parts: Sequence[str]) -> Stored:
        kind, name = parts[0], parts[1]
        version = int(parts[3]) if len(parts) == 4 else None
        planner.check_type(kind)
        view = await self._reader.resource(planner.key(kind, name), version)
        raw = await self._reader.raw(view.message) if view else None
        if view is None or raw is None:
            raise Trouble(404, "not-found", "FHR021", "no such resource is stored here")
        return Stored(200, kind, name, view.version, to_datetime(view.at_us), parse(raw).stored_tree())

    # Storing -------------------------------------------------------------------------------------------------

    async def _single(
        self, feed: str, asked: Asked, word: str, plan: Callable[[], Awaitable[Operation]], planner: Planner
    ) -> Replied:
        async def planned() -> list[Operation]:
            return [await plan()]

        (told,) = await self._stored(feed, asked, word, planned, planner)
        return exchange.answered(told, asked)

    async def _stored(
        self,
        feed: str,
        asked: Asked,
        word: str,
        plan: Callable[[], Awaitable[list[Operation]]],
        planner: Planner,
    ) -> list[Stored]:
        """In one commit; decided anew while others change the same resources."""
        for _ in range(TRIES):
            operations = await plan()
            now_us = self._clock.now_us()
            interaction = await self._interaction(feed, asked, word, operations, planner, now_us)
            if not interaction.messages or isinstance(await self._intake.take(interaction), Together):
                return [self._told(operation, now_us) for operation in operations]
        raise Trouble(409, "conflict", "FHR026", "others change the same resources")

    def _told(self, operation: Operation, now_us: int) -> Stored:
        target = operation.resource.target
        assert target is not None
        if operation.found is not None:
            return Stored(operation.status, *target, to_datetime(operation.found.at_us))
        return Stored(operation.status, *target, to_datetime(now_us), operation.resource.tree)

    async def _interaction(
        self,
        feed: str,
        asked: Asked,
        word: str,
        operations: Sequence[Operation],
        planner: Planner,
        now_us: int,
    ) -> Interaction:
        around = Surroundings(planner, [operation.resource for operation in operations])
        messages, writes, absent = [], [], []
        for index in in_order(operations):
            operation = operations[index]
            if operation.found is not None:
                continue
            resource, target = operation.resource, operation.resource.target
            assert target is not None
            raw = stored(exchange.version_of(asked), word, [resource, *await around.of(resource)])
            messages.append(_received(feed, now_us, target, raw, operation.status))
            key = planner.key(target.type, target.id)
            writes.append(Write(key, target.version, planner.identifiers(target.type, resource.tree)))
            if operation.absent is not None:
                absent.append(operation.absent)
        return Interaction(tuple(messages), tuple(writes), tuple(absent))

    # Bundles -------------------------------------------------------------------------------------------------

    async def _bundle(self, feed: str, planner: Planner, asked: Asked, tree: Tree) -> Replied:
        kind = tree.get("type")
        if tree["resourceType"] != "Bundle" or kind not in ("transaction", "batch"):
            what = "a Bundle of type transaction or batch is posted here"
            raise Trouble(422, "not-supported", "FHR025", what, "Bundle.type")
        entries = entries_of(asked.body, tree)
        prefer = exchange.preference(asked)
        if kind == "batch":
            told = [
                await self._batched(feed, planner, asked, entry, index, prefer)
                for index, entry in enumerate(entries)
            ]
            return exchange.replied(200, answers.bundle("batch-response", told), asked)

        async def planned() -> list[Operation]:
            found = [
                await planner.entry(entry, f"Bundle.entry[{index}]") for index, entry in enumerate(entries)
            ]
            _check_apart(found)
            return found

        done = await self._stored(feed, asked, "transaction", planned, planner)
        return exchange.replied(
            200,
            answers.bundle("transaction-response", [answers.entry_of(one, prefer) for one in done]),
            asked,
        )

    async def _batched(
        self, feed: str, planner: Planner, asked: Asked, entry: Entry, index: int, prefer: str
    ) -> Tree:
        """One entry, by itself."""
        place = f"Bundle.entry[{index}]"

        async def planned() -> list[Operation]:
            return [await planner.entry(entry, place)]

        try:
            read = _read_of(entry)
            if read is not None:
                return answers.entry_of(await self._found(planner, read), "representation")
            (told,) = await self._stored(feed, asked, "batch", planned, planner)
        except Trouble as trouble:
            return answers.failed_entry(trouble)
        return answers.entry_of(told, prefer)

    async def _message(self, feed: str, planner: Planner, asked: Asked, tree: Tree) -> Replied:
        """What a message carries is created, all or nothing; a message that came before is answered as it was."""
        if tree["resourceType"] != "Bundle" or tree.get("type") != "message":
            raise Trouble(400, "invalid", "FHR025", "a Bundle of type message is posted here", "Bundle.type")
        entries = entries_of(asked.body, tree)
        header = entries[0].tree.get("resource") if entries else None
        if not isinstance(header, dict) or header.get("resourceType") != "MessageHeader":
            raise Trouble(400, "required", "FHR025", "the first entry is no MessageHeader", "Bundle.entry[0]")
        named = _identifier_of(tree) or header.get("id")
        if not isinstance(named, str) or not named:
            raise Trouble(
                400, "required", "FHR025", "neither the Bundle nor its header has an id", "Bundle.identifier"
            )
        name = self._digester.digest("message", feed, named).hex()

        async def planned() -> list[Operation]:
            if await self._reader.resource(planner.key("MessageHeader", name)) is not None:
                return []
            first = Operation(
                Resource(entries[0].body, Target("MessageHeader", name, 1), entries[0].url), 201
            )
            rest = [
                await self._carried(planner, entry, f"Bundle.entry[{index}].resource")
                for index, entry in enumerate(entries[1:], 1)
            ]
            _check_apart(rest)
            return [first, *rest]

        await self._stored(feed, asked, "message", planned, planner)
        told = header.get("id") if isinstance(header.get("id"), str) else named
        at, ids = to_datetime(self._clock.now_us()), (str(uuid4()), str(uuid4()))
        return exchange.replied(200, answers.message_answer(header, str(told), "ok", at, ids), asked)

    @staticmethod
    async def _carried(planner: Planner, entry: Entry, place: str) -> Operation:
        """With an id of its own it is that resource, as the sender has it; without, a new one."""
        tree = entry.tree.get("resource")
        if not isinstance(tree, dict) or not isinstance(tree.get("resourceType"), str):
            raise Trouble(400, "required", "FHR025", "the entry has no resource", place)
        kind, name = tree["resourceType"], tree.get("id")
        if isinstance(name, str):
            return await planner.update(kind, name, entry.body, tree, None, place, entry.url)
        return await planner.create(kind, entry.body, tree, None, place, entry.url)


def _received(feed: str, now_us: int, target: Target, raw: bytes, status: int) -> Received:
    return Received(
        feed,
        now_us,
        f"{PREFIX}{target.type}",
        str(target),
        raw,
        None,
        MessageState.PENDING,
        "",
        str(status),
        None,
    )


def _check_apart(operations: Sequence[Operation]) -> None:
    """Two entries of one transaction about one resource have no order."""
    named = [operation.resource.target for operation in operations]
    absent = [operation.absent for operation in operations if operation.absent is not None]
    if len({(one.type, one.id) for one in named if one}) < len(named) or len(set(absent)) < len(absent):
        raise Trouble(400, "invalid", "FHR025", "two entries are about one resource", "Bundle.entry")


def _read_of(entry: Entry) -> list[str] | None:
    """The address of an entry that only reads."""
    request = entry.tree.get("request")
    if (
        not isinstance(request, dict)
        or request.get("method") != "GET"
        or not isinstance(request.get("url"), str)
    ):
        return None
    parts = request["url"].strip("/").split("/")
    if len(parts) == 2 or (len(parts) == 4 and parts[2] == "_history" and parts[3].isdecimal()):
        return list(parts)
    raise Trouble(400, "not-supported", "FHR020", "a read is of one resource, by its id")


def _identifier_of(bundle: Tree) -> str:
    found = bundle.get("identifier")
    value = found.get("value") if isinstance(found, dict) else None
    return f"{found.get('system', '')}|{value}" if isinstance(found, dict) and isinstance(value, str) else ""
