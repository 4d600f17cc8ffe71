"""Stored resources and samples: bytes as they came, ids above them. Bounds of bodies."""

from __future__ import annotations

import pytest

from engine.codecs.fhir.body import DEEPEST, entries_of, read_json, write_json
from engine.codecs.fhir.document import Resource, Target, is_fhir, parse, stored
from engine.errors import MessageError

CHARGE = (
    b'{ "resourceType" : "ChargeItem",\n\n "factorOverride": 1.10, "context": {"reference": "urn:uuid:1"} }'
)
STAY = b'{"resourceType": "Encounter", "id": "mine"}'


def test_what_is_stored_is_read_with_its_ids_and_its_bytes_are_as_they_came():
    resources = [
        Resource(CHARGE, Target("ChargeItem", "c1", 2)),
        Resource(STAY, Target("Encounter", "e1", 1), "urn:uuid:1"),
    ]
    raw = stored("4.0", "update", resources)
    document = parse(raw)
    assert is_fhir(raw)
    assert raw.endswith(CHARGE + STAY)
    assert (document.version, document.interaction, document.triggers) == (
        "4.0",
        "update",
        ("FHIR ChargeItem",),
    )
    assert [one.tree["id"] for one in document.resources] == ["c1", "e1"]
    assert document.find("urn:uuid:1", {}) == document.find("Encounter/e1", {}) == document.resources[1].tree
    assert document.stored_tree()["context"] == {"reference": "Encounter/e1"}


def test_a_number_keeps_its_digits():
    assert write_json(read_json(b'{"resourceType":"A","a":1.10,"b":12345678901234567890123,"c":1e2}')) == (
        b'{"resourceType":"A","a":1.10,"b":12345678901234567890123,"c":1E+2}'
    )


def test_a_sample_is_a_resource_or_a_bundle():
    assert parse(b"\xef\xbb\xbf\n" + STAY).triggers == ("FHIR Encounter",)
    bundle = (
        b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":'
        + CHARGE
        + b'},{"resource":'
        + STAY
        + b"}]}"
    )
    document = parse(bundle)
    assert document.triggers == ("FHIR ChargeItem", "FHIR Encounter")
    assert [one.body for one in document.resources] == [CHARGE, STAY]


@pytest.mark.parametrize("raw", [b"MSH|^~\\&|", b"FHS|^~\\&|", b"\x0bMSH", b"", b"ISA*00"])
def test_what_is_no_fhir_is_left_to_others(raw):
    assert not is_fhir(raw)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "FHR001"),
        (b"[]", "FHR001"),
        (b'{"resourceType": "A", "resourceType": "B"}', "FHR001"),
        (b'{"resourceType": "A", "x": NaN}', "FHR001"),
        (b'{"resourceType": "A", "x": "\xff"}', "FHR001"),
        (b'{"resourceType": "A", "x": "\\ud800"}', "FHR001"),
        (b"{}", "FHR003"),
        (b'{"resourceType": 1}', "FHR003"),
        (b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), "FHR002"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "FHR002"),
        (b"[" * 1_000_000, "FHR002"),
        (b'{"resourceType": "A", "x": 1e999999999}', "FHR001"),
        (b'{"resourceType": "A", "x": 1e99999999999999999999999}', "FHR001"),
        (b'{"resourceType": "A", "x": -0.0e-99999999999999999999999}', "FHR001"),
        (b'{"resourceType": "A", "x": ' + b"9" * 5_000 + b"}", "FHR001"),
    ],
)
def test_what_cannot_be_read_has_a_code_and_no_content(body, code):
    with pytest.raises(MessageError) as told:
        read_json(body)
    assert told.value.code == code


def test_a_text_that_never_ends_is_read_once():
    for body in (b'"' + b'\\"' * 2_000_000, b'{"a": "' + b"x" * 2_000_000 + b"\\", b'"' * 2_000_001):
        with pytest.raises(MessageError, match="FHR001"):
            read_json(body)


def test_brackets_in_texts_are_not_depth():
    assert read_json(b'{"resourceType": "A", "x": "' + b"[{" * 200 + b'\\""}')["resourceType"] == "A"


def test_entries_are_cut_as_they_came():
    body = b'{"resourceType":"Bundle","x":"entry","entry":[{"fullUrl":"urn:a","resource":{ "a":1.0 }},{"request":{}} ]}'
    found = entries_of(body, read_json(body))
    assert [(one.url, one.body) for one in found] == [("urn:a", b'{ "a":1.0 }'), ("", b"")]
    with pytest.raises(MessageError, match="FHR005"):
        entries_of(b"", {"entry": {}})
    with pytest.raises(MessageError, match="FHR002"):
        entries_of(b"", {"entry": [{}] * 1001})
