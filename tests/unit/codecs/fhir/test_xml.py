"""FHIR as XML: the same trees as JSON, judged by an independent library; what would harm is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codecs.fhir.body import MOST_PARTS, read_json, write_json
from engine.codecs.fhir.document import Document, Resource, Target, parse, stored
from engine.codecs.fhir.formats import entries
from engine.codecs.fhir.xml import FHIR, read_xml, write_xml
from engine.errors import MessageError

SAMPLES = sorted(
    (Path(__file__).parents[4] / "engine/cli/examples/fhir-resources/channels/samples").glob("*.json")
)
CHARGE: dict[str, Any] = {
    "resourceType": "ChargeItem",
    "id": "c1",
    "contained": [{"resourceType": "Device", "id": "d", "lotNumber": "L1"}],
    "extension": [{"url": "urn:x", "extension": [{"url": "a", "valueBoolean": False}]}],
    "text": {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>a &amp; b</p></div>',
    },
    "status": "billable",
    "_status": {"id": "s", "extension": [{"url": "urn:y", "valueCode": "z"}]},
    "definitionUri": ["urn:1", None],
    "_definitionUri": [None, {"extension": [{"url": "urn:z", "valueDecimal": Decimal("1.50")}]}],
    "code": {"coding": [{"system": "urn:a", "code": "X & <Y>"}, {"code": "ü"}]},
    "subject": {"reference": "Patient/1"},
    "quantity": {"value": Decimal("2.00")},
    "factorOverride": Decimal("0.10"),
    "bodysite": [],
}


def element(inner: str, kind: str = "ChargeItem") -> bytes:
    return f'<{kind} xmlns="{FHIR}">{inner}</{kind}>'.encode()


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_a_sample_is_the_same_in_both_formats(path):
    tree = read_json(path.read_bytes())
    assert read_xml(write_xml(tree, "R4"), "R4") == tree


def test_everything_of_json_has_its_place_in_xml():
    tree = {name: value for name, value in CHARGE.items() if name != "bodysite"}
    assert read_xml(write_xml(CHARGE, "R4"), "R4") == {
        **tree,
        "contained": [{"resourceType": "Device", "id": "d", "lotNumber": "L1"}],
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "release", "package"),
    [
        *((path.name, "R4", "fhir.resources.R4B") for path in SAMPLES),
        ("supply-delivery.json", "R5", "fhir.resources"),
    ],
)
def test_an_independent_library_reads_what_is_written(name, release, package):
    tree = json.loads(next(path for path in SAMPLES if path.name == name).read_bytes())
    if release == "R5":
        tree["suppliedItem"] = [tree["suppliedItem"]]
    model = getattr(import_module(f"{package}.{tree['resourceType'].lower()}"), tree["resourceType"])
    theirs = model.model_validate_xml(write_xml(read_json(json.dumps(tree).encode()), release))
    assert json.loads(theirs.model_dump_json()) == json.loads(model.model_validate(tree).model_dump_json())
    ours = read_xml(theirs.model_dump_xml(), release)
    assert json.loads(model.model_validate(json.loads(write_json(ours))).model_dump_json()) == json.loads(
        theirs.model_dump_json()
    )


def test_what_repeats_is_a_list_as_its_release_says():
    told = element('<status value="completed"/><suppliedItem><quantity><value value="2.50"/></quantity></suppliedItem>',
                   "SupplyDelivery")  # fmt: skip
    inner = {"quantity": {"value": Decimal("2.50")}}
    assert read_xml(told, "R4")["suppliedItem"] == inner
    assert read_xml(told, "R5")["suppliedItem"] == [inner]


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"", "FHR006", ""),
        (b"<a", "FHR006", ""),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + element(""), "FHR006", ""),
        (b'<?xml version="1.0" encoding="utf-16"?>' + element(""), "FHR006", ""),
        (element("").decode().encode("utf-16"), "FHR006", ""),
        (element('<status value="&b;"/>'), "FHR006", ""),
        (b'<ChargeItem xmlns="urn:x"/>', "FHR007", "ChargeItem"),
        (b"<ChargeItem/>", "FHR007", "ChargeItem"),
        (element('<statu value="x"/>'), "FHR007", "ChargeItem.statu"),
        (element('<status value="a"/><status value="b"/>'), "FHR007", "ChargeItem.status[1]"),
        (element("<status>billable</status>"), "FHR007", "ChargeItem.status"),
        (element('<status value=""/>'), "FHR007", "ChargeItem.status"),
        (element('<status code="a"/>'), "FHR007", "ChargeItem.status"),
        (element('<quantity><value value="1,5"/></quantity>'), "FHR007", "ChargeItem.quantity.value"),
        (element('<quantity><value value="1e9999"/></quantity>'), "FHR007", "ChargeItem.quantity.value"),
        (element('<occurrence value="x"/>'), "FHR007", "ChargeItem.occurrence"),
        (element("<contained/>"), "FHR007", "ChargeItem.contained"),
        (element("", "Flag"), "FHR008", "Flag"),
        (element("<note>" * 300 + "</note>" * 300), "FHR006", ""),
        (element('<a b="" />' * MOST_PARTS), "FHR002", ""),
    ],
)
def test_what_cannot_be_read_has_a_code_and_a_place(body, code, place):
    with pytest.raises(MessageError) as told:
        read_xml(body, "R4")
    assert (told.value.code, told.value.where) == (code, place)


def test_what_is_nested_too_deeply_is_refused():
    inner = '<extension url="a">' * 70 + "</extension>" * 70
    with pytest.raises(MessageError, match="FHR002"):
        read_xml(element(inner), "R4")


def test_comments_and_other_namespaces_say_nothing():
    body = (
        f'<?xml version="1.0"?><!-- a --><ChargeItem xmlns="{FHIR}" xmlns:x="urn:x" x:y="z"><!-- b -->'
        '<?c d?><status value="billable"/>\n</ChargeItem>'
    )
    assert read_xml(body.encode(), "R4") == {"resourceType": "ChargeItem", "status": "billable"}


def test_what_xml_cannot_say_is_not_written():
    tree = {"resourceType": "ChargeItem", "code": {"text": "a\x00b"}, "a b": "x", "text": {"div": "<div"}}
    assert read_xml(write_xml(tree, "R4"), "R4")["code"] == {"text": "a\ufffdb"}


def test_entries_are_cut_as_documents_of_their_own():
    tree = read_json(next(path for path in SAMPLES if "charge" in path.name).read_bytes())
    body = write_xml(tree, "R4")
    found = entries(body, read_xml(body, "R4"), "xml-R4")
    assert [read_xml(one.body, "R4") for one in found] == [one["resource"] for one in tree["entry"]]
    assert {one.form for one in found} == {"xml-R4"}


def test_a_stored_resource_keeps_its_format():
    body = element('<status value="billable"/>')
    raw = stored("4.0", "create", [Resource(body, Target("ChargeItem", "a", 1), "", "xml-R4")])
    document = parse(raw.replace(b" create", b" update"))
    assert document.resources[0].body == body
    assert document.resources[0].tree == {"resourceType": "ChargeItem", "id": "a", "status": "billable"}
    assert isinstance(document, Document)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), min_size=1)


@settings(max_examples=60)
@given(TEXTS, st.decimals(-(10**9), 10**9, allow_nan=False, places=4), st.booleans(), st.integers(1, 10**9))
def test_values_come_back_as_they_were(text, number, flag, count):
    tree = {
        "resourceType": "Claim",
        "item": [{"sequence": count, "factor": number}],
        "careTeam": [{"responsible": flag}],
        "disposition": text,
    }
    told = {**tree, "payee": {"type": {"text": text}}}
    del told["disposition"]
    assert read_xml(write_xml(told, "R4"), "R4") == told
