"""Bundles of FHIR: a transaction is stored whole or not at all, a batch entry by entry, a message once."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from engine.clock import Clock, to_datetime
from engine.codecs.fhir import answers, exchange
from engine.codecs.fhir.answers import Trouble
from engine.codecs.fhir.body import Entry, Tree
from engine.codecs.fhir.document import Resource, Target
from engine.domain.resources import Asked, Replied
from engine.pipeline.digests import Digester
from engine.pipeline.interactions import Operation, Planner, Sent, check_apart, requested
from engine.pipeline.storing import Storing


async def transaction(storing: Storing, planner: Planner, asked: Asked, entries: Sequence[Entry]) -> Replied:
    """What it reads, it reads when all else is stored."""
    reads = {index: found for index, entry in enumerate(entries) if (found := _read_of(entry, _at(index)))}
    writing = [(index, entry) for index, entry in enumerate(entries) if index not in reads]

    async def planned() -> list[Operation]:
        found = [await planner.entry(entry, _at(index)) for index, entry in writing]
        check_apart(found)
        return found

    for index, (kind, _, _) in reads.items():
        planner.check_type(kind, f"{_at(index)}.request.url")
    done = dict(zip((index for index, _ in writing), await storing.all("transaction", planned), strict=True))
    prefer = exchange.preference(asked)
    told = [
        await _shown(planner, *reads[index]) if index in reads else answers.entry_of(done[index], prefer)
        for index in range(len(entries))
    ]
    return exchange.replied(200, answers.bundle("transaction-response", told), asked)


async def batch(storing: Storing, planner: Planner, asked: Asked, entries: Sequence[Entry]) -> Replied:
    prefer = exchange.preference(asked)
    told = [
        await _batched(storing, planner, entry, _at(index), prefer) for index, entry in enumerate(entries)
    ]
    return exchange.replied(200, answers.bundle("batch-response", told), asked)


async def _batched(storing: Storing, planner: Planner, entry: Entry, place: str, prefer: str) -> Tree:
    """One entry, by itself."""
    try:
        read = _read_of(entry, place)
        if read is not None:
            return await _shown(planner, *read)
        return answers.entry_of(await storing.one("batch", lambda: planner.entry(entry, place)), prefer)
    except Trouble as trouble:
        return answers.failed_entry(trouble)


async def _shown(planner: Planner, kind: str, name: str, version: int | None) -> Tree:
    try:
        return answers.entry_of(await planner.read(kind, name, version), "representation")
    except Trouble as trouble:
        return answers.failed_entry(trouble)


async def message(
    storing: Storing,
    planner: Planner,
    digester: Digester,
    clock: Clock,
    asked: Asked,
    tree: Tree,
    entries: Sequence[Entry],
) -> Replied:
    """What a message carries is created, all or nothing; a message that came before is answered as it was."""
    header = entries[0].tree.get("resource") if entries else None
    if not isinstance(header, dict) or header.get("resourceType") != "MessageHeader":
        raise Trouble(400, "required", "FHR025", "the first entry is no MessageHeader", "Bundle.entry[0]")
    named = _identifier_of(tree) or header.get("id")
    if not isinstance(named, str) or not named:
        what = "neither the Bundle nor its header has an id"
        raise Trouble(400, "required", "FHR025", what, "Bundle.identifier")
    name = digester.digest("message", planner.feed, named).hex()

    async def planned() -> list[Operation]:
        if await planner.newest("MessageHeader", name) is not None:
            return []
        first = entries[0]
        target = Target("MessageHeader", name, 1)
        head = Operation(Resource.known(first.body, header, target, first.url, first.form), 201)
        rest = [
            await carried(planner, Sent.of(entry, f"{_at(index)}.resource"))
            for index, entry in enumerate(entries[1:], 1)
        ]
        check_apart(rest)
        return [head, *rest]

    await storing.all("message", planned)
    told = header.get("id") if isinstance(header.get("id"), str) else named
    at, ids = to_datetime(clock.now_us()), (str(uuid4()), str(uuid4()))
    return exchange.replied(200, answers.message_answer(header, str(told), "ok", at, ids), asked)


async def carried(planner: Planner, sent: Sent) -> Operation:
    """With an id of its own it is that resource, as the sender has it; without, a new one."""
    kind, name = sent.tree.get("resourceType"), sent.tree.get("id")
    if not isinstance(kind, str):
        raise Trouble(400, "required", "FHR025", "the entry has no resource", sent.place)
    if isinstance(name, str):
        return await planner.update(kind, name, sent, None)
    return await planner.create(kind, sent, None)


def _at(index: int) -> str:
    return f"Bundle.entry[{index}]"


def _read_of(entry: Entry, place: str) -> tuple[str, str, int | None] | None:
    """What an entry that only reads asks for."""
    method, (kind, name, condition) = requested(entry, place)
    if method != "GET":
        return None
    name, *rest = name.split("/")
    if name and not condition and not rest:
        return kind, name, None
    if name and not condition and len(rest) == 2 and rest[0] == "_history" and rest[1].isdecimal():
        return kind, name, int(rest[1][:9])
    what = "a read is of one resource, by its id"
    raise Trouble(400, "not-supported", "FHR020", what, f"{place}.request.url")


def _identifier_of(bundle: Tree) -> str:
    found = bundle.get("identifier")
    value = found.get("value") if isinstance(found, dict) else None
    return f"{found.get('system', '')}|{value}" if isinstance(found, dict) and isinstance(value, str) else ""
