"""What a notification of a subscription says, in any of its three forms. Pure.

R4 with the backport: a Bundle `history` that begins with Parameters; R4B: one that begins with a SubscriptionStatus;
R5: a Bundle `subscription-notification`. Source: HL7 Subscriptions R5 Backport, notifications; FHIR R5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from engine.codecs.fhir.body import Entry, Tree

TYPES = ("handshake", "heartbeat", "event-notification", "query-status", "query-event")
LONGEST_NAME = 200
LARGEST = 10**15


class Notification(NamedTuple):
    """`type`: one of `TYPES`. `subscription`: as the sender calls it. `events`: numbers of those that it tells of;
    `total`: how many there were since the subscription began, or None."""

    type: str
    subscription: str
    events: tuple[int, ...]
    total: int | None


def notification_of(bundle: Tree, entries: Sequence[Entry]) -> Notification | None:
    """None: the Bundle is no notification."""
    if bundle.get("type") not in ("history", "subscription-notification") or not entries:
        return None
    status = entries[0].tree.get("resource")
    if not isinstance(status, dict):
        return None
    match status.get("resourceType"):
        case "SubscriptionStatus":
            events = status.get("notificationEvent")
            told = [one.get("eventNumber") for one in _dicts(events)]
            name, kind, total = (
                _reference(status.get("subscription")),
                status.get("type"),
                status.get("eventsSinceSubscriptionStart"),
            )
        case "Parameters":
            parts = dict(_values(status.get("parameter")))
            told = [
                dict(_values(one.get("part"))).get("event-number")
                for one in _dicts(status.get("parameter"))
                if one.get("name") == "notification-event"
            ]
            name, kind = _reference(parts.get("subscription")), parts.get("type")
            total = parts.get("events-since-subscription-start")
        case _:
            return None
    if kind not in TYPES:
        return None
    numbers = (_number(one) for one in told)
    return Notification(str(kind), name, tuple(sorted({one for one in numbers if one})), _number(total))


def _dicts(value: Any) -> list[Tree]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _values(parameters: Any) -> Iterator[tuple[Any, Any]]:
    """(name, value) of parameters."""
    for one in _dicts(parameters):
        value = next((value for key, value in one.items() if key.startswith("value")), None)
        yield str(one.get("name")), value


def _reference(value: Any) -> str:
    told = value.get("reference") if isinstance(value, dict) else value
    name = told if isinstance(told, str) else ""
    return name[:LONGEST_NAME] if name.isprintable() else ""


def _number(value: Any) -> int | None:
    """A number as JSON has it, or as a text: the forms differ."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 15:
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < LARGEST else None
