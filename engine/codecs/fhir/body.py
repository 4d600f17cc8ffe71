"""A body of JSON as a tree, exact and within bounds; numbers with decimals are `Decimal`, every digit kept.

What cannot be read is a `MessageError` that names the place as FHIRPath and nothing of the content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from engine.errors import MessageError

DEEPEST = 64
"""Levels of objects and lists; R4's own resources have about a dozen."""

MOST_ENTRIES = 1_000
"""Entries of a Bundle."""

MOST_PARTS = 250_000
"""Objects and lists of a body: in memory each takes a hundred times the two bytes that it can be sent with."""

Tree = dict[str, Any]

LONGEST_NUMBER = 400
"""Digits of a number, written out."""

_LONGEST_INT = 18
"""Digits of a whole number that certainly fits in 64 bits."""


def read_json(body: bytes) -> Tree:
    """Raises `MessageError` FHR001 to FHR003."""
    if body.count(b"{") + body.count(b"[") > MOST_PARTS:
        raise _fault("FHR002", f"the body has more than {MOST_PARTS} objects and lists", "send it in parts")
    try:
        tree = _DECODER.decode(body.decode())
        orjson.loads(body)  # strict: no NaN, no half characters
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise _fault("FHR001", "the body is no JSON", "send application/fhir+json") from None
    if not isinstance(tree, dict):
        raise _fault("FHR001", "the body is no JSON object", "send one resource")
    check_depth(tree)
    if not isinstance(tree.get("resourceType"), str):
        what = "the body says no resourceType"
        raise MessageError("FHR003", what, where="resourceType", mend="send a FHIR resource")
    return tree


def reread_json(body: bytes) -> Tree:
    """What `read_json` took before, without looking for its faults. Raises `MessageError` FHR001 of other bytes."""
    try:
        tree = _REREADER.decode(body.decode())
    except (ValueError, RecursionError):
        raise _fault("FHR001", "the body is no JSON", "send application/fhir+json") from None
    if not isinstance(tree, dict):
        raise _fault("FHR001", "the body is no JSON object", "send one resource")
    return tree


def check_depth(tree: Tree) -> None:
    """Raises `MessageError` FHR002."""
    level: list[Any] = [tree]
    for _ in range(DEEPEST):
        level = [
            value
            for one in level
            for value in (one.values() if one.__class__ is dict else one)
            if value.__class__ is dict or value.__class__ is list
        ]
        if not level:
            return
    raise _too_deep()


def write_json(tree: object) -> bytes:
    """The other way: numbers as they were read."""
    return orjson.dumps(tree, default=_number)


def _number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value).encode())
    raise TypeError


def whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INT else _fraction(text)


def _fraction(text: str) -> Decimal:
    """Raises `ValueError` for what no sum of money or length of time is: it would be written out in gigabytes."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise ValueError("a number is out of all bounds") from None
    if len(text) > LONGEST_NUMBER or abs(value.adjusted()) > LONGEST_NUMBER:
        raise ValueError("a number is out of all bounds")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _too_deep() -> MessageError:
    return _fault("FHR002", f"the body is more than {DEEPEST} levels deep", "send it flatter")


def _fault(code: str, what: str, mend: str) -> MessageError:
    return MessageError(code, what, mend=mend)


_DECODER = json.JSONDecoder(parse_float=_fraction, parse_int=whole, object_pairs_hook=_object)
_REREADER = json.JSONDecoder(parse_float=_fraction, parse_int=whole)


JSON = "json"


class Entry(NamedTuple):
    """One entry of a Bundle. `tree`: all of it; `url`: its fullUrl, or ''; `body`: its resource as it came, or b'', in
    the format `form` (see `formats`)."""

    tree: Tree
    url: str
    body: bytes
    form: str = JSON


Cut = Callable[[bytes], list[bytes]]


def entries_of(body: bytes, bundle: Tree, form: str = JSON, cut: Cut | None = None) -> list[Entry]:
    """`cut`: gives the bytes of the resource of each entry; without it, of JSON. Raises `MessageError` FHR005 when they
    are no list of entries."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise MessageError(
            "FHR005", "the entries are no list of objects", where="Bundle.entry", mend="send a Bundle"
        )
    if len(entries) > MOST_ENTRIES:
        what = f"the Bundle has more than {MOST_ENTRIES} entries"
        raise MessageError("FHR002", what, where="Bundle.entry", mend="send it in parts")
    found = []
    for tree, resource in zip(entries, (cut or _resources_in)(body), strict=True):
        url = tree.get("fullUrl")
        named = isinstance(url, str) and url.isprintable() and " " not in url
        bytes_ = resource if isinstance(tree.get("resource"), dict) else b""
        found.append(Entry(tree, url if named else "", bytes_, form))
    return found


def whole_of(body: bytes) -> Iterator[bytes]:
    """Each of the values of JSON that stand one behind the other. Raises `MessageError` FHR001."""
    try:
        text = body.decode()
        at = _blank(text, 0)
        while at < len(text):
            end = _end(text, at)
            yield text[at:end].encode()
            at = _blank(text, end)
    except (ValueError, RecursionError):
        raise _fault("FHR001", "the body is no JSON", "send application/fhir+json") from None


def _resources_in(body: bytes) -> list[bytes]:
    """Of each entry of a Bundle. What is known to be JSON is gone through once."""
    text = body.decode()
    cuts: list[bytes] = []

    def of_bundle(name: str, at: int) -> int:
        return _through_list(text, at, of_list) if name == "entry" else _end(text, at)

    def of_list(at: int) -> int:
        cuts.append(b"")
        return _through_object(text, at, of_entry)

    def of_entry(name: str, at: int) -> int:
        end = _end(text, at)
        if name == "resource":
            cuts[-1] = text[at:end].encode()
        return end

    _through_object(text, _blank(text, 0), of_bundle)
    return cuts


_SKIPPER = json.JSONDecoder(parse_float=len, parse_int=len)
_SPACE = re.compile(r"[ \t\r\n]*")


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _end(text: str, at: int) -> int:
    """Where the value at `at` ends."""
    return _SKIPPER.raw_decode(text, at)[1]


def _through_object(text: str, at: int, value: Callable[[str, int], int]) -> int:
    """`value` is told each name and where its value begins, and says where it ends; so does the whole."""
    at = _blank(text, at + 1)
    while text[at] != "}":
        name, at = _SKIPPER.raw_decode(text, at)
        at = _blank(text, value(name, _blank(text, _blank(text, at) + 1)))
        if text[at] == ",":
            at = _blank(text, at + 1)
    return at + 1


def _through_list(text: str, at: int, item: Callable[[int], int]) -> int:
    at = _blank(text, at + 1)
    while text[at] != "]":
        at = _blank(text, item(at))
        if text[at] == ",":
            at = _blank(text, at + 1)
    return at + 1
