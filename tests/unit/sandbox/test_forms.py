from types import SimpleNamespace

import pytest

from engine.sandbox.books import Refused
from engine.sandbox.forms import ChargeForm, GoodsIssue, numbered


def refused(tree: object) -> Refused:
    with pytest.raises(Refused) as caught:
        GoodsIssue.read(tree)
    return caught.value


@pytest.mark.parametrize("tree", [None, [], "text", 5])
def test_a_document_is_an_object(tree: object) -> None:
    assert refused(tree).code == "invalid_field"


@pytest.mark.parametrize("field", ["reference", "posting_date", "location", "lines"])
def test_a_missing_field_is_named(sent: SimpleNamespace, field: str) -> None:
    tree = sent.issue()
    del tree[field]
    fault = refused(tree)
    assert (fault.code, fault.line) == ("missing_field", None)
    assert fault.message.startswith(field)


def test_a_document_has_at_least_one_line(sent: SimpleNamespace) -> None:
    assert refused(sent.issue(lines=[])).code == "invalid_field"


@pytest.mark.parametrize("day", ["20261120", "2026-11-31", "2026-11-20T10:00:00", "2026-W47-5", 20261120, ""])
def test_a_day_is_written_one_way(sent: SimpleNamespace, day: object) -> None:
    assert refused(sent.issue(posting_date=day)).code == "invalid_field"


@pytest.mark.parametrize(("own", "told"), [({}, 2), ({"line": 20}, 20), ({"line": "20"}, 2)])
def test_a_fault_in_a_line_names_the_line_as_the_sender_numbers_it(
    sent: SimpleNamespace, own: dict[str, object], told: int
) -> None:
    tree = sent.issue()
    tree["lines"].append({"item": "SCREW", "quantity": 2, "unit": "EA", "cost_center": "4100", **own})
    assert refused(tree).line == told


def test_a_fault_does_not_repeat_the_value(sent: SimpleNamespace) -> None:
    assert "SECRET" not in refused(sent.issue(quantity="SECRET")).message


def test_lines_without_a_number_are_counted_from_one(sent: SimpleNamespace) -> None:
    tree = sent.issue()
    tree["lines"] = [{**tree["lines"][0], "line": number} for number in (10, None)]
    assert [number for number, _ in numbered(GoodsIssue.read(tree).lines)] == [10, 2]


def test_unknown_fields_are_let_through(sent: SimpleNamespace) -> None:
    tree = sent.charge() | {"patient": "someone"}
    assert ChargeForm.read(tree).reference == "F1"
