"""Character sets: what MSH-18 or HTTP names → Python codecs, and bytes → text. Never guesses over a stated
set.

Source: HL7 table 0211, and what senders do: say nothing, or say ASCII, and send UTF-8 or Windows-1252; say
8859/1 and mean Windows-1252. UTF-16 is seen from the bytes, since many a sender that says UNICODE means
UTF-8.
"""

from __future__ import annotations

import codecs
from functools import lru_cache

from engine.errors import MessageError

UNSTATED = ("utf-8", "cp1252")
"""Tried in turn when nobody says, or MSH-18 says ASCII and the bytes are not."""

_TABLE_0211: dict[str, tuple[str, ...]] = {
    "8859/1": ("cp1252", "iso8859-1"),
    **{f"8859/{part}": (f"iso8859-{part}",) for part in (2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE UTF-8": ("utf-8",),
    "UNICODE UTF-16": ("utf-8",),
    "UTF8": ("utf-8",),
    "ISO IR6": UNSTATED,
    "ISO IR13": ("iso2022_jp_ext",),
    "ISO IR14": ("iso2022_jp_ext",),
    "ISO IR87": ("iso2022_jp",),
    "ISO IR159": ("iso2022_jp_ext",),
    "JIS X 0202": ("iso2022_jp_ext",),
    "GB 18030-2000": ("gb18030",),
    "KS X 1001": ("euc_kr",),
    "BIG-5": ("big5",),
}
_UNSTATED_NAMES = ("", "ASCII", "US-ASCII")
_AMBIGUOUS = "UNICODE"

_PLAIN_CODECS = frozenset(
    {
        "utf-8",
        "gb18030",
        "gbk",
        "gb2312",
        "big5",
        "cp950",
        "euc_kr",
        "euc_jp",
        "iso2022_jp",
        "shift_jis",
        "cp932",
    }
    | {f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))}
    | {f"cp125{part}" for part in range(9)}
    | {"koi8-r"}
)
"""What an IANA name may lead to. Python knows codecs that are no character sets; none of them is let in."""

_WIDE_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


@lru_cache(maxsize=256)
def codecs_for(charset: str | None, declared: str, default: str | None) -> tuple[str, ...]:
    """Python codecs to try in turn; empty when the name is not known.

    `charset`: HTTP's, wins when given. `declared`: MSH-18 with `~` between repetitions; the first that says
    more than ASCII counts, since ISO 2022 switches to the others by escapes that its codec knows. `default`:
    the feed's own, for a message that states none or says only `UNICODE`.
    """
    if charset:
        return _named(charset)
    names = [" ".join(name.upper().split()) for name in declared.split("~")]
    stated = next((name for name in names if name not in _UNSTATED_NAMES), "")
    if stated == _AMBIGUOUS:
        return _named(default or "UTF-8")
    if stated:
        return _named(stated)
    return _named(default) if default else UNSTATED


def codec_of(name: str) -> str | None:
    """The Python codec of an HL7 or IANA name of a character set, or None when it is not known."""
    return next(iter(_named(name)), None)


def _named(name: str) -> tuple[str, ...]:
    known = " ".join(name.upper().split())
    if known in _UNSTATED_NAMES:
        return UNSTATED
    if known in _TABLE_0211:
        return _TABLE_0211[known]
    if known in ("UTF-16", "UTF-16LE", "UTF-16BE"):
        return ("utf-8",)  # bytes that are UTF-16 are seen by `wide_codec` before anybody asks
    try:
        codec = codecs.lookup(name.strip()).name
    except (LookupError, ValueError):
        return ()
    if codec in ("iso8859-1", "cp1252"):
        return _TABLE_0211["8859/1"]
    return (codec,) if codec in _PLAIN_CODECS else ()


def wide_codec(raw: bytes) -> str | None:
    """The UTF-16 codec of bytes that begin like an HL7 message in it, else None."""
    if (mark := raw[:2]) in _WIDE_MARKS:
        return _WIDE_MARKS[mark]
    if mark[1:] == b"\0" and mark[:1] != b"\0":
        return "utf-16-le"
    return "utf-16-be" if mark[:1] == b"\0" and mark[1:] not in (b"", b"\0") else None


def is_plain(raw: bytes) -> bool:
    """Whether these bytes are the same text in every character set here but UTF-16: ASCII, no ISO 2022
    escapes."""
    return raw.isascii() and b"\x1b" not in raw


def decode(raw: bytes, candidates: tuple[str, ...]) -> tuple[str, str]:
    """Text, and the codec that gave it. Raises `MessageError`: HL7005 no codec is known, HL7004 none fits."""
    if not candidates:
        raise MessageError(
            "HL7005",
            "the character set that the message names is not known",
            where="MSH-18",
            mend="name one of HL7 table 0211, such as UNICODE UTF-8 or 8859/1",
            hl7_code=103,
        )
    place = 0
    for codec in candidates:
        try:
            return raw.decode(codec), codec
        except UnicodeDecodeError as error:
            place = error.start + 1
    raise MessageError(
        "HL7004",
        f"byte {place} of {len(raw)} is no {candidates[-1]}",
        where="MSH-18",
        mend="name the character set that is sent in MSH-18, or set the listener's default_charset",
        hl7_code=102,
    )
