"""What one line owes: an effect at a destination, to post, to reverse, or to hold. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from engine.domain.posting import Action, Original, Sighting
from engine.domain.status import LineState
from engine.site.release import EffectRule

INTERFACE = "interface"
"""Owner of what no table row mends and no rule names an owner for."""


CORROBORATES = "corroborates"
"""Why a line posts nothing whose fact another feed owns."""


class Hold(NamedTuple):
    """Why it waits. `cause` groups on the worklist: code and table keys, never patient data."""

    owner: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One effect of one line, or of one `part` of it, where a table gives it several.

    `names`: what its map may refer to. `amount` is signed; None: unpriced or far end's.

    `original` is set for a reversal. `corrects`, for both halves of a correction, is the original that it corrects:
    what is posted in its place leaves after the reversal. `owns` False: another effect holds the key, this one is held
    beside it. `waits`: its original is on its way, it goes by itself when that is settled. `cancelled`: why it is not
    to come, since its original is cancelled before it left.
    """

    number: int
    rule: EffectRule
    action: Action
    key: bytes
    version: int
    quantity: Decimal | None
    amount: Decimal | None
    names: dict[str, object]
    original: Original | None = None
    corrects: Original | None = None
    hold: Hold | None = None
    owns: bool = True
    waits: bool = False
    cancelled: str = ""
    part: str = ""

    @property
    def moves(self) -> bool:
        """Whether a document is to carry it now."""
        return self.hold is None and not self.waits and not self.cancelled

    @property
    def is_new(self) -> bool:
        """Whether it posts what nobody told before."""
        return self.action is Action.POST and self.owns and self.corrects is None


class Judged(NamedTuple):
    """What became of a line: its state with the reason, and what it owes. `withdraws`: effects of older tellings that
    it takes the place of. `takes_back`: number of a line of its own message, and how much of it, as sent."""

    state: LineState
    reason: str
    dues: tuple[Due, ...] = ()
    withdraws: tuple[int, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    takes_back: tuple[int, Decimal] | None = None


def judged_by(dues: tuple[Due, ...]) -> Judged:
    """A line that owes something: held when all of it is, for the first cause."""
    held = [due.hold.cause for due in dues if due.hold is not None]
    if len(held) == len(dues):
        return Judged(LineState.HELD, held[0], dues)
    return Judged(LineState.POSTED, "", dues)


class Owed(NamedTuple):
    """What a line owes by the tables. `skipped`: why a table leaves it out, if one does. `sightings`: what it tells of
    uses that other feeds tell of, too, whether it owes them or not."""

    dues: tuple[Due, ...] = ()
    skipped: str = ""
    sightings: tuple[Sighting, ...] = ()

    @property
    def why_nothing(self) -> str:
        """Of a line that owes nothing."""
        tells = any(one.quantity is not None for one in self.sightings)
        return CORROBORATES if tells else self.skipped or "no effect is due"
