"""How many fields a segment has in each version of HL7 v2, and how many components each field: what a path may name.

The counts stand in `structure.txt`: segment, versions, and for each field its components as one digit of base 36, `*`
where its type varies. Z segments are local and stand in no version.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from engine.codecs.hl7v2.path import HL7Path

VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2")

_SET_IDS = frozenset({
    "AFF", "AIG", "AIL", "AIP", "AIS", "AL1", "ARV", "BPO", "BPX", "BTX", "BUI", "CDO", "CER", "CM0", "CM1",
    "CM2", "CON", "DB1", "DG1", "DSP", "EDU", "FT1", "GT1", "IAM", "ILT", "IN1", "IN3", "IVT", "LAN", "MCP",
    "NK1", "NTE", "OBR", "OBX", "ORG", "PAC", "PCE", "PID", "PKG", "PR1", "PV1", "PYE", "REL", "RGS", "RQ1",
    "RQD", "RXV", "SGH", "SGT", "SPM", "TQ1", "TQ2", "TXA", "UB1", "UB2", "VND",
})  # fmt: skip
"""Segments whose first field is of type SI."""

_SUB_IDS = frozenset({("RXA", 1), ("RXA", 2), ("RXD", 1), ("RXG", 1), ("RXG", 2)})
"""Counters of what was given and dispensed for one order."""


def beyond(path: HL7Path, version: str | None) -> tuple[str, str] | None:
    """(what is wrong, the mend) when no message of the version has such a place; without a version: of any."""
    if path.segment.startswith("Z"):
        return None
    wanted = [version] if version else VERSIONS
    shapes = {one: shape for one in wanted if (shape := _shapes().get((path.segment, one))) is not None}
    if not shapes and version is None:
        return None  # no segment of HL7 at all is told by its name
    if not shapes:
        return f"HL7 {version} has no segment {path.segment}", _since(path)
    if not any(path.field <= len(shape) for shape in shapes.values()):
        most = max(map(len, shapes.values()))
        return f"{path.segment} has {most} fields{_in(version)}", _since(path)
    if not any(_fits(path, shape) for shape in shapes.values()):
        most = max(_components(shape, path.field) for shape in shapes.values())
        return f"{path.segment}-{path.field} has {_counted(most)}{_in(version)}", _since(path)
    return None


def is_counter(path: HL7Path) -> bool:
    """Whether the place is a counter, which begins again with 1 in every message: a set id, or the sub-id of an order's
    dispenses and administrations."""
    return (path.field == 1 and path.segment in _SET_IDS) or (path.segment, path.field) in _SUB_IDS


def _fits(path: HL7Path, shape: str) -> bool:
    return path.field <= len(shape) and (path.component or 1) <= _components(shape, path.field)


def _components(shape: str, field: int) -> int:
    if field > len(shape):
        return 0
    digit = shape[field - 1]
    return 99 if digit == "*" else int(digit, 36)


def _counted(components: int) -> str:
    return "1 component" if components == 1 else f"{components} components"


def _in(version: str | None) -> str:
    return f" in HL7 {version}" if version else ""


def _since(path: HL7Path) -> str:
    """The oldest version that has the place: the feed may say it."""
    for version in VERSIONS:
        shape = _shapes().get((path.segment, version))
        if shape is not None and _fits(path, shape):
            return f"look at a message of the feed, or write version: {version}"
    return "look at a message of the feed, and write the place that it has"


@cache
def _shapes() -> dict[tuple[str, str], str]:
    text = files("engine.codecs.hl7v2").joinpath("structure.txt").read_text("ascii")
    shapes = {}
    for line in text.splitlines():
        segment, versions, shape = line.split(" ")
        for version in versions.split(","):
            shapes[segment, version] = shape
    return shapes
