"""Any bodies of FHIR through everything pure between a socket and the store: formats, Bundles, notifications, stored
resources, maps and steps. Nothing may escape, and what is written is read again as it was."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Any

from engine.clock import to_us
from engine.codecs.fhir import formats
from engine.codecs.fhir.body import Entry, Tree
from engine.codecs.fhir.document import PREFIX, Resource, Target, parse, stored
from engine.codecs.fhir.formats import JSON, xml_of
from engine.codecs.fhir.notification import notification_of
from engine.domain.message import Inbound, MessageId
from engine.domain.posting import NO_FACTS
from engine.errors import MessageError
from engine.pipeline.digests import Digester
from engine.pipeline.reading import read_message
from engine.pipeline.step import step
from engine.site.compile import compile_release, load_site
from prove.bodies import EXAMPLE
from prove.examining import KEY, NOW, Escaped

FEED = "lab"
MOST = 20
"""Resources of a Bundle that are stepped."""


class BodyExaminer:
    """The channels of the example of FHIR, and what any bodies do to them."""

    def __init__(self) -> None:
        self._release = compile_release(load_site(EXAMPLE))
        self._digester = Digester(KEY)

    def examine(self, raw: bytes) -> int:
        """In either format; gives how many resources were understood. Raises whatever is wrong."""
        forms = [xml_of("4.0"), xml_of("5.0")] if raw.lstrip()[:1] == b"<" else [JSON]
        return sum(self._read(raw, form) for form in forms)

    def _read(self, raw: bytes, form: str) -> int:
        try:
            tree = formats.read(raw, form)
        except MessageError:
            return 0
        _written_again(tree, form)
        if tree["resourceType"] != "Bundle":
            return self._stepped(Entry({"resource": tree}, "", raw, form))
        try:
            entries = formats.entries(raw, tree, form)
        except MessageError:
            return 0
        notification_of(tree, entries)
        return sum(self._stepped(entry) for entry in islice(entries, MOST) if entry.body)

    def _stepped(self, entry: Entry) -> int:
        """As it is stored, and read again."""
        tree: Tree = entry.tree["resource"]
        try:
            if formats.read(entry.body, entry.form) != tree:
                raise Escaped("a resource that was cut out of its Bundle is read otherwise")
        except MessageError:
            return 0  # by itself it is none
        target = Target(str(tree["resourceType"]), "a-1", 1)
        if not target.type.isalnum():
            return 0
        kept = stored("4.0", "create", [Resource.known(entry.body, tree, target, entry.url, entry.form)])
        (resource,) = parse(bytes(bytearray(kept))).resources
        if resource.tree != {**tree, "id": target.id}:
            raise Escaped("a stored resource is read otherwise than it was sent")
        if not self._release.channels_for(FEED, f"{PREFIX}{target.type}"):
            return 0
        inbound = Inbound(MessageId(1), FEED, to_us(NOW), kept, None)
        step(self._release, self._digester, read_message(self._release, self._digester, inbound), NO_FACTS)
        return 1


def _written_again(tree: Tree, form: str) -> None:
    """JSON keeps each digit, XML what it has a place for."""
    again = formats.read(formats.write(tree, JSON), JSON)
    if not _same(again, tree):
        raise Escaped("a resource that is written is read otherwise")
    if form != JSON:
        once = formats.read(formats.write(tree, form), form)
        if not _same(once, tree):
            raise Escaped("a resource that is written as XML is read otherwise")


def _same(one: Any, other: Any) -> bool:
    """Numbers with their digits."""
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return str(one) == str(other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(_same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other
