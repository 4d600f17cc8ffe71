"""Lines that are told whole each time: saves of a case, and stays. What holds now is compared with what was posted.

Rules of money, 20 to 22. A line that a newer save leaves out is taken back, one that it changes is corrected, an older
save that comes late is ignored. A stay is folded by when things happened, so that no message of it is late. The newest
message takes the place of whatever older ones left held or waiting: one line is open once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from engine.domain.encounter import CANCELLED
from engine.domain.event import Kind, Line
from engine.domain.posting import Original, Sighting
from engine.domain.status import LineState
from engine.pipeline.cases import waits_for_account
from engine.pipeline.changing import OPEN, as_posted, compare, halves, stale_of
from engine.pipeline.context import Context
from engine.pipeline.corroborating import seen_anew, told_no_more
from engine.pipeline.dues import INTERFACE, Hold, Judged, Owed, judged_by
from engine.pipeline.holding import held_anew, hold_all, unreadable
from engine.pipeline.identity import Identity, is_credit, is_void
from engine.pipeline.owing import owed
from engine.pipeline.reading import ChannelRead
from engine.pipeline.repeats import Earlier

LEFT_OUT = "left out of a newer save"
TO_DECIDE = "the stay is cancelled"


def with_left_out(context: Context, part: ChannelRead) -> ChannelRead:
    """The event with the lines of its case that this save leaves out. Their numbers follow those of the save, in the
    order in which the case ever had them: the same ones whenever the step is run again."""
    if part.case is None or newer_save(context, part) is not None:
        return part
    stands = {key for key, found in context.of_case.items() if any(_stands(context, one) for one in found)}
    first = len(part.event.lines) + 1
    gone = [
        (Line(first + place, part.event.header, ()), Identity(key, True, b"", (), ()))
        for place, key in _left_out(context, part)
        if key in stands
    ]
    if not gone:
        return part
    lines, identities = zip(*gone, strict=True)
    event = part.event._replace(lines=(*part.event.lines, *lines))
    return part._replace(event=event, identities=(*part.identities, *identities), left_out=len(lines))


def unseen(context: Context, part: ChannelRead) -> list[Sighting]:
    """Lines that this save leaves out are told no more, to whoever compares feeds."""
    if part.case is None or newer_save(context, part) is not None:
        return []
    return [one for _, key in _left_out(context, part) for one in told_no_more(context, key)]


def _left_out(context: Context, part: ChannelRead) -> Iterable[tuple[int, bytes]]:
    """Keys of lines that the case ever had and this save does not tell, with their places among all."""
    save = context.facts.saves.get(part.case) if part.case is not None else None
    told = {identity.key for identity in part.identities}
    told |= {identity.key for other in context.others for identity in other}
    return [(place, key) for place, key in enumerate(save.keys if save else ()) if key not in told]


def _stands(context: Context, original: Original) -> bool:
    """Whether something of it is there, on its way, held or waiting."""
    inbound = context.read.inbound
    mine = original.without(inbound.id, inbound.replays)
    if original.delivery_id is None:
        return original.state in OPEN
    waits = any(one.state in OPEN for one in (*mine.reversals, *mine.held))
    return waits or mine.stands


def newer_save(context: Context, part: ChannelRead) -> str | None:
    """Which message told a newer save of the case; None: this is the newest."""
    save = context.facts.saves.get(part.case) if part.case is not None else None
    if save is None or (save.at_us, save.message) <= (part.saved_us, context.read.inbound.told):
        return None
    return f"an older save than message {save.message}"


def judge_whole(
    context: Context,
    part: ChannelRead,
    index: int,
    names: dict[str, object],
    because: str | None,
    earlier: Earlier,
) -> Judged:
    """What becomes of a line, against what was posted of it. `because`: why the channel leaves it out, if it does."""
    line, identity = part.event.lines[index], part.identities[index]
    if context.channel.reader.kind is Kind.ENCOUNTER and _cancelled(context):
        return Judged(LineState.FILTERED, TO_DECIDE)  # rules of money, 11: a person decides
    for number, body in earlier.posts(identity):
        if body == identity.body:
            return Judged(LineState.DUPLICATE, f"told by line {number}")
        hold = Hold(INTERFACE, "one id with two contents in a message")
        return hold_all(context, line, identity, hold, owns=False)
    known = context.known(index, identity)
    stale = stale_of(context, known)
    posted = as_posted(known, stale)
    left_out = index >= len(part.event.lines) - part.left_out
    fault = None if left_out or because is not None else _fault(context, part, line, names)
    if fault is not None:
        verdict = held_anew(context, line, identity, Hold(INTERFACE, fault), posted)
    else:
        nothing = left_out or because is not None or is_void(line.fields) or line.fields.get("quantity") == 0
        verdict = _judged(context, line, identity, names, posted, nothing, because or LEFT_OUT)
    return verdict._replace(withdraws=stale)


def _judged(
    context: Context,
    line: Line,
    identity: Identity,
    names: dict[str, object],
    posted: Sequence[Original],
    nothing: bool,
    because: str,
) -> Judged:
    base = dict(names)
    owes = Owed(skipped=because) if nothing else owed(context, line, identity.key, 1, names)
    seen = seen_anew(context, identity.key, owes.sightings)
    dues = owes.dues
    if posted:
        changes = compare(context, line, base, posted, owes.dues, again=True)
        dues = tuple(due for change in changes for due in halves(change))
    if dues:
        return judged_by(dues)._replace(sightings=seen)
    stands = next((original for original in posted if original.stands), None)
    if stands is None or context.channel.reader.kind is Kind.ENCOUNTER:
        return Judged(LineState.FILTERED, owes.why_nothing, sightings=seen)
    told = f"as message {stands.message_id}, line {stands.number} posted it"
    return Judged(LineState.DUPLICATE, told, sightings=seen)


def _fault(context: Context, part: ChannelRead, line: Line, names: dict[str, object]) -> str | None:
    """Why the line cannot be compared."""
    cause = unreadable(context, line) or waits_for_account(context.channel, names)
    if cause is not None:
        return cause
    if context.channel.reader.kind is Kind.ENCOUNTER:
        return None if line.fields.get("account") else "account missing"
    if part.case is None:
        return "case missing"
    if is_credit(line.fields):
        return "a credit in a save, which tells what holds"
    known = is_void(line.fields) or isinstance(line.fields.get("quantity"), Decimal)
    return None if known else "quantity missing"


def _cancelled(context: Context) -> bool:
    return context.encounter is not None and context.encounter.state == CANCELLED
