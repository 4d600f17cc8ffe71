"""Bodies of FHIR made wrong, by chance: JSON and XML cut, nested, blown up, with entities and odd numbers."""

from __future__ import annotations

import json
import random
import re
from typing import NamedTuple

from engine.codecs.fhir.body import read_json
from engine.codecs.fhir.xml import write_xml
from engine.errors import MessageError
from prove.garbling import cut, flip
from prove.report import ROOT

EXAMPLE = ROOT / "engine" / "cli" / "examples" / "fhir-resources"
LARGEST = 400_000
JSON, XML = "application/fhir+json", "application/fhir+xml"
_NUMBER = b"7001"
"""In all ids of the samples."""


class Body(NamedTuple):
    """`kind`: the type of the resource that it was before it was garbled."""

    media: str
    kind: str
    raw: bytes


def samples(*, public: bool = False) -> list[Body]:
    """The example's resources as JSON and as XML; with `public` those of others, too."""
    found = sorted((EXAMPLE / "channels" / "samples").glob("*.json"))
    if public:
        found += sorted((ROOT / "tests" / "samples").glob("fhir-*/*.json"))
    bodies = []
    for path in found:
        tree = read_json(path.read_bytes())
        kind = str(tree["resourceType"])
        bodies.append(Body(JSON, kind, json.dumps(tree, default=str).encode()))
        try:
            bodies.append(Body(XML, kind, write_xml(tree, "R4")))
        except MessageError:  # a type that is not read from XML
            continue
    return bodies


class Bodies:
    """Makes garbled bodies of `seeds`, each about somebody else."""

    def __init__(self, seeds: list[Body], chance: random.Random) -> None:
        self.seeds = seeds
        self._chance = chance

    def keep(self, raw: bytes) -> None:
        """A seed more."""
        self.seeds.append(Body(XML if raw.lstrip()[:1] == b"<" else JSON, "", raw))

    def body(self, number: int) -> Body:
        """One in five is as it should be."""
        seed = self._chance.choice(self.seeds)
        if self._chance.random() < 0.9:
            seed = seed._replace(raw=seed.raw.replace(_NUMBER, b"%d" % (100_000 + number)))
        return seed._replace(raw=garbled(seed, self._chance)) if self._chance.random() < 0.8 else seed


def garbled(body: Body, chance: random.Random) -> bytes:
    """In one to three ways."""
    raw = body.raw
    for _ in range(chance.randint(1, 3)):
        raw = chance.choice(_XML_WAYS if body.media == XML else _JSON_WAYS)(raw, chance)
    return raw[:LARGEST]


def _json_value(body: bytes, chance: random.Random) -> bytes:
    """Something else in the place of a text or a number."""
    found = list(re.finditer(rb'"[^"]*"|[0-9.]+', body))
    if not found:
        return body
    one = chance.choice(found)
    return body[: one.start()] + chance.choice(_JSON_VALUES) + body[one.end() :]


_JSON_VALUES = (
    b"null", b"true", b"[]", b"{}", b'""', b"-0", b"1e400", b"1e999999999999999999999", b"9" * 4000, b"NaN",
    b'"\\ud800"', b'"\\u0000"', b"[" * 100 + b"]" * 100, b'{"a":' * 70 + b"1" + b"}" * 70, b'"' + b"x" * 100_000 + b'"',
    b'{"reference":"urn:uuid:1"}', b'{"reference":"#a"}', b"[null,null]", b'"2026-13-45"', b'["a","b"]',
)  # fmt: skip


def _json_many(body: bytes, chance: random.Random) -> bytes:
    entry = b'{"request":{"method":"PUT","url":"Patient/p"},"resource":{"resourceType":"Patient","id":"p"}}'
    kind = chance.choice((b"transaction", b"batch", b"message", b"history", b"subscription-notification"))
    entries = b",".join([entry] * chance.choice((0, 1, 2, 40, 1001)))
    return b'{"resourceType":"Bundle","type":"' + kind + b'","entry":[' + entries + b"]}"


def _json_double(body: bytes, chance: random.Random) -> bytes:
    return body.replace(b"{", b'{"status":"completed",', 1)


def _xml_value(body: bytes, chance: random.Random) -> bytes:
    found = list(re.finditer(rb'value="[^"]*"', body))
    if not found:
        return body
    one = chance.choice(found)
    value = chance.choice(
        (b"", b"&x;", b"&#0;", b"&#x10FFFF;", b"9" * 4000, b"1e99999", b"x" * 100_000, b"NaN", b"<")
    )
    return body[: one.start()] + b'value="' + value + b'"' + body[one.end() :]


def _xml_entities(body: bytes, chance: random.Random) -> bytes:
    laughs = b"".join(b'<!ENTITY a%d "%b">' % (n + 1, b"&a%d;" % n * 10) for n in range(9))
    outside = b'<!ENTITY x SYSTEM "file:///etc/passwd">'
    declared = b"<!DOCTYPE a [<!ENTITY a0 'ha'>" + chance.choice((laughs, outside)) + b"]>"
    return body.replace(b"?>", b"?>" + declared, 1).replace(b'value="', b'value="&a9;', 1)


def _xml_nested(body: bytes, chance: random.Random) -> bytes:
    levels = chance.choice((10, 60, 250, 5_000))
    inner = b'<extension url="a">' * levels + b"</extension>" * levels
    return re.sub(rb"(<\w+ xmlns=[^>]*>)", lambda found: found[1] + inner, body, count=1)


def _xml_many(body: bytes, chance: random.Random) -> bytes:
    return body.replace(b"<status ", b"<status " + b'a="" ' * chance.choice((1, 5_000)), 1)


def _xml_encoding(body: bytes, chance: random.Random) -> bytes:
    name = chance.choice((b"utf-16", b"utf-7", b"ebcdic", b"latin-1"))
    return re.sub(rb"encoding='[^']*'", b"encoding='" + name + b"'", body)


_JSON_WAYS = (flip, cut, _json_value, _json_value, _json_value, _json_many, _json_double)
_XML_WAYS = (flip, cut, _xml_value, _xml_value, _xml_entities, _xml_nested, _xml_many, _xml_encoding)
