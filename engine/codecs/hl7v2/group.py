"""What belongs to one repetition of an anchor: one FT1 with its ZPM and NTE, one ORC with its RQD. Pure.

Message structures are not consulted: senders put Z segments and notes where they like. The rule is position:

1. A group is an anchor segment and all that follows it up to the next anchor.
2. What stands before the first anchor (MSH, PID, PV1…) is the message's.
3. After the last FT1, the account's own segments (DG1 DRG GT1 IN1 IN2 IN3 ACC) close the message, as DFT^P03
   has them: the first of them and all behind it are the message's. Not so in P11, nor where an earlier group
   has such a segment: there they are each group's own.
4. A segment id that occurs in any group is looked for in groups only. A note at the fifth FT1 is no note of
   the first, and a PRT behind PID is nobody's implant.

`PKG in MFE` opens a group at each PKG within a group of MFE: what stands in the MFE's group before its first PKG is
told again in each of them. An MFE without any PKG opens none.

So choose as anchor the segment that opens the repetition (`each: ORC`, not `each: RQD`: the ORC before a RQD
would belong to the group before).
"""

from __future__ import annotations

from engine.codecs.hl7v2.lexer import Message, Segment

CLOSING = frozenset({"DG1", "DRG", "GT1", "IN1", "IN2", "IN3", "ACC"})
"""Segments that stand once behind all FT1 of a DFT^P03. Source: HL7 v2.3 to v2.8.2 §6.4.3."""


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


def groups(message: Message, anchor: str) -> list[Group]:
    """The groups that `anchor` (upper case) opens, in message order; empty when it does not occur."""
    inner, within, outer = anchor.partition(" in ")
    if within:
        return _within(message, inner, outer)
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


def _within(message: Message, anchor: str, outer: str) -> list[Group]:
    """The groups that `anchor` opens within those of `outer`."""
    shared: dict[str, list[Segment]] = {}
    found: list[Group] = []
    head: dict[str, list[Segment]] | None = None
    place, number = shared, 0
    for segment in message:
        if segment.name == outer:
            place = head = {}
        elif segment.name == anchor:
            number += 1
            if head is not None:
                place = {name: [*segments] for name, segments in head.items()}
                found.append(Group(message, anchor, number, place, shared))
        place.setdefault(segment.name, []).append(segment)
    for group in found:
        for name in group.own:
            shared.pop(name, None)
    return found


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
