from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from engine.sandbox import Masters
from engine.sandbox.answers import Answer
from engine.sandbox.billing import Billing
from engine.sandbox.erp import Erp
from engine.sandbox.moods import Mood
from engine.sandbox.side import MALFORMED, Asked, Side

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def billing(masters: Masters) -> Side:
    return Side(Billing(masters), now=lambda: AT)


def get(side: Side, path: str, **query: str) -> Answer:
    return side.answer(Asked("GET", path, query=query))


def post(side: Side, path: str, tree: object, key: str | None = None) -> Answer:
    return side.answer(Asked("POST", path, tree, key=key))


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.tree["error"]["code"]


def test_a_reference_is_answered_with_everything_booked_under_it(
    billing: Side, sent: SimpleNamespace
) -> None:
    for _ in range(2):
        post(billing, "/charges", sent.charge("F/1"))
    assert get(billing, "/documents/F/1").tree == {
        "documents": [
            {
                "document": f"CH-00000{n}",
                "kind": "charge",
                "reference": "F/1",
                "amount": "100.00",
                "at": "2026-11-20T12:00:00+00:00",
            }
            for n in (1, 2)
        ]
    }
    assert code(get(billing, "/documents/F9")) == (404, "unknown_reference")


def test_the_books_of_a_fresh_erp_hold_its_opening_stock(masters: Masters) -> None:
    books = get(Side(Erp(masters)), "/books").tree
    assert books["side"] == "erp"
    assert books["stock"]["SCREW"]["CORE"] == {"on_hand": "10", "value": "125.00", "average": "12.500000"}
    assert books["stock_value"] == "126.07"
    assert books["ledger"]["balanced"] is True
    assert (books["documents"], books["doubled"], books["negative"]) == ({}, [], [])


def test_every_document_can_be_read_in_pages(billing: Side, sent: SimpleNamespace) -> None:
    for n in range(3):
        post(billing, "/charges", sent.charge(f"F{n}"))
    first = get(billing, "/books/documents", limit="2").tree
    rest = get(billing, "/books/documents", after=str(first["next"])).tree
    assert [document["reference"] for document in first["documents"]] == ["F0", "F1"]
    assert [document["reference"] for document in rest["documents"]] == ["F2"]
    assert rest["next"] is None
    assert rest["documents"][0]["lines"][0]["service_date"] == "2026-11-20"


@pytest.mark.parametrize("query", [{"after": "-1"}, {"limit": "0"}, {"limit": "1001"}, {"after": "x"}])
def test_a_page_out_of_bounds_is_refused(billing: Side, query: dict[str, str]) -> None:
    assert code(get(billing, "/books/documents", **query)) == (422, "invalid_field")


def test_a_batch_answers_each_document_for_itself_and_in_order(billing: Side, sent: SimpleNamespace) -> None:
    entries = [
        {"path": "/charges", "body": sent.charge("F1")},
        {"path": "/charges", "body": sent.charge("F2", code="C9")},
        {"path": "/credits", "body": sent.credit("F3", "F1")},
        {"path": "/nowhere", "body": {"reference": "F4"}},
        {"path": "/batch", "body": {"documents": []}},
        {"path": "/charges", "body": None},
    ]
    answer = post(billing, "/batch", {"documents": entries})
    assert answer.status == 200
    results = answer.tree["results"]
    assert [(result["reference"], result["status"]) for result in results] == [
        ("F1", 201),
        ("F2", 422),
        ("F3", 201),
        ("F4", 404),
        (None, 404),
        (None, 422),
    ]
    assert results[0]["body"]["document"] == "CH-000001"
    assert results[1]["body"]["error"]["line"] == 1


@pytest.mark.parametrize("tree", [None, [], {}, {"documents": []}, {"documents": [5]}, {"documents": [{}]}])
def test_a_batch_of_the_wrong_shape_is_refused_whole(billing: Side, tree: object) -> None:
    assert code(post(billing, "/batch", tree)) == (422, "invalid_field")


def test_documents_of_a_batch_have_keys_of_their_own(billing: Side, sent: SimpleNamespace) -> None:
    post(billing, "/settings", {"duplicates": "idempotent"})
    entries = [
        {"path": "/charges", "body": sent.charge("F1"), "idempotency_key": "one"},
        {"path": "/charges", "body": sent.charge("F2")},
        {"path": "/charges", "body": sent.charge("F3")},
    ]

    def statuses(key: str | None) -> list[int]:
        answer = post(billing, "/batch", {"documents": entries}, key)
        return [result["status"] for result in answer.tree["results"]]

    assert statuses("batch") == [201, 201, 201]
    assert statuses("batch") == [200, 200, 200]
    assert statuses(None) == [200, 201, 201]
    assert post(billing, "/charges", sent.charge("F1"), "one").status == 200


def test_a_mood_may_answer_for_one_document_of_a_batch(billing: Side, sent: SimpleNamespace) -> None:
    billing.moods.tell(Mood(mood="unavailable", reference="F2"))
    entries = [{"path": "/charges", "body": sent.charge(f"F{n}")} for n in (1, 2, 3)]
    asked = Asked("POST", "/batch", {"documents": entries})
    assert billing.mood(asked) is None
    assert [result["status"] for result in billing.answer(asked).tree["results"]] == [201, 503, 201]
    assert get(billing, "/documents/F2").status == 404


def test_settings_are_read_and_set(billing: Side, sent: SimpleNamespace) -> None:
    assert get(billing, "/settings").tree == {"duplicates": "accept"}
    assert post(billing, "/settings", {"duplicates": "refuse"}).tree == {"duplicates": "refuse"}
    post(billing, "/charges", sent.charge())
    assert code(post(billing, "/charges", sent.charge())) == (409, "duplicate_reference")


@pytest.mark.parametrize("tree", [None, {}, {"duplicates": "maybe"}, {"duplicates": "refuse", "colour": 1}])
def test_settings_that_do_not_exist_are_refused(billing: Side, tree: object) -> None:
    assert code(post(billing, "/settings", tree)) == (422, "invalid_field")
    assert get(billing, "/settings").tree == {"duplicates": "accept"}


def test_moods_are_told_listed_and_cleared(billing: Side) -> None:
    assert post(billing, "/moods", {"mood": "slow", "seconds": 2, "path": "/charges"}).status == 201
    listed = get(billing, "/moods").tree["moods"]
    assert [(mood["mood"], mood["seconds"], mood["path"], mood["acted"]) for mood in listed] == [
        ("slow", 2.0, "/charges", 0)
    ]
    billing.answer(Asked("DELETE", "/moods"))
    assert get(billing, "/moods").tree == {"moods": []}
    assert code(post(billing, "/moods", {"mood": "grumpy"})) == (422, "invalid_field")


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("GET", "/nowhere", (404, "unknown_path")),
        ("GET", "/goods-issues", (404, "unknown_path")),
        ("GET", "/charges", (405, "wrong_method")),
        ("PUT", "/charges", (405, "wrong_method")),
        ("POST", "/books", (405, "wrong_method")),
        ("GET", "/", (404, "unknown_path")),
        ("POST", "/documents/F1", (404, "unknown_path")),
    ],
)
def test_other_addresses_and_methods_are_refused(
    billing: Side, method: str, path: str, says: tuple[int, str]
) -> None:
    assert code(billing.answer(Asked(method, path))) == says


def test_a_body_that_is_no_json_is_refused(billing: Side) -> None:
    assert code(post(billing, "/charges", MALFORMED)) == (400, "malformed_json")


def test_a_token_is_asked_of_documents_but_not_of_management(masters: Masters, sent: SimpleNamespace) -> None:
    side = Side(Billing(masters), token="geheim")
    for asked in (
        Asked("POST", "/charges", sent.charge()),
        Asked("POST", "/batch", {"documents": [{"path": "/charges", "body": sent.charge()}]}),
        Asked("GET", "/documents/F1"),
        Asked("GET", "/documents/F1", authorization="Bearer other"),
        Asked("GET", "/documents/F1", authorization="geheim"),
        Asked("POST", "/charges", MALFORMED),
    ):
        assert code(side.answer(asked)) == (401, "unauthorized")
    assert side.books()["documents"] == {}
    for page in ("/books", "/books/documents", "/health", "/settings", "/moods"):
        assert get(side, page).status == 200
    good = Asked("POST", "/charges", sent.charge(), authorization="Bearer geheim")
    assert side.answer(good).status == 201


def test_health_names_the_side(billing: Side) -> None:
    assert get(billing, "/health").tree == {"status": "up", "side": "billing"}
