"""What is said back: OperationOutcomes, response Bundles and the CapabilityStatement. No values of what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from engine.codecs.fhir.formats import VERSIONS


class Trouble(Exception):
    """An interaction that is refused: HTTP status, our code, FHIR's word for the kind, and where, as FHIRPath."""

    def __init__(self, status: int, kind: str, code: str, what: str, expression: str = "") -> None:
        self.status, self.kind, self.code, self.what, self.expression = status, kind, code, what, expression
        super().__init__(f"{code} {what}")

    @property
    def outcome(self) -> dict[str, Any]:
        return outcome("error", self.kind, f"{self.code} {self.what}", self.expression)


class Stored(NamedTuple):
    """How an entry, or a single interaction, went. `tree`: the resource as it is stored, when it may be shown."""

    status: int
    type: str
    id: str
    version: int
    at: datetime
    tree: dict[str, Any] | None = None

    @property
    def place(self) -> str:
        return f"{self.type}/{self.id}/_history/{self.version}"

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'

    def shown(self) -> dict[str, Any] | None:
        """With the version and time that the engine gave it."""
        if self.tree is None:
            return None
        given = self.tree.get("meta")
        meta = {
            **(given if isinstance(given, dict) else {}),
            "versionId": str(self.version),
            "lastUpdated": instant(self.at),
        }
        return {"resourceType": self.type, "id": self.id, "meta": meta, **_without(self.tree)}


def _without(tree: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tree.items() if name not in ("resourceType", "id", "meta")}


def outcome(severity: str, kind: str, what: str, expression: str = "") -> dict[str, Any]:
    issue: dict[str, Any] = {"severity": severity, "code": kind, "diagnostics": what}
    if expression:
        issue["expression"] = [expression]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def stored_outcome() -> dict[str, Any]:
    return outcome("information", "informational", "stored; what it posts is decided after")


def entry_of(stored: Stored, prefer: str) -> dict[str, Any]:
    """An entry of a response Bundle."""
    response: dict[str, Any] = {"status": _status(stored.status)}
    if stored.status != 204:
        response["location"] = stored.place
    if stored.version:
        response |= {"etag": stored.etag, "lastModified": instant(stored.at)}
    entry: dict[str, Any] = {"response": response}
    if prefer == "OperationOutcome":
        response["outcome"] = stored_outcome()
    elif prefer == "representation" and (shown := stored.shown()) is not None:
        entry["resource"] = shown
    return entry


def failed_entry(trouble: Trouble) -> dict[str, Any]:
    return {"response": {"status": _status(trouble.status), "outcome": trouble.outcome}}


def bundle(kind: str, entries: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def message_answer(
    header: dict[str, Any], identifier: str, code: str, at: datetime, ids: Sequence[str]
) -> dict[str, Any]:
    """The Bundle that answers a message. `ids`: of the answer and of its header."""
    event: dict[str, Any] = {name: header[name] for name in ("eventCoding", "eventUri") if name in header}
    told: dict[str, Any] = {
        "resourceType": "MessageHeader",
        "id": ids[1],
        **event,
        "source": {"name": "Suture", "endpoint": "urn:suture"},
        "response": {"identifier": identifier, "code": code},
    }
    return {
        "resourceType": "Bundle",
        "id": ids[0],
        "type": "message",
        "timestamp": instant(at),
        "entry": [{"fullUrl": f"urn:uuid:{ids[1]}", "resource": told}],
    }


def capabilities(types: Iterable[str], version: str, at: datetime, base: str) -> dict[str, Any]:
    """Exactly what is there."""
    interactions = [{"code": code} for code in ("read", "vread", "create", "update", "delete")]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(at),
        "kind": "instance",
        "software": {"name": "Suture"},
        "implementation": {"description": "Takes in what hospitals use and charge", "url": base},
        "fhirVersion": VERSIONS[version],
        "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": name,
                        "interaction": interactions,
                        "versioning": "versioned",
                        "readHistory": True,
                        "updateCreate": True,
                        "conditionalCreate": True,
                        "conditionalUpdate": True,
                        "conditionalDelete": "not-supported",
                    }
                    for name in sorted(types)
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "operation": [
                    {
                        "name": "process-message",
                        "definition": "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message",
                    }
                ],
            }
        ],
    }
