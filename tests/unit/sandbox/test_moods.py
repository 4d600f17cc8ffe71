import pytest
from pydantic import ValidationError

from engine.sandbox.moods import Mood, Moods


def told(**fields: object) -> Moods:
    moods = Moods()
    moods.tell(Mood.model_validate(fields))
    return moods


def turns(moods: Moods, requests: int, path: str = "/charges") -> list[bool]:
    return [moods.of_exchange((path, None)) is not None for _ in range(requests)]


def test_a_mood_lasts_until_it_is_cleared() -> None:
    moods = told(mood="down")
    assert turns(moods, 3) == [True, True, True]
    moods.clear()
    assert not moods
    assert turns(moods, 1) == [False]


def test_a_mood_acts_as_often_as_it_was_told_and_stays_listed() -> None:
    moods = told(mood="down", times=2)
    assert turns(moods, 4) == [True, True, False, False]
    assert (moods.tree()[0]["fitted"], moods.tree()[0]["acted"]) == (2, 2)


def test_a_mood_may_take_every_nth_request() -> None:
    assert turns(told(mood="down", every=3, times=2), 10) == [n in (2, 5) for n in range(10)]


def test_requests_a_mood_does_not_fit_are_not_counted() -> None:
    moods = told(mood="down", path="/charges", every=2)
    assert turns(moods, 1) == [False]
    assert turns(moods, 5, "/credits") == [False] * 5
    assert turns(moods, 1) == [True]


def test_a_mood_may_be_for_one_reference() -> None:
    moods = told(mood="refuse", reference="F2")
    assert moods.of_exchange(("/charges", "F1")) is None
    assert moods.of_exchange(("/charges", None)) is None
    assert moods.of_exchange(("/documents/F2", "F2")) is not None


def test_the_first_told_acts_and_the_next_when_its_turn_is_over() -> None:
    moods = told(mood="down", times=1)
    moods.tell(Mood(mood="throttle"))
    acted = [moods.of_exchange(("/charges", None)) for _ in range(2)]
    assert [mood and mood.mood for mood in acted] == ["down", "throttle"]


@pytest.mark.parametrize("page", ["/books", "/books/documents", "/settings", "/health", "/moods"])
@pytest.mark.parametrize("path", [None, "/"])
def test_management_pages_keep_out_of_general_moods(page: str, path: str | None) -> None:
    assert told(mood="down", path=path).of_exchange((page, None)) is None


def test_a_mood_that_names_a_management_page_applies_to_it() -> None:
    assert told(mood="down", path="/books").of_exchange(("/books/documents", None)) is not None
    assert told(mood="down", path="/books").of_exchange(("/health", None)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"mood": "grumpy"},
        {"mood": "down", "times": 0},
        {"mood": "down", "every": 0},
        {"mood": "slow", "seconds": -1},
        {"mood": "refuse", "status": 200},
        {"mood": "down", "path": "charges"},
        {"mood": "down", "path": "/moods"},
        {"mood": "down", "colour": "red"},
    ],
)
def test_a_mood_that_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Mood.model_validate(fields)


@pytest.mark.parametrize(
    ("fields", "status", "code", "headers"),
    [
        ({"mood": "unavailable"}, 503, "unavailable", {}),
        ({"mood": "unavailable", "retry_after": 0, "status": 500}, 500, "unavailable", {"Retry-After": "0"}),
        ({"mood": "throttle"}, 429, "throttle", {"Retry-After": "1"}),
        ({"mood": "throttle", "retry_after": 7}, 429, "throttle", {"Retry-After": "7"}),
        ({"mood": "refuse", "code": "period_closed"}, 422, "period_closed", {}),
        ({"mood": "credentials"}, 401, "credentials", {}),
        ({"mood": "credentials", "status": 403}, 403, "credentials", {}),
    ],
)
def test_what_a_mood_answers(
    fields: dict[str, object], status: int, code: str, headers: dict[str, str]
) -> None:
    answer = Mood.model_validate(fields).answer()
    assert (answer.status, answer.tree["error"]["code"], answer.headers) == (status, code, headers)


INSIDE = [("/charges", "F1"), ("/credits", "F2")]


def test_a_spoiled_exchange_of_one_document_spoils_the_batch() -> None:
    assert told(mood="lose-reply", reference="F2").of_exchange(("/batch", None), INSIDE) is not None
    assert told(mood="lose-reply", path="/credits").of_exchange(("/batch", None), INSIDE) is not None
    assert told(mood="lose-reply", reference="F3").of_exchange(("/batch", None), INSIDE) is None


def test_an_answer_for_one_document_is_left_to_that_document() -> None:
    moods = told(mood="refuse", reference="F2", times=1)
    assert moods.of_exchange(("/batch", None), INSIDE) is None
    acted = [moods.of_document("/batch", document) for document in INSIDE]
    assert [mood is not None for mood in acted] == [False, True]


@pytest.mark.parametrize("path", [None, "/batch"])
def test_an_answer_for_the_batch_is_not_given_again_for_its_documents(path: str | None) -> None:
    moods = told(mood="refuse", path=path, every=2)
    assert moods.of_exchange(("/batch", None), INSIDE) is None
    assert [moods.of_document("/batch", document) for document in INSIDE] == [None, None]
    assert moods.of_exchange(("/batch", None), INSIDE) is not None
