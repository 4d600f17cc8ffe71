from datetime import UTC, date, datetime
from decimal import Decimal

from engine.sandbox.books import Kind, Line, Register

ISSUE = Kind("goods-issue", "GI", "item")
RETURN = Kind("goods-return", "GR", "item")
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LINES = (
    Line(number=1, what="SCREW", quantity=Decimal("2.0"), value=Decimal("25.00"), cost_center="4100"),
    Line(number=2, what="GAUZE", quantity=Decimal(1), value=Decimal("0.33"), cost_center="4100", lot="L1"),
)


def test_documents_are_numbered_per_kind() -> None:
    register = Register()
    kinds = (ISSUE, RETURN, ISSUE)
    numbers = [register.book(kind, f"R{n}", LINES, AT).number for n, kind in enumerate(kinds)]
    assert numbers == ["GI-000001", "GR-000001", "GI-000002"]
    assert register.counts() == {"goods-issue": 2, "goods-return": 1}


def test_a_document_tells_everything_that_was_booked() -> None:
    register = Register()
    document = register.book(RETURN, "R2", LINES, AT, original="R1", posting_date=date(2026, 11, 20))
    assert document.tree() == {
        "document": "GR-000001",
        "kind": "goods-return",
        "reference": "R2",
        "value": "25.33",
        "at": "2026-11-20T12:00:00+00:00",
        "original": "R1",
        "posting_date": "2026-11-20",
        "lines": [
            {"line": 1, "item": "SCREW", "quantity": "2", "value": "25.00", "cost_center": "4100"},
            {
                "line": 2,
                "item": "GAUZE",
                "quantity": "1",
                "value": "0.33",
                "cost_center": "4100",
                "lot": "L1",
            },
        ],
    }


def test_a_reference_booked_twice_as_one_kind_is_doubled() -> None:
    register = Register()
    for kind, reference in ((ISSUE, "R1"), (ISSUE, "R2"), (ISSUE, "R1"), (RETURN, "R2")):
        register.book(kind, reference, LINES, AT)
    assert register.doubled() == [
        {"reference": "R1", "kind": "goods-issue", "documents": ["GI-000001", "GI-000003"]}
    ]
    assert [document.number for document in register.find("R2")] == ["GI-000002", "GR-000001"]
    assert [document.number for document in register.find("R2", RETURN)] == ["GR-000001"]


def test_asking_for_an_unknown_reference_leaves_no_trace() -> None:
    register = Register()
    assert register.find("R1") == []
    assert register.doubled() == []


def test_pages_cover_every_document_once() -> None:
    register = Register()
    for n in range(5):
        register.book(ISSUE, f"R{n}", LINES, AT)
    seen, after = [], 0
    while after is not None:
        documents, after = register.page(after, 2)
        seen += [document.reference for document in documents]
    assert seen == ["R0", "R1", "R2", "R3", "R4"]


def test_the_page_that_ends_with_the_last_document_is_the_last() -> None:
    register = Register()
    for n in range(4):
        register.book(ISSUE, f"R{n}", LINES, AT)
    assert [register.page(after, 2)[1] for after in (0, 1, 2, 9)] == [2, 3, None, None]
