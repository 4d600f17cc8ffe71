"""A stored resource: a few lines that say what it is stored as, a blank line, its bytes as they came in.

    FHIR 4.0 create                                          or update, transaction, batch, message
    ChargeItem/8f1c0d2a/_history/1 - 512                     the resource: what it is stored as, its fullUrl, its bytes
    Encounter/77aa0b1c/_history/3 urn:uuid:6a1e... 300       what it refers to, as it was known then; `xml-R4`: no JSON

    {"resourceType": "ChargeItem", ...}{"resourceType": "Encounter", ...}

Bytes are never changed: the ids that the engine gave stand above them. A resource without such lines, as a channel test
gives it, is read as if it had just come in; of a Bundle without them, its first entry of the type that is asked for,
the others being what it refers to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from engine.codecs.fhir.body import Tree, entries_of, read_json
from engine.codecs.fhir.formats import JSON, read, reread
from engine.errors import MessageError

HEAD = b"FHIR "
PREFIX = "FHIR "
"""Of the types of messages: `FHIR ChargeItem`."""

MONEY = frozenset(
    {"SupplyDelivery", "ChargeItem", "DeviceUseStatement", "DeviceUsage", "DeviceDispense"}
    | {"MedicationDispense", "MedicationAdministration", "Claim"}
)
"""Resources with money in them: unclaimed, they are held and not filtered."""

KEPT, KEPT_SIZE = 256, 16 * 1024
"""Documents of so many bytes that are kept parsed: whom a message is about, its step and its neighbours ask for one."""

_LEADING = b"\xef\xbb\xbf \t\r\n"


class Target(NamedTuple):
    """What a resource is stored as."""

    type: str
    id: str
    version: int

    def __str__(self) -> str:
        return f"{self.type}/{self.id}/_history/{self.version}"

    @classmethod
    def of(cls, text: str) -> Target:
        kind, name, _, version = text.split("/")
        return cls(kind, name, int(version))


@dataclass(frozen=True)
class Resource:
    """One resource, as it came in. `url`: its fullUrl in a Bundle, or ''. `form`: see `formats`. The repr shows no
    content."""

    body: bytes = field(repr=False)
    target: Target | None = None
    url: str = field(default="", repr=False)
    form: str = JSON

    @cached_property
    def tree(self) -> Tree:
        """With the id that it is stored under; what is stored was read before. Raises `MessageError`."""
        if self.target is None:
            return read(self.body, self.form)
        return _stored_as(self.target, reread(self.body, self.form))

    @classmethod
    def known(cls, body: bytes, tree: Tree, target: Target, url: str, form: str) -> Resource:
        """One whose tree was read already."""
        resource = cls(body, target, url, form)
        resource.__dict__["tree"] = _stored_as(target, tree)
        return resource

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Each reference that it makes."""
        return tuple(dict.fromkeys(_references_in(self.tree)))

    @property
    def type(self) -> str:
        return self.target.type if self.target else str(self.tree["resourceType"])


@dataclass(frozen=True)
class Document:
    """`resources`: the one that it is about, then those that it refers to. `version`: of FHIR, as 4.0; '' when nothing
    says it."""

    version: str
    interaction: str
    resources: tuple[Resource, ...]
    is_sample: bool = False

    @cached_property
    def triggers(self) -> tuple[str, ...]:
        """The types of messages that it is."""
        told = self.resources if self.is_sample else self.resources[:1]
        return tuple(dict.fromkeys(f"{PREFIX}{resource.type}" for resource in told))

    @property
    def has_money(self) -> bool:
        return any(trigger.removeprefix(PREFIX) in MONEY for trigger in self.triggers)

    def of_types(self, triggers: frozenset[str]) -> Resource | None:
        """The resource that a map of these types reads."""
        told = self.resources if self.is_sample else self.resources[:1]
        return next((one for one in told if f"{PREFIX}{one.type}" in triggers), None)

    def find(self, reference: str, within: Tree) -> Tree | None:
        """The resource that a reference names, in the document or contained in `within`."""
        if reference.startswith("#"):
            contained = within.get("contained")
            found = contained if isinstance(contained, list) else []
            return next(
                (one for one in found if isinstance(one, dict) and one.get("id") == reference[1:]), None
            )
        found_resource = self._by_name.get(reference)
        return found_resource.tree if found_resource else None

    @cached_property
    def _by_name(self) -> dict[str, Resource]:
        found: dict[str, Resource] = {}
        for resource in self.resources:
            name = resource.target.id if resource.target else resource.tree.get("id")
            for one in (resource.url, f"{resource.type}/{name}" if name else ""):
                if one:
                    found.setdefault(one, resource)
        return found

    def stored_tree(self) -> Any:
        """The resource with its references to other entries of its Bundle as they are stored."""
        names = {
            one.url: f"{one.type}/{one.target.id}"
            for one in self.resources
            if one.url.startswith("urn:") and one.target
        }
        return _renamed(self.resources[0].tree, names)


def is_fhir(raw: bytes) -> bool:
    """Whether a stored message, or a sample, is FHIR and not HL7 v2."""
    return raw.startswith((HEAD, b"{")) or (
        raw[:1] in (b" ", b"\t", b"\r", b"\n", b"\xef") and _stripped(raw)[:1] == b"{"
    )


def parse(raw: bytes) -> Document:
    """Raises `MessageError`: of a stored resource only when its content is asked for. Trees are not to be changed."""
    found = _kept.get(raw)
    if found is None:
        found = _parsed(raw)
        _keep(raw, found)
    return found


def _parsed(raw: bytes) -> Document:
    if not raw.startswith(HEAD):
        return _sample(_stripped(raw))
    head, _, body = raw.partition(b"\n\n")
    try:
        first, *lines = head.decode().split("\n")
        _, version, interaction = first.split(" ")
        return Document(version, interaction, tuple(_cut(lines, body)))
    except ValueError:
        raise MessageError(
            "FHR004", "the stored resource has lost its first lines", mend="send it again"
        ) from None


_kept: dict[bytes, Document] = {}


def _keep(raw: bytes, document: Document) -> None:
    if len(raw) <= KEPT_SIZE:
        _kept[raw] = document
    if len(_kept) > KEPT:
        del _kept[next(iter(_kept))]


def stored(version: str, interaction: str, resources: Sequence[Resource]) -> bytes:
    """The bytes of a resource and what it refers to. All of them have targets."""
    lines = [f"FHIR {version} {interaction}"]
    lines += [
        f"{one.target} {one.url or '-'} {len(one.body)}{'' if one.form == JSON else f' {one.form}'}"
        for one in resources
    ]
    raw = "\n".join(lines).encode() + b"\n\n" + b"".join(one.body for one in resources)
    _keep(raw, Document(version, interaction, tuple(resources)))
    return raw


def _stored_as(target: Target, tree: Tree) -> Tree:
    return tree if tree.get("id") == target.id else {**tree, "id": target.id}


def _cut(lines: Sequence[str], body: bytes) -> Iterator[Resource]:
    at = 0
    for line in lines:
        target, url, size, *form = line.split(" ")
        yield Resource(body[at : at + int(size)], Target.of(target), "" if url == "-" else url, *form)
        at += int(size)


def _sample(raw: bytes) -> Document:
    tree = read_json(raw)
    if tree["resourceType"] != "Bundle":
        return Document("", "sample", (Resource(raw),), is_sample=True)
    found = [Resource(entry.body, None, entry.url) for entry in entries_of(raw, tree) if entry.body]
    return Document("", "sample", tuple(found), is_sample=True)


def _stripped(raw: bytes) -> bytes:
    return raw.lstrip(_LEADING)


def _renamed(tree: Any, names: dict[str, str]) -> Any:
    if not names:
        return tree
    if isinstance(tree, dict):
        return {
            key: names.get(value, value)
            if key == "reference" and isinstance(value, str)
            else _renamed(value, names)
            for key, value in tree.items()
        }
    return [_renamed(value, names) for value in tree] if isinstance(tree, list) else tree


def _references_in(tree: Any) -> Iterator[str]:
    """Every reference that a resource makes."""
    if isinstance(tree, dict):
        reference = tree.get("reference")
        if isinstance(reference, str):
            yield reference
        for value in tree.values():
            yield from _references_in(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _references_in(value)
