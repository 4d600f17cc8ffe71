"""What a request would store: resources with their ids and versions, and what they refer to. Reads, and writes nothing.

Decided on what is stored by now; the commit answers `Conflict` when that is no longer so, and it is decided again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import uuid4

from engine.codecs.fhir.answers import Trouble
from engine.codecs.fhir.body import Entry, Tree
from engine.codecs.fhir.document import Resource, Target, parse
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


class Operation(NamedTuple):
    """One resource to store. `absent`: digest of an identifier that none may have; `found`: instead, one is there
    already, and nothing is stored."""

    resource: Resource
    status: int
    absent: bytes | None = None
    found: ResourceView | None = None


class Planner:
    """For one feed. `types`: resources that it takes."""

    def __init__(self, reader: Reader, digester: Digester, feed: str, types: frozenset[str]) -> None:
        self._reader = reader
        self._digester = digester
        self._feed = feed
        self.types = types

    def key(self, kind: str, name: str) -> bytes:
        return self._digester.digest("resource", self._feed, kind, name)

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
        return self._digester.digest("identifier", self._feed, kind, system, value)

    def check_type(self, kind: str, expression: str = "") -> None:
        if kind not in self.types:
            raise Trouble(
                404, "not-supported", "FHR020", "this type of resource is not taken here", expression
            )

    async def create(
        self, kind: str, body: bytes, tree: Tree, condition: str | None, place: str, url: str
    ) -> Operation:
        self.check_type(kind, place)
        if tree.get("resourceType") != kind:
            raise Trouble(400, "invalid", "FHR022", "the resource is of another type than its address", place)
        absent = None
        if condition is not None:
            absent = self._condition(kind, condition, place)
            found = await self._reader.resources_with(absent)
            if len(found) > 1:
                raise Trouble(
                    412, "multiple-matches", "FHR023", "several resources have this identifier", place
                )
            if found:
                stored = await self.stored(found[0])
                return Operation(Resource(stored.body, stored.target, url), 200, found=found[0])
        return Operation(Resource.read(body, tree, Target(kind, uuid4().hex, 1), url), 201, absent)

    async def update(
        self, kind: str, name: str, body: bytes, tree: Tree, match: str | None, place: str, url: str
    ) -> Operation:
        self.check_type(kind, place)
        if tree.get("resourceType") != kind:
            raise Trouble(400, "invalid", "FHR022", "the resource is of another type than its address", place)
        if not _ID.fullmatch(name) or tree.get("id") != name:
            raise Trouble(
                400, "invalid", "FHR022", "the resource has another id than its address", f"{place}.id"
            )
        newest = await self._reader.resource(self.key(kind, name))
        version = newest.version if newest else 0
        if match is not None and match.strip() != "*":
            wanted = _ETAG.fullmatch(match.strip())
            if wanted is None or int(wanted[1]) != version:
                raise Trouble(412, "conflict", "FHR023", "If-Match is not the newest version", place)
        return Operation(
            Resource.read(body, tree, Target(kind, name, version + 1), url), 200 if version else 201
        )

    async def entry(self, entry: Entry, place: str) -> Operation:
        """One entry of a transaction or a batch that stores something."""
        request = entry.tree.get("request")
        if not isinstance(request, dict) or not isinstance(request.get("url"), str):
            raise Trouble(400, "required", "FHR025", "the entry says no request", f"{place}.request")
        method, path = request.get("method"), request["url"].strip("/").split("/")
        if method not in ("POST", "PUT"):
            raise Trouble(
                400, "not-supported", "FHR020", "POST and PUT are taken here", f"{place}.request.method"
            )
        tree = entry.tree.get("resource")
        if not isinstance(tree, dict):
            raise Trouble(400, "required", "FHR025", "the entry has no resource", f"{place}.resource")
        if method == "POST" and len(path) == 1:
            return await self.create(
                path[0], entry.body, tree, _text(request, "ifNoneExist"), f"{place}.resource", entry.url
            )
        if method == "PUT" and len(path) == 2:
            return await self.update(
                path[0], path[1], entry.body, tree, _text(request, "ifMatch"), f"{place}.resource", entry.url
            )
        raise Trouble(
            400, "not-supported", "FHR020", "the address is none that is taken here", f"{place}.request.url"
        )

    async def stored(self, view: ResourceView) -> Resource:
        raw = await self._reader.raw(view.message)
        if raw is None:
            raise Trouble(410, "deleted", "FHR021", "its bytes are no longer kept")
        return parse(raw).resources[0]

    async def referred(self, reference: str) -> Resource | None:
        """What a reference names of what is stored."""
        named = _REFERENCE.fullmatch(reference)
        view = await self._reader.resource(self.key(named[1], named[2])) if named else None
        return await self.stored(view) if view else None

    def _condition(self, kind: str, text: str, place: str) -> bytes:
        name, _, value = text.strip().removeprefix("?").partition("=")
        system, bar, value = unquote(value).partition("|")
        if name != "identifier" or not bar or not value or "&" in text:
            raise Trouble(400, "not-supported", "FHR024", "If-None-Exist is identifier=SYSTEM|VALUE", place)
        return self._identifier(kind, system, value)


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


def in_order(operations: Sequence[Operation]) -> Iterator[int]:
    """Which of a transaction's operations is stepped when: what others refer to comes first."""
    ranked = sorted(range(len(operations)), key=lambda index: _rank(operations[index]))
    return iter(ranked)


def _rank(operation: Operation) -> int:
    kind = operation.resource.type
    return HEADS.index(kind) if kind in HEADS else len(HEADS)


def _names(resource: Resource) -> Iterator[str]:
    if resource.url:
        yield resource.url
    if resource.target:
        yield f"{resource.target.type}/{resource.target.id}"


def _text(request: Mapping[str, Any], name: str) -> str | None:
    value = request.get(name)
    return value if isinstance(value, str) else None
