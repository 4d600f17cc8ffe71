"""Does what the mend of a fault says, as a person would who reads nothing else. Knows no rule of a site."""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.errors import Fault

_TOKEN = re.compile(r"[^\s,\[\]{}\"'#]+")
_QUOTED = re.compile(r"'([^']+)'")


class _Page:
    """The text of a file, with the place that a fault tells."""

    def __init__(self, text: str, fault: Fault) -> None:
        self.text, self.fault = text, fault
        _, line, column = fault.where.rsplit(":", 2)
        self.lines = text.splitlines(keepends=True)
        self.line = int(line) - 1
        self.at = sum(map(len, self.lines[: self.line])) + int(column) - 1

    def put(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def token(self) -> tuple[int, int]:
        """The word at the place; a quote before it is passed."""
        found = _TOKEN.search(self.text, self.at)
        return (found.start(), found.end()) if found else (self.at, self.at)

    def indent(self) -> int:
        line = self.lines[self.line]
        return len(line) - len(line.lstrip(" "))

    def block_end(self) -> int:
        """The line behind the place's line and all that is indented deeper."""
        end = self.line + 1
        while end < len(self.lines) and (
            not self.lines[end].strip()
            or len(self.lines[end]) - len(self.lines[end].lstrip(" ")) > self.indent()
        ):
            end += 1
        return end


def mended(text: str, fault: Fault) -> str | None:
    """The file's text with the mend done, or None when the mend leaves it to a person what to write."""
    page = _Page(text, fault)
    for pattern, act in _ACTS:
        found = re.search(pattern, fault.mend)
        if found is not None:
            return act(page, found)
    return None


def _meant(page: _Page, found: re.Match[str]) -> str:
    """`did you mean 'X'?`: X in the place of the word that the fault quotes, else of the one at the place."""
    for word in reversed(_QUOTED.findall(page.fault.what)):
        there = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search(page.text, page.at, page.at + 120)
        if there is not None:
            return page.put(there.start(), there.end(), found[1])
    return page.put(*page.token(), found[1])


def _function(page: _Page, found: re.Match[str]) -> str:
    name = re.compile(r"\w+").match(page.text, page.at)
    return page.put(page.at, name.end() if name else page.at, found[1])


def _instead(page: _Page, found: re.Match[str]) -> str:
    return page.put(*page.token(), found[1])


def _to_the_end_of_the_value(page: _Page, found: re.Match[str]) -> str:
    end = re.compile(r"[^,}\]\n#]*").match(page.text, page.at)
    return page.put(page.at, end.end() if end else page.at, found[1])


def _added_beside(page: _Page, found: re.Match[str]) -> str:
    """`add it: key: value`: below the place when it is a mapping's key, else beside it."""
    new = found[1]
    rest = page.text[page.at :].split("\n", 1)[0]
    flow = re.match(r"[^:]*: \{|\{", rest)
    if flow and "the file" not in page.fault.what:
        start = page.at + flow.end()
        return page.put(start, start, f"{new}, ")
    inner = rest.rstrip().endswith(":") and "the file" not in page.fault.what
    indent = " " * (page.indent() + 2 * inner)
    start = sum(map(len, page.lines[: page.line + 1]))
    return page.put(start, start, f"{indent}{new}\n")


def _added_below(page: _Page, found: re.Match[str]) -> str:
    start = sum(map(len, page.lines[: page.line + 1]))
    return page.put(start, start, f"  {found[1]}\n")


def _taken_out(page: _Page, _: re.Match[str]) -> str:
    return "".join([*page.lines[: page.line], *page.lines[page.block_end() :]])


def _taken_line(page: _Page, _: re.Match[str]) -> str:
    return "".join([*page.lines[: page.line], *page.lines[page.line + 1 :]])


def _without_mark(page: _Page, found: re.Match[str]) -> str:
    return page.text[: page.at] + page.text[page.at :].replace(f"{found[1]}?", found[1], 1)


def _key_with(page: _Page, found: re.Match[str]) -> str:
    """`write version: 2.7`: the value of the file's own key."""
    return re.sub(
        rf"^(\s*){found[1]}: \S+", rf"\g<1>{found[1]}: {found[2]}", page.text, count=1, flags=re.MULTILINE
    )


def _value(page: _Page, found: re.Match[str]) -> str:
    return page.put(*page.token(), found[2])


def _list(page: _Page, found: re.Match[str]) -> str:
    end = page.text.index("]", page.at) + 1
    return page.put(page.text.rindex("[", 0, page.at + 1), end, found[1])


def _blanks(page: _Page, _: re.Match[str]) -> str:
    return page.put(page.at, page.at + 1, "    ")


def _doubled(page: _Page, _: re.Match[str]) -> str:
    return page.put(page.at, page.at + 1, "==")


def _present(page: _Page, found: re.Match[str]) -> str:
    start = page.text.index(found[1], page.at)
    return page.put(start, start + len(found[1]), f"{found[1]} is present")


_ACTS: tuple[tuple[str, Callable[[_Page, re.Match[str]], str]], ...] = (
    (r"did you mean '([^']+)'\?", _meant),
    (r"did you mean ([a-z_]+)\(\)\?", _function),
    (r"^add it: (.+)$", _added_beside),
    (r"^add below \w+: (.+)$", _added_below),
    (r"^keep one", _taken_line),
    (r"^write (\S+), or mend line", _instead),
    (r"^write ([0-9/]+)(?: or more| or less)?$", _instead),
    (r"^write (\w+): without the question mark", _without_mark),
    (r"write (version): ([0-9.]+)$", _key_with),
    (r"^write (\w+): ([^ ,]+)(?:, or rename the file)?$", _value),
    (r"^write a number and its unit: \w+, (\w+)", _to_the_end_of_the_value),
    (r"^write date, time and offset: (\S+)$", _instead),
    (r"^write (true) or false$", _instead),
    (r"^write (yes) or no$", _instead),
    (r"blanks in the place of the tab", _blanks),
    (r"^compare with ==", _doubled),
    (r"^compare it: (\S+) ==", _present),
    (r"^give one for each: (\[.*\])$", _list),
    (r"take it out$|^take it out[,;]", _taken_out),
)
