"""Credits that meet what has not left yet: both are cancelled (rules of money, 10). Pure.

A document is cancelled whole or not at all, since what was written never changes: where it carries lines that nobody
takes back, the reversal waits until it is delivered. Both keep their keys, so that either, told again, is a duplicate.
Whether the document is still there is decided by the commit (`Relied`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.pipeline.dues import Due
from engine.pipeline.reversing import leaves_with

NEVER_LEFT = "taken back before it left"


def pair(dues: Sequence[Due]) -> list[Due]:
    """The same dues, those that cancel their original marked, and what takes its place free to go."""
    whole: dict[int, set[int]] = {}
    shares: dict[int, int] = {}
    for due in dues:
        original = due.original
        if due.waits and original and original.delivery_id and leaves_with(original, due.quantity):
            whole.setdefault(original.delivery_id, set()).add(original.effect_id)
            shares[original.delivery_id] = original.shares
    gone = {delivery for delivery, effects in whole.items() if len(effects) == shares[delivery]}
    if not gone:
        return list(dues)
    return [_freed(due, gone) if due.waits else due for due in dues]


def _freed(due: Due, gone: set[int]) -> Due:
    """What waits for a document that is cancelled need not leave; what takes its place need not wait."""
    if due.original is not None:
        return cancelled(due) if due.original.delivery_id in gone else due
    return replace(due, waits=False) if due.corrects and due.corrects.delivery_id in gone else due


def cancelled(due: Due) -> Due:
    """A reversal that need not leave, since its original will not."""
    return replace(due, hold=None, waits=False, cancelled=NEVER_LEFT)
