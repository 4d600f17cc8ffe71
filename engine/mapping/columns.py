"""Columns of rows as places in a message: `row.qty` is read by its heading, or by its span of fixed width.

A column is an `HL7Path` like any other, so that what follows paths follows columns; only its reading is its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from engine.codecs.hl7v2.escape import unescape
from engine.codecs.hl7v2.group import Group
from engine.codecs.hl7v2.lexer import Message, Segment
from engine.codecs.hl7v2.path import NULL, HL7Path, Null, Reader
from engine.codecs.rows import HEADER, ROW, Span, heading_key
from engine.mapping.grammar import (
    Among,
    Arithmetic,
    Call,
    Comparison,
    Else,
    Logic,
    Missing,
    Name,
    Negative,
    Node,
    Not,
)

_LINE = 2
"""The field of ROW at which its cells begin; the first is its number."""

_TOKENS = {"YYYY": 4, "MM": 2, "DD": 2, "hh": 2, "mm": 2, "ss": 2}
_TOKEN = re.compile("|".join(_TOKENS))


def column_path(name: str, column: str | Span, dates: str | None = None, empties: bool = False) -> HL7Path:
    """`dates`: how dates stand in it, such as DD.MM.YYYY hh:mm; they are read as HL7 writes them. `empties`: an empty
    cell deletes the value, as a whole row of a master says it."""
    text = f"row.{name}"
    read = _reader(_spanned(column) if isinstance(column, tuple) else _headed(column), dates, empties)
    return HL7Path(text, ROW, None, _LINE, 1, None, None, read)


def date_form(dates: str) -> re.Pattern[str] | None:
    """What texts of that form look like; None when it names no day, or a part twice."""
    parts = _TOKEN.findall(dates)
    if not {"YYYY", "MM", "DD"} <= set(parts) or len(set(parts)) < len(parts):
        return None
    written = {"YYYY": "(?P<YYYY>[0-9]{4})"}
    pieces, at = [], 0
    for found in _TOKEN.finditer(dates):
        pieces += [
            re.escape(dates[at : found.start()]),
            written.get(found[0], f"(?P<{found[0]}>[0-9]{{1,2}})"),
        ]
        at = found.end()
    return re.compile("".join((*pieces, re.escape(dates[at:]))))


def with_columns(node: Node, change: Callable[[Name], Node]) -> Node:
    """The tree with what `change` makes of each name."""
    match node:
        case Name():
            return change(node)
        case Negative() | Missing() | Not():
            return node._replace(operand=with_columns(node.operand, change))
        case Arithmetic() | Comparison():
            left, right = with_columns(node.left, change), with_columns(node.right, change)
            return node._replace(left=left, right=right)
        case Among():
            options = tuple(with_columns(one, change) for one in node.options)
            return node._replace(operand=with_columns(node.operand, change), options=options)
        case Logic():
            return node._replace(operands=tuple(with_columns(one, change) for one in node.operands))
        case Else():
            return node._replace(options=tuple(with_columns(one, change) for one in node.options))
        case Call():
            return node._replace(arguments=tuple(with_columns(one, change) for one in node.arguments))
        case _:
            return node


_Cell = Callable[[Message, Segment], str]


def _headed(heading: str) -> _Cell:
    key = heading_key(heading)

    def cell(message: Message, row: Segment) -> str:
        headings = message.by_name[HEADER][0].fields
        for place in range(_LINE, min(len(headings), len(row.fields))):
            if headings[place] == key or unescape(headings[place], message.delimiters) == key:
                return unescape(row.fields[place], message.delimiters)
        return ""

    return cell


def _spanned(span: Span) -> _Cell:
    first, last = span

    def cell(message: Message, row: Segment) -> str:
        return (
            unescape(row.fields[_LINE], message.delimiters)[first - 1 : last]
            if len(row.fields) > _LINE
            else ""
        )

    return cell


def _reader(cell: _Cell, dates: str | None, empties: bool) -> Reader:
    form = date_form(dates) if dates else None
    empty = NULL if empties else None

    def read(message: Message, group: Group | None = None) -> str | Null | None:
        found = message.by_name.get(ROW) if group is None else group.own.get(ROW)
        text = cell(message, found[0]).strip() if found else ""
        return (_as_hl7_writes(text, form) if form else text) or empty

    return read


def _as_hl7_writes(text: str, form: re.Pattern[str]) -> str:
    """A text of another form stays as it is: whoever understands dates says so."""
    found = form.fullmatch(text)
    if found is None:
        return text
    parts: Mapping[str, str] = found.groupdict()
    return "".join(parts[token].zfill(length) for token, length in _TOKENS.items() if token in parts)
