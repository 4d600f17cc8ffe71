"""What belongs to one repetition of an anchor: one FT1 with its ZPM and NTE, one ORC with its RQD. Pure.

Message structures are not consulted: senders put Z segments and notes where they like. The rule is position:

1. A group is an anchor segment and all that follows it up to the next anchor.
2. What stands before the first anchor (MSH, PID, PV1…) is the message's.
3. After the last FT1, the account's own segments (DG1 DRG GT1 IN1 IN2 IN3 ACC) close the message, as DFT^P03
   has them: the first of them and all behind it are the message's. Not so in P11, nor where an earlier group
   has such a segment: there they are each group's own.
4. A segment id that occurs in any group is looked for in groups only. A note at the fifth FT1 is no note of
   the first, and a PRT behind PID is nobody's implant.
 5. Orders have a head: `RXA of ORC` is a group for each RXA, with the ORC before it and what stands between them.
    What follows up to the next RXA or ORC is its own. An ORC that stands alone is a group as well: it speaks of its
    order by the number alone, as a cancellation may. An ORC with other segments and no RXA is none.
 6. `PKG in MFE` is the same, but there is none without both: an MFE without any PKG is no group.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.codecs.hl7v2.lexer import Message, Segment

CLOSING = frozenset({"DG1", "DRG", "GT1", "IN1", "IN2", "IN3", "ACC"})
"""Segments that stand once behind all FT1 of a DFT^P03. Source: HL7 v2.3 to v2.8.2 §6.4.3."""

BESIDE = frozenset({"NTE", "TQ1", "TQ2"})
"""Segments that say nothing of what is ordered: an ORC with these stands alone. Source: HL7 v2.5.1 §4.4.6."""


class Each(NamedTuple):
    """What begins a line: `anchor`, in upper case. `head`: of which each is one (rule 5); `strict`: there is none
    without both (rule 6)."""

    anchor: str
    head: str | None = None
    strict: bool = False


class Group:
    """One repetition. `number`: occurrence of `anchor` in the message, from 1; `own`: its segments by id, in
    order; `shared`: the message's segments by id, the same dictionary in all groups of a message."""

    __slots__ = ("anchor", "message", "number", "own", "shared")

    def __init__(
        self,
        message: Message,
        anchor: str,
        number: int,
        own: dict[str, list[Segment]],
        shared: dict[str, list[Segment]],
    ) -> None:
        self.message = message
        self.anchor = anchor
        self.number = number
        self.own = own
        self.shared = shared

    def find(self, name: str) -> list[Segment] | None:
        """Segments with this id that count for this group (rules 1 to 4), or None."""
        return self.own.get(name) or self.shared.get(name)

    def __repr__(self) -> str:
        return f"Group({self.anchor}[{self.number}], {sum(map(len, self.own.values()))} segments)"


def groups(message: Message, each: Each) -> list[Group]:
    """The groups that the anchor of `each` opens, in message order; empty when it does not occur."""
    anchor = each.anchor
    if each.head is not None:
        return _headed(message, anchor, each.head, strict=each.strict)
    shared: dict[str, list[Segment]] = {}
    found: list[Group] = []
    if anchor not in message.by_name:
        return found
    closing = _closing_segment(message, anchor)
    place = shared
    for segment in message:
        name = segment.name
        if name == anchor:
            place = {}
            found.append(Group(message, anchor, len(found) + 1, place, shared))
        elif segment is closing:
            place = shared
        if name in place:
            place[name].append(segment)
        else:
            place[name] = [segment]
    for group in found:
        for name in group.own:
            shared.pop(name, None)
    return found


def _headed(message: Message, anchor: str, head: str, *, strict: bool) -> list[Group]:
    """Rules 5 and 6."""
    shared: dict[str, list[Segment]] = {}
    found: list[Group] = []
    place = shared
    for part in _parts(message, anchor, head):
        first = part[0].name
        if first == head:
            place = {}
            _put(place, part)
            if not strict and place.keys() <= {head, *BESIDE}:
                alone = Group(message, head, len(found) + 1, place, shared)
                found.append(alone)
        elif first == anchor and not (strict and place is shared):
            if found and found[-1].own is place:
                found.pop()  # its ORC does not stand alone
            own = {name: [*segments] for name, segments in place.items()} if place is not shared else {}
            _put(own, part)
            found.append(Group(message, anchor, len(found) + 1, own, shared))
        else:
            _put(shared, part)
    for group in found:
        for name in group.own:
            shared.pop(name, None)
    return found


def _parts(message: Message, anchor: str, head: str) -> list[list[Segment]]:
    """The message cut before each head and each anchor."""
    parts: list[list[Segment]] = []
    for segment in message:
        if not parts or segment.name in (anchor, head):
            parts.append([])
        parts[-1].append(segment)
    return parts


def _put(place: dict[str, list[Segment]], segments: list[Segment]) -> None:
    for segment in segments:
        place.setdefault(segment.name, []).append(segment)


def _closing_segment(message: Message, anchor: str) -> Segment | None:
    """The segment behind the last FT1 with which the message's own part begins again (rule 3)."""
    if anchor != "FT1" or CLOSING.isdisjoint(message.by_name) or message.header.trigger == "P11":
        return None
    opened = False
    closing = None
    for segment in message:
        if segment.name == anchor:
            if closing is not None:
                return None  # it stood behind an earlier FT1 too: such segments are the groups' own
            opened = True
        elif opened and closing is None and segment.name in CLOSING:
            closing = segment
    return closing
