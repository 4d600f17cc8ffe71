"""Documents as they are booked, and the register that numbers them and finds them again.

Never says no to a reference it has seen: whether a double is let in is `desk`'s to decide. Knows neither
stock nor prices; `erp` and `billing` bring the lines with their values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from engine.sandbox.amounts import ZERO, plain


class Refused(Exception):
    """The far end says no and books nothing. `line`: the one at fault, as the sender numbers it."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.line = code, message, line


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of document. `what`: how its lines name the thing; `measure`: how its total is called."""

    name: str
    prefix: str
    what: str
    measure: str = "value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One booked line. `value` in cents and never negative: the kind says which way it goes."""

    number: int
    what: str
    quantity: Decimal
    value: Decimal
    unit: str | None = None
    location: str | None = None
    cost_center: str | None = None
    lot: str | None = None
    serial: str | None = None
    expiry: date | None = None
    department: str | None = None
    service_date: date | None = None
    stated: Decimal | None = None

    def tree(self, what: str) -> dict[str, object]:
        tree = {
            "line": self.number,
            what: self.what,
            "quantity": plain(self.quantity),
            "value": str(self.value),
            "unit": self.unit,
            "location": self.location,
            "cost_center": self.cost_center,
            "lot": self.lot,
            "serial": self.serial,
            "expiry": self.expiry and self.expiry.isoformat(),
            "department": self.department,
            "service_date": self.service_date and self.service_date.isoformat(),
            "stated_amount": None if self.stated is None else str(self.stated),
        }
        return {name: value for name, value in tree.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One booking. `number`: its document number; `original`: the reference it gives back, if it does."""

    kind: Kind
    number: str
    reference: str
    lines: Sequence[Line]
    total: Decimal
    at: datetime
    original: str | None = None
    posting_date: date | None = None
    account: str | None = None
    supplier: str | None = None

    def receipt(self, currency: str) -> dict[str, str]:
        """What the poster is answered."""
        return {
            "document": self.number,
            "reference": self.reference,
            self.kind.measure: str(self.total),
            "currency": currency,
        }

    def summary(self) -> dict[str, str]:
        """What somebody who asks by reference is answered."""
        return {
            "document": self.number,
            "kind": self.kind.name,
            "reference": self.reference,
            self.kind.measure: str(self.total),
            "at": self.at.isoformat(),
        }

    def tree(self) -> dict[str, object]:
        """Everything that was booked."""
        heads = {
            "original": self.original,
            "posting_date": self.posting_date and self.posting_date.isoformat(),
            "account": self.account,
            "supplier": self.supplier,
        }
        return {
            **self.summary(),
            **{name: value for name, value in heads.items() if value is not None},
            "lines": [line.tree(self.kind.what) for line in self.lines],
        }


class Register:
    """Every document of one side, in the order of booking."""

    def __init__(self) -> None:
        self._documents: list[Document] = []
        self._by_reference: defaultdict[str, list[Document]] = defaultdict(list)
        self._counts: Counter[str] = Counter()

    def book(
        self,
        kind: Kind,
        reference: str,
        lines: Sequence[Line],
        at: datetime,
        *,
        original: str | None = None,
        posting_date: date | None = None,
        account: str | None = None,
        supplier: str | None = None,
    ) -> Document:
        """Numbers the document and keeps it."""
        self._counts[kind.name] += 1
        document = Document(
            kind=kind,
            number=f"{kind.prefix}-{self._counts[kind.name]:06}",
            reference=reference,
            lines=lines,
            total=sum((line.value for line in lines), ZERO),
            at=at,
            original=original,
            posting_date=posting_date,
            account=account,
            supplier=supplier,
        )
        self._documents.append(document)
        self._by_reference[reference].append(document)
        return document

    def find(self, reference: str, kind: Kind | None = None) -> list[Document]:
        """The documents of a reference, of one kind or of all, in the order of booking."""
        documents = self._by_reference.get(reference, ())
        return [document for document in documents if kind is None or document.kind is kind]

    def page(self, after: int, limit: int) -> tuple[list[Document], int | None]:
        """At most `limit` documents after the first `after`, and where the next page starts, if any."""
        end = after + limit
        return self._documents[after:end], end if end < len(self._documents) else None

    def counts(self) -> dict[str, int]:
        """kind → number of documents."""
        return dict(self._counts)

    def doubled(self) -> list[dict[str, object]]:
        """References booked more than once as the same kind."""
        return [
            {"reference": reference, "kind": kind, "documents": numbers}
            for reference, documents in self._by_reference.items()
            if len(documents) > 1
            for kind, numbers in _by_kind(documents).items()
            if len(numbers) > 1
        ]


def _by_kind(documents: Iterable[Document]) -> dict[str, list[str]]:
    numbers: defaultdict[str, list[str]] = defaultdict(list)
    for document in documents:
        numbers[document.kind.name].append(document.number)
    return numbers
