"""A resource that a person edited: stored as before, with what it refers to; what could not have come in is refused."""

from __future__ import annotations

import pytest

from engine.codecs.fhir.document import Resource, Target, parse, stored
from engine.codecs.fhir.editing import edited
from engine.errors import MessageError

CHARGE = b'{"resourceType": "ChargeItem", "status": "billed", "context": {"reference": "urn:uuid:1"}}'
STAY = b'{"resourceType": "Encounter"}'
MENDED = CHARGE.replace(b"billed", b"billable and longer")
KEPT = stored(
    "4.0",
    "update",
    [
        Resource(CHARGE, Target("ChargeItem", "c1", 2)),
        Resource(STAY, Target("Encounter", "e1", 1), "urn:uuid:1"),
    ],
)


@pytest.mark.parametrize("edit", [MENDED, b"\n" + MENDED + b"\n", KEPT.replace(CHARGE, MENDED + b"\n"),
                                  KEPT.replace(CHARGE, MENDED).replace(b"\n", b"\r\n")])  # fmt: skip
def test_it_is_stored_as_what_it_was_whichever_way_it_is_given(edit):
    document = parse(edited(KEPT, edit))
    charge, stay = document.resources
    assert (charge.body, charge.target, stay.body) == (MENDED, Target("ChargeItem", "c1", 2), STAY)
    assert document.find("urn:uuid:1", {}) == stay.tree
    assert (document.version, document.interaction) == ("4.0", "update")


def test_xml_stays_xml():
    kept = stored(
        "4.0",
        "create",
        [Resource(b'<Account xmlns="http://hl7.org/fhir"/>', Target("Account", "b", 1), "", "xml-R4")],
    )
    mended = b'<?xml version="1.0"?>\n<Account xmlns="http://hl7.org/fhir"><language value="de"/></Account>'
    assert parse(edited(kept, mended)).resources[0].tree["language"] == "de"
    with pytest.raises(MessageError, match="FHR"):
        edited(kept, STAY)


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (b'{"resourceType": "ChargeItem", "a": 1, "a": 2}', "FHR001"),
        (b"MSH|^~\\&|", "FHR001"),
        (STAY, "FHR005"),
        (KEPT.replace(STAY, b""), "FHR004"),
        (KEPT.replace(STAY, b"{"), "FHR001"),
        (KEPT[:5], "FHR001"),
        (b"", "FHR001"),
    ],
)
def test_what_could_not_have_come_in_is_refused(edit, code):
    with pytest.raises(MessageError) as told:
        edited(KEPT, edit)
    assert told.value.code == code
