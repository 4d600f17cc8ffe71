"""One side's counter: a posted document is read, checked against what was booked before, booked and answered.

Like most real ERPs it books a reference twice when it is sent twice. A site can rehearse stricter far ends:

    accept       every document is booked
    refuse       a reference already booked as the same kind: 409, with the first document's number
    idempotent   an `Idempotency-Key` already answered on the same path: the first answer again, as 200
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from engine.sandbox.answers import Answer, fault
from engine.sandbox.books import Document, Kind, Refused, Register

Duplicates = Literal["accept", "refuse", "idempotent"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where one kind of document is posted. `read`: tree → form; `book`: form, moment → document."""

    kind: Kind
    read: Callable[[object], Any]
    book: Callable[[Any, datetime], Document]


class Bookkeeping(Protocol):
    """What the counter needs of a side's bookkeeping: `erp.Erp` or `billing.Billing`."""

    name: str
    currency: str
    register: Register
    endpoints: Mapping[str, Endpoint]
    lists: Mapping[str, list[dict[str, object]]]

    def tree(self) -> dict[str, object]: ...


class Desk:
    """The counter over one side's books. `duplicates` may be changed between two documents."""

    def __init__(self, books: Bookkeeping, duplicates: Duplicates = "accept") -> None:
        self.duplicates: Duplicates = duplicates
        self._books = books
        self._answered: dict[tuple[str, str], object] = {}

    def post(self, path: str, tree: object, key: str | None, at: datetime) -> Answer:
        """Books one document, or says why not. `key`: the idempotency key it came with."""
        endpoint = self._books.endpoints.get(path)
        if endpoint is None:
            return fault(404, "unknown_path", "nothing is posted here")
        if key and self.duplicates == "idempotent" and (path, key) in self._answered:
            return Answer(200, self._answered[path, key])
        try:
            answer = self._booked(endpoint, tree, at)
        except Refused as refused:
            return fault(422, refused.code, refused.message, refused.line)
        if key and answer.status == 201:
            self._answered[path, key] = answer.tree
        return answer

    def _booked(self, endpoint: Endpoint, tree: object, at: datetime) -> Answer:
        form = endpoint.read(tree)
        if self.duplicates == "refuse" and (
            earlier := self._books.register.find(form.reference, endpoint.kind)
        ):
            return fault(
                409, "duplicate_reference", "the reference is booked already", document=earlier[0].number
            )
        return Answer(201, endpoint.book(form, at).receipt(self._books.currency))
