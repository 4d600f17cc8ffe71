"""A FHIRPath of a read map, where an HL7 path may stand as well: what a line is read from, and as what it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from engine.codecs.fhir.document import Document
from engine.codecs.fhir.path import FhirPath, Focus
from engine.codecs.fhir.path_functions import FhirValueError
from engine.mapping.faults import EvaluationFault

RESOURCE = "resource"
"""What stands for a segment: all of a resource belongs to its lines."""


class FhirGroup(NamedTuple):
    """One line. `place`: as FHIRPath, without values. The repr shows no content."""

    focus: Focus
    place: str

    def __repr__(self) -> str:
        return f"FhirGroup({self.place})"


@dataclass(frozen=True, slots=True)
class FhirPlace:
    """One path of a field; has what `HL7Path` has for those who read. `anchored`: lines are parts of a resource."""

    text: str
    path: FhirPath
    anchored: bool
    segment: ClassVar[str] = RESOURCE
    component: ClassVar[int | None] = None
    sure: ClassVar[bool] = False

    def read(self, document: Document, group: FhirGroup | None) -> str | None:
        """Raises `EvaluationFault`."""
        if group is None:
            return None
        try:
            return self.path.value(group.focus)
        except FhirValueError as error:
            raise EvaluationFault("FHR012", f"the path {error.what}", error.mend) from None

    def place(self, group: FhirGroup | None) -> str:
        """Where it reads, for faults."""
        return self.text if group is None or self.text.startswith("%") else f"{group.place}.{self.text}"
