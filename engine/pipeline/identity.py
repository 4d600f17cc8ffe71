"""Which line is this? Business keys, strong and weak, and how a credit finds what it takes back. Pure.

Rules of money, 2 to 4 and 10. Keys are made of values as sent; an account that was merged is tried under each of
its numbers. What has no id is compared within its channel, by whichever of its feeds it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from engine.domain.event import Fields, Kind, Line, Value
from engine.domain.money import plain
from engine.pipeline.digests import Digester
from engine.site.release import Channel

_PERSON_FIELDS = ("account", "visit", "patient")


class Identity(NamedTuple):
    """`key`: business key (16 bytes). `body`: digest of what was sent for the line, and where it names an account,
    another 16 bytes of that. `finds`: digests under which a
    credit may look for it. `seeks`: for a credit, the digests to look under, one tuple for each way, in order."""

    key: bytes
    strong: bool
    body: bytes
    finds: tuple[bytes, ...]
    seeks: tuple[tuple[bytes, ...], ...]


def is_credit(fields: Fields) -> bool:
    """A credit by its type, or by a negative quantity (domain: credit conventions a, b, c)."""
    quantity = fields.get("quantity")
    return fields.get("credit") is True or (isinstance(quantity, Decimal) and quantity < 0)


def is_void(fields: Fields) -> bool:
    """Whether it never was, or is owed no more."""
    return fields.get("void") is True


def identify(
    digester: Digester, channel: Channel, feed: str, lines: Sequence[Line], names: Fields | None = None
) -> list[Identity]:
    """The identity of each line of one event. `names` replaces account, visit or patient: another of its aliases.

    The ordinal of equal lines is the occurrence number among lines with equal keys, never the position (rule 3).
    """
    seen: dict[bytes, int] = {}
    identities = []
    for line in lines:
        fields = {**line.fields, **names} if names else line.fields
        sent = {name: text for name, text in line.sent if not names or name not in names}
        strong, parts = _key_parts(channel, feed, fields, sent)
        key = digester.digest(*parts)
        if not strong:
            ordinal = seen[key] = seen.get(key, 0) + 1
            key = digester.digest(*parts, str(ordinal)) if ordinal > 1 else key
        identities.append(
            Identity(
                key,
                strong,
                digester.digest("body", *(f"{name}={text}" for name, text in line.sent))
                + _account(digester, fields),
                () if is_credit(fields) else tuple(_find_digests(digester, channel, fields)),
                _seeks(digester, channel, feed, fields) if is_credit(fields) else (),
            )
        )
    return identities


def as_new(digester: Digester, identity: Identity, told: int) -> bytes:
    """The key of a line without an id that is taken as new beside an equal one. `told`: the message that told it."""
    return digester.digest("again", identity.key.hex(), str(told))


def says_same(told: bytes, body: bytes) -> bool:
    """Whether two bodies say the same, and not of two accounts."""
    return told[:16] == body[:16] and (told[16:] == body[16:] or not (told[16:] and body[16:]))


def of_other_account(told: bytes, body: bytes) -> bool:
    """Whether two bodies say the same, but of two accounts."""
    return told[:16] == body[:16] and not says_same(told, body)


def adds_account(told: bytes, body: bytes) -> bool:
    """Whether the second body names an account, and the first none."""
    return bool(body[16:]) and not told[16:]


def _account(digester: Digester, fields: Fields) -> bytes:
    """Of its number alone: feeds name its authority in ways of their own."""
    number = text_of(fields.get("account"))
    return digester.digest("of account", number) if number else b""


def _key_parts(
    channel: Channel, feed: str, fields: Fields, sent: dict[str, str]
) -> tuple[bool, tuple[str, ...]]:
    """(strong, parts). Strong: every `by` field is sent and the read map says where one of them is unique."""
    same = channel.same_line
    texts = [_sent_text(name, fields, sent) for name in same.by]
    unique_per, whose = channel.reader.unique_per, channel.reader.kind
    scope = next((unique_per[name] for name in same.by if name in unique_per), None)
    if scope is None and whose in (Kind.ENCOUNTER, Kind.MERGE):
        scope = "facility"  # one stay is not discharged twice at one moment
    if scope is not None and all(texts):
        return True, ("strong", *_scope_parts(scope, feed, fields), *texts)
    whole = channel.reader.lines == "snapshot"  # all that it says may be blank, and is the line all the same
    names = same.otherwise if scope is not None or not (whole or all(texts)) else same.by
    if not names:
        names = tuple(sorted({*sent, *(name for name in _PERSON_FIELDS if fields.get(name))}))
    return False, ("weak", channel.name, *(f"{name}={_sent_text(name, fields, sent)}" for name in names))


def _scope_parts(scope: str, feed: str, fields: Fields) -> tuple[str, ...]:
    match scope:
        case "facility":
            return ("facility", text_of(fields.get("facility")))
        case "day":
            return ("day", feed, text_of(fields.get("used_on") or fields.get("ordered_on")))
        case _:
            return ("feed", feed)


def _seeks(digester: Digester, channel: Channel, feed: str, fields: Fields) -> tuple[tuple[bytes, ...], ...]:
    """Where a credit looks, way by way. One that names its original (`reverses_id`) means that one and no other: it
    is looked up as the key of the line that had that id."""
    ways = [names for names in channel.credit_finds if all(text_of(fields.get(name)) for name in names)]
    if any("reverses_id" in names for names in ways):
        return ((_key_of_reversed(digester, channel, feed, fields),),)
    return tuple((_find_digest(digester, names, channel, fields),) for names in ways)


def _key_of_reversed(digester: Digester, channel: Channel, feed: str, fields: Fields) -> bytes:
    id_field = channel.same_line.by[0]
    scope = channel.reader.unique_per.get(id_field, "feed")
    return digester.digest("strong", *_scope_parts(scope, feed, fields), text_of(fields["reverses_id"]))


def _find_digests(digester: Digester, channel: Channel, fields: Fields) -> Iterable[bytes]:
    for names in channel.credit_finds:
        if "reverses_id" not in names and all(text_of(fields.get(name)) for name in names):
            yield _find_digest(digester, names, channel, fields)


def _find_digest(digester: Digester, names: Sequence[str], channel: Channel, fields: Fields) -> bytes:
    return digester.digest("find", channel.name, *(f"{name}={text_of(fields.get(name))}" for name in names))


def _sent_text(name: str, fields: Fields, sent: dict[str, str]) -> str:
    text = sent.get(name)
    return text if text is not None else text_of(fields.get(name))


def text_of(value: Value | object) -> str:
    """A field value as stable text; '' when missing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
