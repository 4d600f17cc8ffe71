"""A stored resource with other bytes in its place, as a person edited it."""

from __future__ import annotations

from engine.codecs.fhir.body import whole_of
from engine.codecs.fhir.document import HEAD, Document, Resource, parse, stored
from engine.codecs.fhir.formats import JSON, read
from engine.errors import MessageError


def edited(kept: bytes, edit: bytes) -> bytes:
    """`edit`: the resource alone, in its own format, or all that is stored, each resource however long it is by now.
    What it is stored as, and what it refers to, stays. Raises `MessageError` for what could not have come in."""
    document = parse(kept)
    edit = edit.strip()
    if edit.startswith(HEAD):
        bodies = _bodies(edit.replace(b"\r\n", b"\n").partition(b"\n\n")[2], document)
    else:
        bodies = [edit, *(one.body for one in document.resources[1:])]
    resources = [
        Resource(body, one.target, one.url, one.form)
        for one, body in zip(document.resources, bodies, strict=True)
    ]
    for one in resources:
        if read(one.body, one.form).get("resourceType") != one.type:
            what = f"it is stored as a resource of type {one.type}, and says another one"
            raise MessageError("FHR005", what, where="resourceType", mend="send another type to the door")
    return stored(document.version, document.interaction, resources)


def _bodies(text: bytes, document: Document) -> list[bytes]:
    found = list(whole_of(text)) if all(one.form == JSON for one in document.resources) else []
    if len(found) != len(document.resources):
        what = "below its first lines there are not as many resources as these name"
        raise MessageError("FHR004", what, mend="give the resource alone")
    return found
