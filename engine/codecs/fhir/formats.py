"""FHIR's two formats, JSON and XML: which one a body is in, and a body as a tree and back. XML is loaded when it comes.

XML is `xml-R4` or `xml-R5`: its elements are read by the tables of a release.
"""

from __future__ import annotations

from engine.codecs.fhir.body import JSON, Entry, Tree, entries_of, read_json, reread_json, write_json

__all__ = ["JSON", "VERSIONS", "entries", "read", "reread", "write", "xml_of"]

VERSIONS = {"4.0": "4.0.1", "4.3": "4.3.0", "5.0": "5.0.0"}


def xml_of(version: str) -> str:
    """`version`: of FHIR, as 4.0."""
    return "xml-R5" if version.startswith("5") else "xml-R4"


def read(body: bytes, form: str) -> Tree:
    """Raises `MessageError`."""
    if form == JSON:
        return read_json(body)
    from engine.codecs.fhir.xml import read_xml

    return read_xml(body, form.removeprefix("xml-"))


def reread(body: bytes, form: str) -> Tree:
    """What `read` took before. Raises `MessageError`."""
    return reread_json(body) if form == JSON else read(body, form)


def entries(body: bytes, bundle: Tree, form: str) -> list[Entry]:
    """Of a Bundle that was read from the body. Raises `MessageError`."""
    if form == JSON:
        return entries_of(body, bundle)
    from engine.codecs.fhir.xml import resources_in

    return entries_of(body, bundle, form, resources_in)


def write(tree: Tree, form: str) -> bytes:
    if form == JSON:
        return write_json(tree)
    from engine.codecs.fhir.xml import write_xml

    return write_xml(tree, form.removeprefix("xml-"))
