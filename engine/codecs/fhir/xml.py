"""FHIR as XML, read into the same trees as JSON, and written from them. Pure.

Which elements repeat, and which are numbers, the element tables say; so only types that stand there can be read.
Nothing is ever fetched or expanded: a DTD is refused before anything is parsed. Source: HL7 FHIR R4, xml.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from lxml import etree

from engine.codecs.fhir.body import DEEPEST, MOST_PARTS, Tree, check_depth, whole
from engine.codecs.fhir.elements import Part, parts
from engine.errors import MessageError

FHIR, XHTML = "http://hl7.org/fhir", "http://www.w3.org/1999/xhtml"

_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")
_NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt"})
_WHOLE = re.compile(r"-?[0-9]{1,400}")
_DECIMAL = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,2})?")
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_xml(body: bytes, release: str) -> Tree:
    """`release`: R4 or R5. Raises `MessageError` FHR002, FHR006 to FHR008."""
    tree = _resource(_root(body), parts(release), 0)
    check_depth(tree)
    return tree


def resources_in(body: bytes) -> list[bytes]:
    """Of each entry of a Bundle, its resource as a document of its own, or b''. Raises `MessageError`."""
    found = []
    for entry in _root(body).iterchildren(f"{{{FHIR}}}entry"):
        resource = entry.find(f"{{{FHIR}}}resource/*")
        found.append(b"" if resource is None else etree.tostring(resource, encoding="UTF-8", with_tail=False))
    return found


def _root(body: bytes) -> etree._Element:
    if body.count(b"<") + body.count(b"=") > 2 * MOST_PARTS:
        what = "the body has too many elements and attributes"
        raise MessageError("FHR002", what, mend="send it in parts")
    declared = _DECLARED.match(body.removeprefix(b"\xef\xbb\xbf").lstrip())
    if b"\x00" in body or (declared and declared[1].lower() != b"utf-8"):
        raise _no_xml("is not in UTF-8")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise _no_xml("has a DTD, which nothing here reads")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise _no_xml("is not well-formed") from None


def _no_xml(why: str) -> MessageError:
    return MessageError("FHR006", f"the body is no XML that is read here: it {why}", mend="send plain XML")


# Reading -----------------------------------------------------------------------------------------------------

Tables = dict[str, dict[str, Part]]


def _resource(element: etree._Element, tables: Tables, depth: int) -> Tree:
    kind = _name(element, FHIR)
    if kind not in tables or "implicitRules" not in tables[kind]:
        what = "this type of resource is not read from XML"
        raise MessageError("FHR008", what, where=_place(element), mend="send it as application/fhir+json")
    return {"resourceType": kind, **_complex(element, kind, tables, depth, is_resource=True)}


def _complex(
    element: etree._Element, kind: str, tables: Tables, depth: int, *, is_resource: bool = False
) -> Tree:
    if depth > DEEPEST:
        raise MessageError("FHR002", f"the body is more than {DEEPEST} levels deep", mend="send it flatter")
    found: Tree = {}
    known = tables.get(kind, {})
    attributes = () if is_resource else ("id", "url") if kind == "Extension" else ("id",)
    for name, text in _attributes(element):
        if name not in attributes:
            raise _misfit(element, "has an attribute that FHIR does not have there")
        found[name] = text
    _check_bare(element)
    for child in element:
        name = _name(child, XHTML if kind == "Narrative" and str(child.tag).endswith("}div") else FHIR)
        part = known.get(name)
        if part is None or name in attributes:
            raise _misfit(child, "is no element of this type")
        if not part.repeats and (name in found or f"_{name}" in found):
            raise _misfit(child, "stands twice")
        _add(found, name, part, child, tables, depth)
    return found


def _add(found: Tree, name: str, part: Part, child: etree._Element, tables: Tables, depth: int) -> None:
    beside: Tree | None = None
    value: Any
    if name == "div" and str(child.tag).startswith(f"{{{XHTML}}}"):
        value = etree.tostring(child, encoding="unicode", with_tail=False)
    elif part.type == "Resource":
        inner = list(child)
        if len(inner) != 1:
            raise _misfit(child, "holds no single resource")
        _check_bare(child)
        value = _resource(inner[0], tables, depth + 1)
    elif part.type[:1].islower():
        value, beside = _primitive(child, part.type, tables, depth)
    else:
        value = _complex(child, part.type, tables, depth + 1)
    if not part.repeats:
        if value is not None:
            found[name] = value
        if beside:
            found[f"_{name}"] = beside
        return
    values = found.setdefault(name, [])
    values.append(value)
    if beside or f"_{name}" in found:
        row = found.setdefault(f"_{name}", [])
        row += [None] * (len(values) - 1 - len(row)) + [beside]


def _primitive(element: etree._Element, kind: str, tables: Tables, depth: int) -> tuple[Any, Tree | None]:
    """Its value, and what stands beside it in JSON: id and extensions."""
    value: Any = None
    beside: Tree = {}
    for name, text in _attributes(element):
        if name == "value":
            value = _value(element, text, kind)
        elif name == "id":
            beside["id"] = text
        else:
            raise _misfit(element, "has an attribute that FHIR does not have there")
    _check_bare(element)
    for child in element:
        if _name(child, FHIR) != "extension":
            raise _misfit(child, "is no element of this type")
        beside.setdefault("extension", []).append(_complex(child, "Extension", tables, depth + 1))
    return value, beside or None


def _value(element: etree._Element, text: str, kind: str) -> Any:
    if kind == "boolean":
        if text in ("true", "false"):
            return text == "true"
    elif kind in _NUMBERS:
        if _WHOLE.fullmatch(text):
            return whole(text)
    elif kind == "decimal":
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
    elif text:
        return text
    raise _misfit(element, f"has no value of type {kind}")


def _attributes(element: etree._Element) -> Iterator[tuple[str, str]]:
    """Those without a namespace; others, such as a schema's place, say nothing of the resource."""
    return ((str(name), str(text)) for name, text in element.attrib.items() if not str(name).startswith("{"))


def _check_bare(element: etree._Element) -> None:
    texts = [element.text, *(child.tail for child in element)]
    if any(text and not text.isspace() for text in texts):
        raise _misfit(element, "has text where values are attributes")


def _name(element: etree._Element, space: str) -> str:
    tag = element.tag
    if not isinstance(tag, str) or not tag.startswith(f"{{{space}}}"):
        raise _misfit(element, f"is not of the namespace {space}")
    return tag[len(space) + 2 :]


def _misfit(element: etree._Element, what: str) -> MessageError:
    return MessageError("FHR007", what, where=_place(element), mend="send what FHIR's XML schema has there")


def _place(element: etree._Element) -> str:
    """As FHIRPath."""
    names: list[str] = []
    at: etree._Element | None = element
    while at is not None:
        name = str(at.tag).rpartition("}")[2]
        parent = at.getparent()
        alike = [one for one in parent if one.tag == at.tag] if parent is not None else []
        names.insert(0, f"{name}[{alike.index(at)}]" if len(alike) > 1 else name)
        at = parent
    return ".".join(name if name.partition("[")[0].isalnum() else "?" for name in names)[:400]


_NAMESPACES: Any = {None: FHIR}


# Writing -----------------------------------------------------------------------------------------------------


def write_xml(tree: Tree, release: str) -> bytes:
    """What has no place in the tables goes last, in the order of the tree."""
    kind = str(tree["resourceType"])
    root = etree.Element(_tag(kind), nsmap=_NAMESPACES)
    _fill(root, tree, kind, parts(release), is_resource=True)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _fill(
    element: etree._Element, tree: Tree, kind: str, tables: Tables, *, is_resource: bool = False
) -> None:
    known = tables.get(kind, {})
    order = {name: index for index, name in enumerate(known)}
    names = dict.fromkeys(name.removeprefix("_") for name in tree if name != "resourceType")
    for name in sorted(names, key=lambda name: order.get(name, len(order))):
        value, beside = tree.get(name), tree.get(f"_{name}")
        if not is_resource and (name == "id" or (name == "url" and kind == "Extension")):
            element.set(name, _text(value))
            continue
        part = known.get(name)
        inner = part.type if part else "Extension" if name in ("extension", "modifierExtension") else ""
        values = value if isinstance(value, list) else [value]
        besides = beside if isinstance(beside, list) else [beside]
        for one, other in zip_longest(values, besides):
            _put(element, name, inner, one, other, tables)


def _put(element: etree._Element, name: str, kind: str, value: Any, beside: Any, tables: Tables) -> None:
    if value is None and not isinstance(beside, dict):
        return
    if name == "div" and isinstance(value, str):
        _put_narrative(element, value)
        return
    try:
        child = etree.SubElement(element, _tag(name))
    except ValueError:  # a name that XML does not have, stored as JSON
        return
    if isinstance(value, dict) and isinstance(value.get("resourceType"), str):
        inner = etree.SubElement(child, _tag(value["resourceType"]))
        _fill(inner, value, value["resourceType"], tables, is_resource=True)
    elif isinstance(value, dict):
        _fill(child, value, kind, tables)
    else:
        if isinstance(beside, dict):
            _fill(child, beside, "Element", tables)
        if value is not None:
            child.set("value", _text(value))


def _put_narrative(element: etree._Element, text: str) -> None:
    """One that is no XHTML is left out."""
    try:
        element.append(_root(text.encode()))
    except MessageError:
        return


def _tag(name: str) -> str:
    return f"{{{FHIR}}}{name}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _ILLEGAL.sub("\ufffd", str(value))
