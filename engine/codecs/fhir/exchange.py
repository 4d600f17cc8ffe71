"""HTTP of FHIR: which addresses take what, media types, preferences; and answers with their headers. Pure.

Source: HL7 FHIR R4, http.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.codecs.fhir import answers
from engine.codecs.fhir.answers import Stored, Trouble
from engine.domain.resources import Asked, Replied

BODIES = ("application/fhir+json", "application/json", "application/json+fhir")
_ACCEPTED = (*BODIES, "application/*", "*/*")


def methods(path: str, types: frozenset[str]) -> tuple[str, ...]:
    match path.split("/") if path else []:
        case [] | ["$process-message"]:
            return ("POST",)
        case ["metadata"]:
            return ("GET",)
        case [kind] if kind in types:
            return ("POST",)
        case [kind, _] if kind in types:
            return ("GET", "PUT")
        case [kind, _, "_history", version] if kind in types and version.isdecimal() and len(version) < 10:
            return ("GET",)
    return ()


def _media(text: str) -> tuple[str, Mapping[str, str]]:
    kind, *rest = text.split(";")
    pairs = (one.partition("=") for one in rest)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def acceptable(asked: Asked) -> bool:
    told = asked.headers.get("accept", "*/*")
    return any(_media(one)[0] in _ACCEPTED for one in told.split(","))


def version_asked(asked: Asked) -> str:
    for one in asked.headers.get("accept", "").split(","):
        version = _media(one)[1].get("fhirversion", "")
        if version in answers.FHIR_VERSIONS:
            return version
    return "4.0"


def version_of(asked: Asked) -> str:
    """The version of FHIR that the body says it is of."""
    kind, parameters = _media(asked.headers.get("content-type", ""))
    version = parameters.get("fhirversion", "4.0")
    if kind not in BODIES or parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise Trouble(415, "not-supported", "FHR027", "bodies are application/fhir+json in UTF-8")
    if version not in answers.FHIR_VERSIONS:
        raise Trouble(415, "not-supported", "FHR027", "bodies are of FHIR 4.0, 4.3 or 5.0")
    return version


def preference(asked: Asked) -> str:
    for one in asked.headers.get("prefer", "").replace(";", ",").split(","):
        name, _, value = one.strip().partition("=")
        if name == "return":
            return value.strip()
    return ""


def refused(trouble: Trouble, asked: Asked) -> Replied:
    allow = (("Allow", trouble.what.removeprefix("this address takes ")),) if trouble.status == 405 else ()
    return replied(trouble.status, trouble.outcome, asked, *allow)


def answered(told: Stored, asked: Asked) -> Replied:
    """Of one create or update. Without a preference, the body is what was sent, as it is stored."""
    place = (("Location", f"{asked.base}/{told.place}"),)
    match preference(asked):
        case "minimal":
            body: Any = None
        case "OperationOutcome":
            body = answers.stored_outcome()
        case _:
            body = told.shown()
    return replied(told.status, body, asked, *place, *_versioned(told))


def shown(told: Stored, asked: Asked) -> Replied:
    if asked.headers.get("if-none-match", "").strip() == told.etag:
        return replied(304, None, asked, *_versioned(told))
    return replied(200, told.shown(), asked, *_versioned(told))


def _versioned(told: Stored) -> tuple[tuple[str, str], ...]:
    return (("ETag", told.etag), ("Last-Modified", answers.http_date(told.at)))


def replied(status: int, tree: Any, asked: Asked, *headers: tuple[str, str]) -> Replied:
    body = b"" if tree is None else answers.json_body(tree)
    kind = (("Content-Type", answers.MEDIA_TYPE),) if body else ()
    named = asked.headers.get("x-request-id", "")
    echoed = (("X-Request-Id", named),) if named.isprintable() and 0 < len(named) <= 128 else ()
    return Replied(status, (*kind, *headers, *echoed), body)
