"""A body of JSON as a tree, exact and within bounds; numbers with decimals are `Decimal`, every digit kept.

What cannot be read is a `MessageError` that names the place as FHIRPath and nothing of the content.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from engine.errors import MessageError

DEEPEST = 64
"""Levels of objects and lists; R4's own resources have about a dozen."""

MOST_ENTRIES = 1_000
"""Entries of a Bundle."""

Tree = dict[str, Any]

_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # one that does not end goes on to the end
_BRACKETS = re.compile(rb"[\[\]{}]")
_LONGEST_INT = 18
"""Digits of a whole number that certainly fits in 64 bits."""


def read_json(body: bytes) -> Tree:
    """Raises `MessageError` FHR001 to FHR003."""
    if _depth(body) > DEEPEST:
        raise _fault("FHR002", f"the body is more than {DEEPEST} levels deep", "send it flatter")
    try:
        orjson.loads(body)  # strict: UTF-8, no NaN, no half characters
        tree = json.loads(
            body,
            parse_float=Decimal,
            parse_int=_whole,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError):
        raise _fault("FHR001", "the body is no JSON", "send application/fhir+json") from None
    if not isinstance(tree, dict):
        raise _fault("FHR001", "the body is no JSON object", "send one resource")
    if not isinstance(tree.get("resourceType"), str):
        what = "the body says no resourceType"
        raise MessageError("FHR003", what, where="resourceType", mend="send a FHIR resource")
    return tree


def write_json(tree: object) -> bytes:
    """The other way: numbers as they were read."""
    return orjson.dumps(tree, default=_number)


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode())
    raise TypeError


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INT else Decimal(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _depth(body: bytes) -> int:
    """A body that is no JSON may be told any depth."""
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_TEXTS.sub(b"", body)):
        if bracket in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    return deepest


def _fault(code: str, what: str, mend: str) -> MessageError:
    return MessageError(code, what, mend=mend)


class Entry(NamedTuple):
    """One entry of a Bundle. `tree`: all of it; `url`: its fullUrl, or ''; `body`: its resource as it came, or b''."""

    tree: Tree
    url: str
    body: bytes


def entries_of(body: bytes, bundle: Tree) -> list[Entry]:
    """Raises `MessageError` FHR005 when they are no list of entries."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise MessageError(
            "FHR005", "the entries are no list of objects", where="Bundle.entry", mend="send a Bundle"
        )
    if len(entries) > MOST_ENTRIES:
        what = f"the Bundle has more than {MOST_ENTRIES} entries"
        raise MessageError("FHR002", what, where="Bundle.entry", mend="send it in parts")
    found = []
    for tree, cut in zip(entries, _cuts(body.decode()), strict=True):
        url = tree.get("fullUrl")
        named = isinstance(url, str) and url.isprintable() and " " not in url
        found.append(
            Entry(tree, url if named else "", cut.encode() if isinstance(tree.get("resource"), dict) else b"")
        )
    return found


def _cuts(text: str) -> list[str]:
    """The text of the resource of each entry."""
    cuts = []
    for key, start, _ in _members(text, _blank(text, 0)):
        for at, _ in _items(text, start) if key == "entry" else ():
            found = [text[a:b] for name, a, b in _members(text, at) if name == "resource"]
            cuts.append(found[0] if found else "")
    return cuts


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> list[tuple[str, int, int]]:
    """(name, start, end) of the members of the object at `at`."""
    found = []
    at = _blank(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _blank(text, _blank(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        found.append((name, start, end))
        at = _blank(text, end)
        if text[at] == ",":
            at = _blank(text, at + 1)
    return found


def _items(text: str, at: int) -> list[tuple[int, int]]:
    found = []
    at = _blank(text, at + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        found.append((at, end))
        at = _blank(text, end)
        if text[at] == ",":
            at = _blank(text, at + 1)
    return found
