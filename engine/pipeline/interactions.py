"""What a request would store: resources with their ids and versions, and what they refer to. Reads, and writes nothing.

Decided on what is stored by now; the commit answers `Conflict` when that is no longer so, and it is decided again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import uuid4

from engine.clock import to_datetime
from engine.codecs.fhir.answers import Stored, Trouble
from engine.codecs.fhir.body import Entry, Tree
from engine.codecs.fhir.document import Resource, Target, parse
from engine.codecs.fhir.formats import JSON
from engine.domain.message import MessageId
from engine.domain.ports import Reader
from engine.domain.resources import ResourceView
from engine.pipeline.digests import Digester

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[0-9]+)?")

MOST_REFERRED = 20
"""Resources that are kept beside one that refers to them, near ones first."""

MOST_BESIDE = 64 * 1024
"""Bytes of them: a Bundle must not grow a thousandfold by what its entries share."""

HEADS = ("Patient", "Location", "Organization", "Practitioner", "Device", "Account", "Coverage", "Encounter")
"""Of a transaction these are stepped first: the others refer to them."""


class Sent(NamedTuple):
    """A resource of a request. `place`: of it in the body, as FHIRPath; `url`: its fullUrl, or ''."""

    body: bytes
    tree: Tree
    place: str
    url: str = ""
    form: str = JSON

    @classmethod
    def of(cls, entry: Entry, place: str) -> Sent:
        """Raises `Trouble` when the entry has no resource."""
        tree = entry.tree.get("resource")
        if not isinstance(tree, dict):
            raise Trouble(400, "required", "FHR025", "the entry has no resource", place)
        return cls(entry.body, tree, place, entry.url, entry.form)


class Operation(NamedTuple):
    """One resource to store. `absent`: digest of an identifier that none may have. `found`: it is as it should be
    already, since then, and nothing is stored. `deletes`: what is stored is that it is no more."""

    resource: Resource
    status: int
    absent: bytes | None = None
    found: ResourceView | None = None
    deletes: bool = False

    @property
    def target(self) -> Target:
        assert self.resource.target is not None
        return self.resource.target


class Planner:
    """For one feed. `types`: resources that it takes."""

    def __init__(self, reader: Reader, digester: Digester, feed: str, types: frozenset[str]) -> None:
        self._reader = reader
        self._digester = digester
        self.feed = feed
        self.types = types

    def key(self, kind: str, name: str) -> bytes:
        return self._digester.digest("resource", self.feed, kind, name)

    def identifiers(self, kind: str, tree: Tree) -> tuple[bytes, ...]:
        """Digests of those that have a value."""
        found = tree.get("identifier")
        listed = found if isinstance(found, list) else [found]
        return tuple(
            dict.fromkeys(
                self._identifier(kind, str(one.get("system", "")), one["value"])
                for one in listed
                if isinstance(one, dict) and isinstance(one.get("value"), str)
            )
        )

    def _identifier(self, kind: str, system: str, value: str) -> bytes:
        return self._digester.digest("identifier", self.feed, kind, system, value)

    def check_type(self, kind: str, expression: str = "") -> None:
        if kind not in self.types:
            raise Trouble(
                404, "not-supported", "FHR020", "this type of resource is not taken here", expression
            )

    # Reading -------------------------------------------------------------------------------------------------

    async def newest(self, kind: str, name: str) -> ResourceView | None:
        return await self._reader.resource(self.key(kind, name))

    async def read(self, kind: str, name: str, version: int | None) -> Stored:
        """One version, or the newest. Raises `Trouble` when it is not there, or is no more."""
        self.check_type(kind)
        view = await self._reader.resource(self.key(kind, name), version)
        if view is None:
            raise Trouble(404, "not-found", "FHR021", "no such resource is stored here")
        if view.deleted:
            raise Trouble(410, "deleted", "FHR021", "the resource was deleted")
        document = parse(await self._raw(view))
        return Stored(200, kind, name, view.version, to_datetime(view.at_us), document.stored_tree())

    async def stored(self, view: ResourceView) -> Resource:
        return parse(await self._raw(view)).resources[0]

    async def _raw(self, view: ResourceView) -> bytes:
        raw = await self._reader.raw(view.message)
        if raw is None:
            raise Trouble(410, "deleted", "FHR021", "its bytes are no longer kept")
        return raw

    async def referred(self, reference: str) -> Resource | None:
        """What a reference names of what is stored."""
        named = _REFERENCE.fullmatch(reference)
        view = await self.newest(named[1], named[2]) if named else None
        return await self.stored(view) if view and not view.deleted else None

    # Planning ------------------------------------------------------------------------------------------------

    async def create(self, kind: str, sent: Sent, condition: str | None) -> Operation:
        self._check_kind(kind, sent)
        absent = None
        if condition is not None:
            absent = self._condition(kind, condition, sent.place)
            found = await self._reader.resources_with(absent)
            if len(found) > 1:
                raise self._ambiguous(sent.place)
            if found:
                stored = await self.stored(found[0])
                return Operation(Resource(stored.body, stored.target, sent.url), 200, found=found[0])
        return Operation(_as(sent, Target(kind, uuid4().hex, 1)), 201, absent)

    async def update(self, kind: str, name: str, sent: Sent, match: str | None) -> Operation:
        self._check_kind(kind, sent)
        if not _ID.fullmatch(name) or sent.tree.get("id") != name:
            what = "the resource has another id than its address"
            raise Trouble(400, "invalid", "FHR022", what, f"{sent.place}.id")
        newest = await self.newest(kind, name)
        _check_version(match, newest, sent.place)
        version = newest.version if newest else 0
        new = newest is None or newest.deleted
        return Operation(_as(sent, Target(kind, name, version + 1)), 201 if new else 200)

    async def update_where(self, kind: str, condition: str, sent: Sent, match: str | None) -> Operation:
        """Of the one resource that has an identifier; without any it is created."""
        self._check_kind(kind, sent)
        identifier = self._condition(kind, condition, sent.place)
        found = await self._reader.resources_with(identifier)
        if len(found) > 1:
            raise self._ambiguous(sent.place)
        told = sent.tree.get("id")
        if not found:
            if told is not None:
                return (await self.update(kind, str(told), sent, match))._replace(absent=identifier)
            _check_version(match, None, sent.place)
            return Operation(_as(sent, Target(kind, uuid4().hex, 1)), 201, identifier)
        target = (await self.stored(found[0])).target
        assert target is not None
        if told is not None and told != target.id:
            what = "the resource has another id than the one that has the identifier"
            raise Trouble(400, "invalid", "FHR022", what, f"{sent.place}.id")
        _check_version(match, found[0], sent.place)
        return Operation(_as(sent, Target(kind, target.id, found[0].version + 1)), 200)

    async def delete(self, kind: str, name: str, match: str | None, place: str) -> Operation:
        """What is not there is deleted already."""
        self.check_type(kind, place)
        newest = await self.newest(kind, name)
        _check_version(match, newest, place)
        if newest is None or newest.deleted:
            there = newest or _NEVER
            return Operation(Resource(b"", Target(kind, name, there.version)), 204, found=there)
        last = await self.stored(newest)
        gone = Resource(last.body, Target(kind, name, newest.version + 1), "", last.form)
        return Operation(gone, 204, deletes=True)

    async def entry(self, entry: Entry, place: str) -> Operation:
        """One entry of a transaction or a batch that stores something."""
        method, (kind, name, condition) = requested(entry, place)
        request = entry.tree["request"]
        if method == "DELETE" and name:
            return await self.delete(kind, name, _text(request, "ifMatch"), f"{place}.request")
        if method in ("POST", "PUT"):
            sent = Sent.of(entry, f"{place}.resource")
            if method == "POST" and not name:
                return await self.create(kind, sent, _text(request, "ifNoneExist"))
            if method == "PUT" and name:
                return await self.update(kind, name, sent, _text(request, "ifMatch"))
            if method == "PUT" and condition:
                return await self.update_where(kind, condition, sent, _text(request, "ifMatch"))
        what = "the method and address are none that are taken here"
        raise Trouble(400, "not-supported", "FHR020", what, f"{place}.request")

    def _check_kind(self, kind: str, sent: Sent) -> None:
        self.check_type(kind, sent.place)
        if sent.tree.get("resourceType") != kind:
            what = "the resource is of another type than its address"
            raise Trouble(400, "invalid", "FHR022", what, sent.place)

    def _condition(self, kind: str, text: str, place: str) -> bytes:
        name, _, value = text.strip().removeprefix("?").partition("=")
        system, bar, value = unquote(value).partition("|")
        if name != "identifier" or not bar or not value or "&" in text:
            raise Trouble(400, "not-supported", "FHR024", "a condition is identifier=SYSTEM|VALUE", place)
        return self._identifier(kind, system, value)

    @staticmethod
    def _ambiguous(place: str) -> Trouble:
        what = "several resources have this identifier"
        return Trouble(412, "multiple-matches", "FHR023", what, place)


_NEVER = ResourceView(b"", 0, MessageId(0), 0, deleted=True)


class Surroundings:
    """What the resources of one interaction may refer to: each other, else what is stored."""

    def __init__(self, planner: Planner, beside: Iterable[Resource]) -> None:
        self._planner = planner
        self._known: dict[str, Resource | None] = {name: one for one in beside for name in _names(one)}

    async def of(self, resource: Resource) -> list[Resource]:
        """What a resource refers to, near ones first."""
        found: dict[str, Resource] = {}
        left = MOST_BESIDE
        waiting = [resource]
        while waiting and len(found) < MOST_REFERRED:
            for reference in waiting.pop(0).references:
                if reference not in self._known:
                    self._known[reference] = await self._planner.referred(reference)
                one = self._known[reference]
                if one is None or one.target == resource.target or str(one.target) in found:
                    continue
                if len(one.body) > left:
                    continue
                left -= len(one.body)
                found[str(one.target)] = one
                waiting.append(one)
        return list(found.values())[:MOST_REFERRED]


def requested(entry: Entry, place: str) -> tuple[str, tuple[str, str, str]]:
    """An entry's method, and its address: type, id or '', condition or ''."""
    request = entry.tree.get("request")
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        raise Trouble(400, "required", "FHR025", "the entry says no request", f"{place}.request")
    path, _, condition = request["url"].partition("?")
    kind, _, name = path.strip("/").partition("/")
    return str(request.get("method", "")), (kind, name, condition)


def in_order(operations: Sequence[Operation]) -> Iterator[int]:
    """Which of a transaction's operations is stepped when: deletions, then what others refer to."""
    return iter(sorted(range(len(operations)), key=lambda index: _rank(operations[index])))


def _rank(operation: Operation) -> int:
    kind = operation.resource.type
    return -1 if operation.deletes else HEADS.index(kind) if kind in HEADS else len(HEADS)


def check_apart(operations: Sequence[Operation]) -> None:
    """Two entries of one transaction about one resource have no order."""
    named = [operation.target for operation in operations]
    absent = [operation.absent for operation in operations if operation.absent is not None]
    if len({(one.type, one.id) for one in named}) < len(named) or len(set(absent)) < len(absent):
        raise Trouble(400, "invalid", "FHR025", "two entries are about one resource", "Bundle.entry")


def _check_version(match: str | None, newest: ResourceView | None, place: str) -> None:
    if match is None:
        return
    there = newest is not None and not newest.deleted
    wanted = _ETAG.fullmatch(match.strip())
    if match.strip() == "*" and there:
        return
    if wanted is None or newest is None or not there or int(wanted[1]) != newest.version:
        raise Trouble(412, "conflict", "FHR023", "If-Match is not the newest version", place)


def _as(sent: Sent, target: Target) -> Resource:
    return Resource.known(sent.body, sent.tree, target, sent.url, sent.form)


def _names(resource: Resource) -> Iterator[str]:
    if resource.url:
        yield resource.url
    if resource.target:
        yield f"{resource.target.type}/{resource.target.id}"


def _text(request: Mapping[str, Any], name: str) -> str | None:
    value = request.get(name)
    return value if isinstance(value, str) else None
