"""Where the fields of a FHIR read map come from: FHIRPath, checked against the elements that the resources have.

`a, else b, else 'EA'` takes the first that has a value, as in maps of HL7; `%udi_lot` is another field of the map.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import cast

from engine.codecs.fhir import elements, path_check
from engine.codecs.fhir.document import PREFIX
from engine.codecs.fhir.path import FhirPath
from engine.codecs.fhir.path_grammar import Constant, FhirPathError
from engine.codecs.hl7v2.path import HL7Path
from engine.mapping.fhir_place import FhirPlace
from engine.mapping.grammar import Else, Literal, Name, Node, Path
from engine.mapping.sources import Checker, Origin, ReadSpec, Source, checked
from engine.mapping.spec import NodePath

_ELSE = re.compile(r",\s*else\s+")
_FIELD = re.compile(r"%([a-z][a-z0-9_]*)")
"""Another field of the map, unless FHIRPath knows the name."""

_TEXT = re.compile(r"'(?:\\.|[^'\\])*'")


def is_fhir(spec: ReadSpec) -> bool:
    """Whether a read map is of FHIR: its first message type says so."""
    return bool(spec.triggers) and spec.triggers[0].startswith(PREFIX)


def sources_of(spec: ReadSpec) -> tuple[Source, ...]:
    """The fields of a map, each after those it needs. Raises `SpecError` with all faults."""
    return checked(FhirChecker(spec))


class FhirChecker(Checker):
    """Finds every fault of a FHIR read map."""

    def __init__(self, spec: ReadSpec) -> None:
        super().__init__(spec)
        self._release = spec.version
        self._resources = [trigger.removeprefix(PREFIX) for trigger in spec.triggers]

    def defaults(self) -> dict[str, Origin]:
        return {}

    def check_message(self) -> None:
        known = elements.resources(self._known_release)
        for trigger in self.spec.triggers:
            name = trigger.removeprefix(PREFIX)
            if not trigger.startswith(PREFIX):
                what = "a map reads FHIR or HL7 v2, not both"
                self.fault(
                    ("read",), "MAP042", what, f"write FHIR ChargeItem, or move {trigger} to a map of its own"
                )
            elif name not in known:
                near = get_close_matches(name, known, 1)
                mend = f"did you mean '{PREFIX}{near[0]}'?" if near else "write FHIR ChargeItem"
                self.fault(("read",), "MAP042", f"'{name}' is no resource that can be read", mend)
        if self._release not in (None, *elements.RELEASES):
            self.fault(("version",), "MAP049", "this is no release of FHIR", "write R4 or R5")
        if self.spec.each is not None:
            self._check_path(("each",), self.spec.each, 0, anchored=False)

    @property
    def _known_release(self) -> str | None:
        return self._release if self._release in elements.RELEASES else None

    def tree(self, path: NodePath, text: str) -> Node | None:
        options: list[Node] = []
        for column, part in _options(text):
            field = _FIELD.fullmatch(part)
            if field and field[1] not in ("resource", "context"):
                options.append(Name((field[1],)))
                continue
            tree = self._check_path(path, part, column, anchored=self.spec.each is not None)
            if tree is None:
                return None
            if isinstance(tree.tree, Constant) and isinstance(tree.tree.value, str):
                options.append(Literal(tree.tree.value))
            else:
                place = FhirPlace(part, tree, self.spec.each is not None)
                options.append(Path(cast(HL7Path, place)))
        return Else(tuple(options)) if len(options) > 1 else options[0]

    def _check_path(self, path: NodePath, text: str, column: int, *, anchored: bool) -> FhirPath | None:
        try:
            found = FhirPath(text)
        except FhirPathError as error:
            self.fault(path, "FHR010", f"no FHIRPath: {error.what}", error.mend, column + error.column)
            return None
        release = self._known_release
        for resource in self._resources:
            start = self._anchors(resource) if anchored else None
            for one in path_check.faults_of(found.tree, resource, release, start):
                what = f"{' or '.join(sorted(one.types))} has no element '{one.name}'"
                self.fault(path, "FHR011", what, one.mend, column + one.column)
        return found

    def _anchors(self, resource: str) -> path_check.Types | None:
        """Types of what `each` chooses."""
        try:
            tree = FhirPath(self.spec.each or "").tree
        except FhirPathError:
            return path_check.UNKNOWN
        return path_check.types_of(tree, resource, self._known_release) or frozenset({"Resource"})


def _options(text: str) -> Iterator[tuple[int, str]]:
    """(column before it, path) of each alternative; commas in texts part nothing."""
    bare = _TEXT.sub(lambda found: "x" * len(found[0]), text)
    at = 0
    for comma in _ELSE.finditer(bare):
        yield at, text[at : comma.start()].strip()
        at = comma.end()
    yield at, text[at:].strip()
