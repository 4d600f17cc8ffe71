"""FHIRPath over resources of the specification, and what a path cannot name."""

from __future__ import annotations

import pytest

from engine.codecs.fhir.document import parse
from engine.codecs.fhir.path import FhirPath, Focus
from engine.codecs.fhir.path_check import faults_of
from engine.codecs.fhir.path_functions import FhirValueError
from engine.codecs.fhir.path_grammar import FhirPathError

CHARGE = b"""{"resourceType": "ChargeItem", "id": "c1", "status": "billable",
  "identifier": [{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}],
  "code": {"coding": [{"code": "X1"}, {"code": "X2"}], "text": "it's one"},
  "occurrencePeriod": {"start": "2026-11-20T09:00:00-06:00"}, "factorOverride": 0.80, "quantity": {"value": 10},
  "account": [{"reference": "Account/A1"}], "context": {"reference": "Encounter/e1"},
  "performer": [{"actor": {"reference": "#p"}}],
  "contained": [{"resourceType": "Practitioner", "id": "p", "active": true}],
  "extension": [{"url": "urn:wing", "valueString": "W"}]}"""


def focus(raw: bytes = CHARGE) -> Focus:
    document = parse(raw)
    tree = document.resources[0].tree
    return Focus(document, tree, tree)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("status", "billable"),
        ("ChargeItem.status", "billable"),
        ("%resource.status", "billable"),
        ("identifier.where(system = 'urn:b').value", "2"),
        ("identifier[1].value", "2"),
        ("identifier.value.first()", "1"),
        ("identifier.last().value", "2"),
        ("code.coding.first().code", "X1"),
        ("code.text", "it's one"),
        ("'TDQ0HVMx'.decode('base64')", "L44\x1dS1"),
        (r"code.text = 'it\'s one'", "true"),
        ("occurrence.start", "2026-11-20T09:00:00-06:00"),
        ("occurrence.ofType(Period).start", "2026-11-20T09:00:00-06:00"),
        ("occurrence.ofType(dateTime)", None),
        ("(occurrence as Period).start", "2026-11-20T09:00:00-06:00"),
        ("factorOverride", "0.80"),
        ("quantity.value", "10"),
        ("quantity.value > 9 and factorOverride < 1", "true"),
        ("status in ('aborted' | 'entered-in-error')", "false"),
        ("('billable' | 'billed') contains status", "true"),
        ("iif(status = 'billable', 'yes', 'no')", "yes"),
        ("account.getReferenceKey()", "A1"),
        ("account.reference.replace('Account/', '')", "A1"),
        ("performer.actor.resolve().active", "true"),
        ("context.resolve().id", None),
        ("extension('urn:wing').value", "W"),
        ("identifier.exists(system = 'urn:c')", "false"),
        ("bodysite.empty()", "true"),
        ("statusReason", None),
        ("identifier.count() + 1", "3"),
        ("'a' & status", "abillable"),
        ("missing.value = 'x'", None),
        ("{}", None),
        ("status.substring(0, 4).upper()", "BILL"),
        ("coalesce(missing, status)", "billable"),
    ],
)
def test_a_path_finds_what_it_names(text, value):
    assert FhirPath(text).value(focus()) == value


def test_a_name_that_only_begins_like_another_element_is_not_it():
    raw = b'{"resourceType": "Encounter", "statusHistory": [{"status": "planned"}], "reasonCode": [{"text": "x"}]}'
    assert FhirPath("status").value(focus(raw)) is None
    assert FhirPath("reason").value(focus(raw)) is None


@pytest.mark.parametrize("text", ["identifier.value", "code", "code.text > 1"])
def test_what_is_no_single_value_is_said_without_it(text):
    with pytest.raises(FhirValueError) as told:
        FhirPath(text).value(focus())
    assert "X1" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("status =", 9),
        ("nope()", 1),
        ("a..b", 3),
        ("@2026-01-01", 1),
        ("now()", 1),
        ("where()", 1),
        ("a ~ b", 3),
        ("a b", 3),
    ],
)
def test_what_is_no_path_is_told_with_its_place(text, column):
    with pytest.raises(FhirPathError) as told:
        FhirPath(text)
    assert told.value.column == column


def test_parentheses_and_length_are_bounded():
    for text in ("(" * 5000 + "a" + ")" * 5000, "(" * 60 + "a" + ")" * 60):
        with pytest.raises(FhirPathError):
            FhirPath(text)


@pytest.mark.parametrize(
    ("text", "name", "mend"),
    [
        ("statsu", "statsu", "status"),
        ("code.codin.code", "codin", "coding"),
        ("identifier.where(sytem = 'x').value", "sytem", "system"),
        ("quantity.value.unit", "unit", ""),
        ("occurrence.ofType(Period).begin", "begin", ""),
    ],
)
def test_an_element_that_no_resource_has_is_told_with_the_nearest(text, name, mend):
    (fault,) = faults_of(FhirPath(text).tree, "ChargeItem", "R4")
    assert fault.name == name
    assert mend in fault.mend


def test_releases_differ():
    tree = FhirPath("actualPeriod.start").tree
    assert faults_of(tree, "Encounter", "R4")
    assert not faults_of(tree, "Encounter", "R5")
    assert not faults_of(tree, "Encounter", None)


def test_what_a_reference_leads_to_may_be_anything():
    assert not faults_of(FhirPath("context.resolve().account.getReferenceKey()").tree, "ChargeItem", "R4")


def test_elements_are_those_that_an_independent_library_knows():
    names = pytest.importorskip("fhir.resources.R4B.chargeitem").ChargeItem.elements_sequence()
    for name in names:
        assert not faults_of(FhirPath(f"`{name}`").tree, "ChargeItem", "R4"), name
