"""One side whole: every address it answers. No HTTP library, no waiting: a request in, an answer out.

    POST /<document>            book one document (the addresses stand in `erp` and `billing`)
    POST /batch                 book several, each answered for itself, in order
    GET  /items, /charge-codes  the ERP's items, billing's charge codes, as JSON lists
    GET  /documents/REFERENCE   what is booked under a reference
    GET  /books                 the books; /books/documents?after=N&limit=M every document, in pages
    GET  /health, /settings, /moods;  POST /settings, /moods;  DELETE /moods

Documents are posted, and asked for, with the bearer token where the side has one; management pages need none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.sandbox.answers import Answer, fault
from engine.sandbox.desk import Bookkeeping, Desk, Duplicates
from engine.sandbox.moods import MANAGEMENT, Mood, Moods, Target, first_part

BATCH = "/batch"
PROBE = "/documents/"
MALFORMED = object()  # stands for the tree of a body that is no JSON


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `tree`: its JSON body, `MALFORMED`, or None; `key`: its Idempotency-Key."""

    method: str
    path: str
    tree: Any = None
    query: Mapping[str, str] | None = None
    authorization: str = ""
    key: str | None = None

    def target(self) -> Target:
        if self.path.startswith(PROBE):
            return self.path, self.path.removeprefix(PROBE)
        return self.path, _reference(self.tree)

    def documents(self) -> list[Target]:
        """What a batch holds; nothing for any other request."""
        entries = self.tree.get("documents") if self.path == BATCH and isinstance(self.tree, dict) else None
        if not isinstance(entries, list):
            return []
        return [
            (str(entry.get("path")), _reference(entry.get("body")))
            for entry in entries
            if isinstance(entry, dict)
        ]


class Settings(BaseModel):
    """What can be set while a side runs."""

    model_config = ConfigDict(extra="forbid")

    duplicates: Duplicates


class Entry(BaseModel):
    """One document of a batch. `body` is judged for itself."""

    path: str
    body: Any
    idempotency_key: str | None = None


class Batch(BaseModel):
    documents: Annotated[list[Entry], Field(min_length=1)]


class Page(BaseModel):
    after: int = Field(default=0, ge=0)
    limit: int = Field(default=100, ge=1, le=1000)


class Side:
    """The ERP or the billing system, answering. `now`: the moment a document is booked."""

    def __init__(
        self,
        books: Bookkeeping,
        *,
        duplicates: Duplicates = "accept",
        token: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.moods = Moods()
        self._books = books
        self._desk = Desk(books, duplicates)
        self._authorization = f"Bearer {token}" if token else None
        self._now = now
        self._pages: dict[tuple[str, str], Callable[[Asked], Answer]] = {
            ("POST", BATCH): self._batch,
            ("GET", "/books"): lambda asked: Answer(200, self.books()),
            ("GET", "/books/documents"): self._documents,
            ("GET", "/health"): lambda asked: Answer(200, {"status": "up", "side": books.name}),
            ("GET", "/settings"): lambda asked: self._settings(),
            ("POST", "/settings"): self._set,
            ("GET", "/moods"): lambda asked: Answer(200, {"moods": self.moods.tree()}),
            ("POST", "/moods"): self._tell,
            ("DELETE", "/moods"): self._clear,
            **{("POST", path): self._post for path in books.endpoints},
            **{("GET", path): self._list for path in books.lists},
        }

    def books(self) -> dict[str, object]:
        """The full books, as a JSON tree."""
        register = self._books.register
        return {
            "side": self._books.name,
            "currency": self._books.currency,
            **self._books.tree(),
            "documents": register.counts(),
            "doubled": register.doubled(),
        }

    def mood(self, asked: Asked) -> Mood | None:
        """The mood whose turn it is with this request."""
        return self.moods.of_exchange(asked.target(), asked.documents()) if self.moods else None

    def answer(self, asked: Asked) -> Answer:
        """Does what is asked, whatever the moods."""
        if not self._allowed(asked):
            return fault(
                401, "unauthorized", "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"}
            )
        if asked.tree is MALFORMED:
            return fault(400, "malformed_json", "the body is no JSON")
        page = self._pages.get((asked.method, asked.path))
        if page is not None:
            try:
                return page(asked)
            except ValidationError as error:
                return _misfit(error)
        if asked.method == "GET" and asked.path.startswith(PROBE):
            return self._probe(asked.path.removeprefix(PROBE))
        if any(path == asked.path for _, path in self._pages):
            return fault(405, "wrong_method", "this address answers another method")
        return fault(404, "unknown_path", "nothing answers here")

    def _allowed(self, asked: Asked) -> bool:
        if self._authorization is None or first_part(asked.path) in MANAGEMENT:
            return True
        return compare_digest(asked.authorization.encode(), self._authorization.encode())

    def _post(self, asked: Asked) -> Answer:
        return self._desk.post(asked.path, asked.tree, asked.key, self._now())

    def _batch(self, asked: Asked) -> Answer:
        entries = Batch.model_validate(asked.tree).documents
        results = []
        for place, entry in enumerate(entries):
            reference = _reference(entry.body)
            mood = self.moods.of_document(BATCH, (entry.path, reference)) if self.moods else None
            key = entry.idempotency_key or (asked.key and f"{asked.key}#{place}")
            answer = mood.answer() if mood else self._desk.post(entry.path, entry.body, key, self._now())
            results.append({"reference": reference, "status": answer.status, "body": answer.tree})
        return Answer(200, {"results": results})

    def _list(self, asked: Asked) -> Answer:
        return Answer(200, self._books.lists[asked.path])

    def _probe(self, reference: str) -> Answer:
        found = self._books.register.find(reference)
        if not found:
            return fault(404, "unknown_reference", "nothing is booked under this reference")
        return Answer(200, {"documents": [document.summary() for document in found]})

    def _documents(self, asked: Asked) -> Answer:
        page = Page.model_validate(dict(asked.query or {}))
        documents, following = self._books.register.page(page.after, page.limit)
        return Answer(200, {"documents": [document.tree() for document in documents], "next": following})

    def _settings(self) -> Answer:
        return Answer(200, {"duplicates": self._desk.duplicates})

    def _set(self, asked: Asked) -> Answer:
        self._desk.duplicates = Settings.model_validate(asked.tree).duplicates
        return self._settings()

    def _tell(self, asked: Asked) -> Answer:
        return Answer(201, self.moods.tell(Mood.model_validate(asked.tree)).tree())

    def _clear(self, asked: Asked) -> Answer:
        self.moods.clear()
        return Answer(200, {"moods": []})


def _reference(tree: object) -> str | None:
    reference = tree.get("reference") if isinstance(tree, dict) else None
    return reference if isinstance(reference, str) else None


def _misfit(error: ValidationError) -> Answer:
    """A management request or batch of the wrong shape."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"])) or "the body"
    return fault(422, "invalid_field", f"{field}: {first['msg']}")
