"""How a side was told to misbehave, and whose turn it is. Decides only; `server` acts the moods out.

A mood answers instead of the books (nothing is booked), or spoils the exchange around a booking:

    unavailable   503, with Retry-After if told     slow         books, then answers after `seconds`
    throttle      429 and Retry-After               down         cuts the connection, books nothing
    refuse        422 with `code`                   lose-reply   books, cuts the connection without a reply
    credentials   401                               late         cuts the connection, books `seconds` later
                                                    half         books, cuts in the middle of the reply
                                                    proxy        502 and HTML; books if `applied`
                                                    twice        books, sends the reply's bytes twice
                                                    garbage      books, answers 200 with what is no JSON

`status` replaces the number where one is named. A mood is for all requests, or for those whose path starts
with `path` and whose document has `reference`; for every one of them, or every `every`-th, until it acted
`times` times. The first mood in the order of telling whose turn it is acts, alone. Management pages keep out
of moods, except of one whose `path` names them; `/moods` itself always answers, so that moods can be cleared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator

from engine.sandbox.answers import Answer, fault

MANAGEMENT = frozenset({"moods", "settings", "books", "health"})
STATUS = {"unavailable": 503, "throttle": 429, "refuse": 422, "credentials": 401, "proxy": 502}
ANSWERS = frozenset({"unavailable", "throttle", "refuse", "credentials"})

# A path, and the reference of the document posted or asked for there.
Target = tuple[str, str | None]


class Mood(BaseModel):
    """One mood as it is told. `seconds`, `retry_after`: seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mood: Literal[
        "slow",
        "down",
        "unavailable",
        "throttle",
        "refuse",
        "credentials",
        "lose-reply",
        "late",
        "half",
        "proxy",
        "twice",
        "garbage",
    ]
    path: str | None = Field(default=None, pattern="^/")
    reference: str | None = None
    times: PositiveInt | None = None
    every: PositiveInt = 1
    seconds: float = Field(default=1.0, ge=0, le=3600)
    status: int | None = Field(default=None, ge=400, le=599)
    retry_after: NonNegativeInt | None = None
    code: str = "refused"
    applied: bool = False

    @field_validator("path")
    @classmethod
    def _leaves_the_way_out(cls, path: str | None) -> str | None:
        if path and first_part(path) == "moods":
            raise ValueError("/moods always answers, so that moods can be cleared")
        return path

    @property
    def number(self) -> int:
        """The HTTP status of a mood that names one."""
        return self.status or STATUS[self.mood]

    @property
    def answers(self) -> bool:
        """Whether it answers instead of the books."""
        return self.mood in ANSWERS

    def answer(self) -> Answer:
        """What a mood that answers instead of the books says."""
        code = self.code if self.mood == "refuse" else self.mood
        wait = 1 if self.retry_after is None and self.mood == "throttle" else self.retry_after
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return fault(self.number, code, "told so by a mood", headers=headers)

    def fits(self, target: Target) -> bool:
        """Whether it is for this path and document."""
        path, reference = target
        if first_part(path) in MANAGEMENT and (
            self.path is None or first_part(self.path) != first_part(path)
        ):
            return False
        return path.startswith(self.path or "/") and self.reference in (None, reference)


@dataclass(slots=True)
class Told:
    """A mood with its counts: requests it fitted, and times it acted."""

    mood: Mood
    fitted: int = 0
    acted: int = 0

    def acts(self) -> bool:
        """Counts a request the mood fits; whether it is the mood's turn."""
        if self.mood.times is not None and self.acted >= self.mood.times:
            return False
        self.fitted += 1
        if self.fitted % self.mood.every:
            return False
        self.acted += 1
        return True

    def tree(self) -> dict[str, object]:
        return {**self.mood.model_dump(exclude_none=True), "fitted": self.fitted, "acted": self.acted}


class Moods:
    """The moods of one side, in the order of telling; one that has acted its `times` stays listed."""

    def __init__(self) -> None:
        self._told: list[Told] = []

    def tell(self, mood: Mood) -> Told:
        told = Told(mood)
        self._told.append(told)
        return told

    def clear(self) -> None:
        self._told.clear()

    def tree(self) -> list[dict[str, object]]:
        return [told.tree() for told in self._told]

    def __bool__(self) -> bool:
        return bool(self._told)

    def of_exchange(self, target: Target, documents: Iterable[Target] = ()) -> Mood | None:
        """The mood of a request. `documents`: those in a batch; a mood of theirs that spoils the exchange
        spoils the whole request's, one that answers is left to `of_document`.
        """
        inside = tuple(documents)
        for told in self._told:
            mood = told.mood
            fits = mood.fits(target) or (not mood.answers and any(map(mood.fits, inside)))
            if fits and told.acts():
                return mood
        return None

    def of_document(self, batch: str, document: Target) -> Mood | None:
        """The mood that answers for one document inside a batch posted to the path `batch`."""
        for told in self._told:
            mood = told.mood
            # One that fits the batch itself had its turn there.
            if mood.answers and not mood.fits((batch, None)) and mood.fits(document) and told.acts():
                return mood
        return None


def first_part(path: str) -> str:
    """`books` of `/books/documents`."""
    return path.lstrip("/").partition("/")[0]
