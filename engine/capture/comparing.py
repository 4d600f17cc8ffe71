"""Whether a captured message does what the sent one does: the same states, effects, amounts and documents but for
stand-ins, moved dates and dropped text. Tells places, never values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple

from engine.deidentify.kinds import DROPPED
from engine.deidentify.shifting import moved
from engine.domain.posting import Document, Stepped
from engine.domain.status import EffectState
from engine.domain.views import EffectView
from engine.pipeline.trial import tree_of

_HOUR = timedelta(hours=1)


class Likeness(NamedTuple):
    """What may differ. `says`: a text with stand-ins; `days`: by which dates moved."""

    says: Callable[[str], str]
    days: tuple[int, ...]

    def alike(self, sent: Any, found: Any) -> bool:
        if sent == found or found == DROPPED:
            return True
        if not isinstance(sent, str) or not isinstance(found, str):
            return False
        return self.says(sent) == found or any(_later(sent, found, days) for days in self.days)


def differences(sent: Stepped, clean: Stepped, likeness: Likeness) -> Iterator[str]:
    """Where they differ, in the order of lines and documents."""
    if sent.state is not clean.state:
        yield f"the message is {clean.state.word}, it was {sent.state.word}"
    for number, (was, now) in enumerate(zip_longest(sent.lines, clean.lines), 1):
        if was is None or now is None or was.state is not now.state or was.stated != now.stated:
            yield f"line {number}"
    for before, after in zip_longest(sent.effects, clean.effects):
        one = before or after
        if before is None or after is None:
            yield f"{one.name} of line {one.line + 1}"
            continue
        fixed = ("line", "destination", "name", "action", "state", "quantity", "measure", "amount")
        if any(getattr(before, name) != getattr(after, name) for name in fixed):
            yield f"{one.name} of line {one.line + 1}"
        elif not likeness.alike(before.cause, after.cause):
            yield f"cause of {one.name} of line {one.line + 1}"
    yield from _documents(sent.documents, clean.documents, likeness)


def _documents(sent: Iterable[Document], clean: Iterable[Document], likeness: Likeness) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for before, after in zip(sent, clean, strict=False):
        seen[before.effect] += 1
        place = f"{before.effect}[{seen[before.effect]}]"
        trees = (bare_tree(before), bare_tree(after))
        yield from _unlike(*trees, place, likeness)


def bare_tree(document: Document) -> Any:
    """A document as tests compare it, with `*` for what is each store's own: its reference, and when it was written."""
    return _starred(tree_of(document.payload), document.reference)


def _starred(tree: Any, reference: str) -> Any:
    match tree:
        case dict():
            return {
                name: "*" if name == "MSH-7" else _starred(below, reference) for name, below in tree.items()
            }
        case list():
            return [_starred(below, reference) for below in tree]
        case _:
            return "*" if tree == reference else tree


def _unlike(sent: Any, found: Any, place: str, likeness: Likeness) -> Iterator[str]:
    if isinstance(sent, dict) and isinstance(found, dict):
        for name in {**sent, **found}:
            if name in sent and name in found:
                yield from _unlike(sent[name], found[name], f"{place}.{name}", likeness)
            else:
                yield f"{place}.{name}"
    elif isinstance(sent, list) and isinstance(found, list) and len(sent) == len(found):
        for number, (one, other) in enumerate(zip(sent, found, strict=True), 1):
            yield from _unlike(one, other, f"{place}[{number}]", likeness)
    elif not likeness.alike(sent, found):
        yield place


def _later(sent: str, found: str, days: int) -> bool:
    if moved(sent, days) == found:
        return True
    try:
        before, after = datetime.fromisoformat(sent), datetime.fromisoformat(found)
        return abs(after - before - timedelta(days)) <= _HOUR  # the clocks may have gone forward between them
    except (ValueError, TypeError):
        return False


def otherwise_in_store(stepped: Stepped, channel: str, effects: Iterable[tuple[str, EffectView]]) -> bool:
    """Whether the store tells other effects of the message than it has by itself. `effects`: with their channels."""
    alone = Counter(
        (stepped.lines[one.line].number, one.destination, one.name, one.action, one.quantity, one.amount,
         one.state is EffectState.HELD)
        for one in stepped.effects
    )  # fmt: skip
    kept = Counter(
        (
            one.number,
            one.destination,
            one.name,
            one.action,
            one.quantity,
            one.amount,
            one.state is EffectState.HELD,
        )
        for name, one in effects
        if name == channel
    )
    return alone != kept
