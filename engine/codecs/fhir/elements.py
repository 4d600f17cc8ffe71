"""Which elements the types of FHIR have, for checking paths. The tables stand in `elements-r4.txt` and `-r5.txt`.

A line is a type and its elements in their order: `suppliedItem*:SupplyDeliverySuppliedItem` may repeat,
`occurrencePeriod:Period|occurrence` is one of a choice. Only resources that supply, charges and stays are told with are
in them, with all their data types; and what notifications of subscriptions say.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

RELEASES = ("R4", "R5")
_ANY = ("Resource", "DomainResource")


class Element(NamedTuple):
    """`types`: those of its values, several of a choice."""

    types: tuple[str, ...]


@cache
def table(release: str) -> dict[str, dict[str, Element]]:
    """Type → its elements by name; a choice is there as `occurrence` and as `occurrencePeriod`."""
    lines = (line.partition(" ") for line in _text(release).splitlines())
    return {name: _elements(rest) for name, _, rest in lines}


def _elements(text: str) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for entry in text.split():
        name, _, kind = entry.partition(":")
        kind, _, choice = kind.partition("|")
        found[name.rstrip("*")] = Element((kind,))
        if choice:
            found[choice] = Element((*found.get(choice, Element(())).types, kind))
    return found


class Part(NamedTuple):
    """One element as XML has it, a choice under the name with its type."""

    type: str
    repeats: bool


@cache
def parts(release: str) -> dict[str, dict[str, Part]]:
    """Type → its elements, in their order."""
    return {
        kind: {
            name.rstrip("*"): Part(of.partition("|")[0], name.endswith("*"))
            for name, _, of in (entry.partition(":") for entry in rest.split())
        }
        for kind, _, rest in (line.partition(" ") for line in _text(release).splitlines())
    }


def _text(release: str) -> str:
    return (files("engine.codecs.fhir") / f"elements-{release.lower()}.txt").read_text(encoding="utf-8")


@cache
def _choices() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for release in RELEASES:
        for entry in _text(release).split():
            name, _, kind = entry.partition(":")
            choice = kind.partition("|")[2]
            if choice:
                found.setdefault(choice, set()).add(name.rstrip("*"))
    return {choice: frozenset(names) for choice, names in found.items()}


def choices(name: str) -> frozenset[str]:
    """How an element of a choice may be called in JSON: `occurrence` → `occurrencePeriod`, `occurrenceDateTime`…"""
    return _choices().get(name, frozenset())


def resources(release: str | None = None) -> frozenset[str]:
    """Resource types whose elements are known."""
    tables = [table(one) for one in ([release] if release else RELEASES)]
    return frozenset(name for one in tables for name, elements in one.items() if "implicitRules" in elements)


def below(types: Iterable[str], name: str, release: str | None = None) -> frozenset[str] | None:
    """The types of element `name` of any of `types`; None when none of them has it. Empty: nothing is known of them."""
    found: set[str] = set()
    known = hit = False
    for one in [release] if release else RELEASES:
        for kind in types:
            elements = table(one).get(kind)
            if kind in _ANY:
                return frozenset()
            if elements is None:
                continue
            known = True
            if name in elements:
                hit = True
                found.update(elements[name].types)
    if hit:
        return frozenset(found)
    return None if known else frozenset()


def names_below(types: Iterable[str], release: str | None = None) -> list[str]:
    """All elements that any of `types` has."""
    tables = [table(one) for one in ([release] if release else RELEASES)]
    return sorted({name for one in tables for kind in types for name in one.get(kind, ())})


def is_primitive(kind: str) -> bool:
    """Primitive types begin with a small letter; they have no elements."""
    return kind[:1].islower()
