"""A test added to a channel's file as text: what stands there stays as it is, comments and all."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.errors import UsageError
from engine.site.schema.channel import ChannelFile
from engine.site.sources import Source
from engine.site.yaml import parse

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _./,;+'()=-]*[A-Za-z0-9._)]|[0-9]{4}-[0-9T:+.-]+")
_EMPTY = re.compile(r"^(tests:)[ \t]*\[[ \t]*\]")


def with_tests(data: bytes, source: Source[ChannelFile], tests: list[dict[str, Any]]) -> bytes:
    """The channel's file with more tests at the end of its own. Raises `UsageError` when its tests are not written as a
    list with a dash before each."""
    text = data.decode()
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    place, indent = _place(lines, source)
    added = [f"{indent}{line}" for test in tests for line in _entry(test)]
    new = end.join([*lines[:place], *added, *lines[place:], ""]).encode()
    document, faults = parse(new, source.document.file)
    tree = source.document.tree
    if faults or document is None or document.tree != {**tree, "tests": [*(tree.get("tests") or []), *tests]}:
        raise _not_so(source)
    return new


def _place(lines: list[str], source: Source[ChannelFile]) -> tuple[int, str]:
    """(line to insert before, from 0; what to indent with). Makes room in `lines` where there is none."""
    document = source.document
    if "tests" not in document.tree:
        lines += ["", "tests:"]
        return len(lines), "  "
    key = document.keys[("tests",)].line - 1
    if not document.tree["tests"]:
        lines[key] = _EMPTY.sub(r"\1", lines[key])
        return key + 1, "  "
    first = document.values["tests", 0]
    before = lines[first.line - 1][: first.column - 1]
    if before.strip() != "-":
        raise _not_so(source)
    later = [mark.line - 1 for path, mark in document.keys.items() if len(path) == 1 and mark.line - 1 > key]
    place = min(later, default=len(lines))
    while not lines[place - 1].strip() or lines[place - 1].startswith("#"):
        place -= 1
    return place, before[: before.index("-")]


def _not_so(source: Source[ChannelFile]) -> UsageError:
    return UsageError(
        "CAP006",
        f"a test cannot be added to {source.document.file} as text",
        "write its tests one below the other: `tests:`, then `  - name: ...`",
    )


def _entry(test: Mapping[str, Any]) -> Iterator[str]:
    """One test, as analysts write it."""
    mark = "- "
    for name, value in test.items():
        match value:
            case dict():
                yield f"{mark}{name}:"
                yield from (f"    {effect}: {_scalar(file)}" for effect, file in value.items())
            case list():
                yield f"{mark}{name}:"
                for hold in value:
                    parts = ", ".join(f"{key}: {_quoted(text)}" for key, text in hold.items())
                    yield f"    - {{{parts}}}"
            case _:
                yield f"{mark}{name}: {_scalar(value)}"
        mark = "  "


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _quoted(text: str) -> str:
    """Within braces."""
    return text if re.fullmatch(r"[a-z][a-z0-9-]*", text) else json.dumps(text, ensure_ascii=False)
