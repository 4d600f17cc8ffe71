"""HTTP of FHIR: which addresses take what, media types, preferences; and answers with their headers. Pure.

Source: HL7 FHIR R4, http.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from engine.codecs.fhir import answers
from engine.codecs.fhir.answers import Stored, Trouble
from engine.codecs.fhir.formats import JSON, VERSIONS, write, xml_of
from engine.domain.resources import Asked, Replied

JSON_TYPE = "application/fhir+json; charset=utf-8"
XML_TYPE = "application/fhir+xml; charset=utf-8"
_JSON = ("application/fhir+json", "application/json", "application/json+fhir", "json")
_XML = ("application/fhir+xml", "application/xml", "text/xml", "application/xml+fhir", "xml")
_ANY = ("application/*", "*/*")


def methods(path: str, types: frozenset[str]) -> tuple[str, ...]:
    match path.split("/") if path else []:
        case [] | ["$process-message"]:
            return ("POST",)
        case ["metadata"]:
            return ("GET",)
        case [kind] if kind in types:
            return ("POST", "PUT")
        case [kind, _] if kind in types:
            return ("GET", "PUT", "DELETE")
        case [kind, _, "_history", version] if kind in types and version.isdecimal() and len(version) < 10:
            return ("GET",)
    return ()


def _media(text: str) -> tuple[str, Mapping[str, str]]:
    kind, *rest = text.split(";")
    pairs = (one.partition("=") for one in rest)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def answer_form(asked: Asked) -> str | None:
    """The format of the answer: as asked, else as the body came. None: it is not offered."""
    xml = xml_of(version_asked(asked))
    if wanted := parse_qs(asked.query).get("_format"):
        return _form_of(_media(wanted[0].replace(" ", "+"))[0], xml)
    told = asked.headers.get("accept", "*/*")
    as_sent = _form_of(_media(asked.headers.get("content-type", ""))[0], xml) or JSON
    ranked = sorted(map(_ranked, told.split(",")), key=lambda one: -one[1])
    forms = [as_sent if kind in _ANY else _form_of(kind, xml) for kind, weight in ranked if weight > 0]
    return next((form for form in forms if form is not None), None)


def _ranked(text: str) -> tuple[str, float]:
    kind, parameters = _media(text)
    try:
        return kind, float(parameters.get("q", "1"))
    except ValueError:
        return kind, 1.0


def _form_of(kind: str, xml: str) -> str | None:
    return JSON if kind in _JSON else xml if kind in _XML else None


def version_asked(asked: Asked) -> str:
    for one in asked.headers.get("accept", "").split(","):
        version = _media(one)[1].get("fhirversion", "")
        if version in VERSIONS:
            return version
    return "4.0"


def version_of(asked: Asked) -> str:
    """The version of FHIR that the body says it is of."""
    kind, parameters = _media(asked.headers.get("content-type", ""))
    version = parameters.get("fhirversion", "4.0")
    known = _form_of(kind, "") is not None and "/" in kind
    if not known or parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        what = "bodies are application/fhir+json or application/fhir+xml, in UTF-8"
        raise Trouble(415, "not-supported", "FHR027", what)
    if version not in VERSIONS:
        raise Trouble(415, "not-supported", "FHR027", "bodies are of FHIR 4.0, 4.3 or 5.0")
    return version


def form_of(asked: Asked) -> str:
    """The format of the body."""
    return _form_of(_media(asked.headers.get("content-type", ""))[0], xml_of(version_of(asked))) or JSON


def criteria_of(asked: Asked) -> str:
    """What a conditional request looks for: its query, without what is about the answer."""
    return "&".join(one for one in asked.query.split("&") if not one.startswith(("_format=", "_pretty=")))


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
    """Of one create, update or delete. Without a preference, the body is what was sent, as it is stored."""
    prefers = preference(asked)
    if told.status == 204:
        body: Any = answers.stored_outcome() if prefers == "OperationOutcome" else None
        return replied(200 if body else 204, body, asked, *(_versioned(told) if told.version else ()))
    place = (("Location", f"{asked.base}/{told.place}"),)
    match prefers:
        case "minimal":
            body = None
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
    form = answer_form(asked) or JSON
    body = b"" if tree is None else write(tree, form)
    kind = (("Content-Type", JSON_TYPE if form == JSON else XML_TYPE),) if body else ()
    named = asked.headers.get("x-request-id", "")
    echoed = (("X-Request-Id", named),) if named.isprintable() and 0 < len(named) <= 128 else ()
    return Replied(status, (*kind, *headers, *echoed), body)
