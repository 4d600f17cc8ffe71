"""Keyed digests: business keys, fact keys, lanes and search columns. Pure; patient identifiers go in, none comes out.

Every digest is keyed with the store's own random key, so that an account number cannot be guessed from a hot row.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable
from hashlib import blake2b

_SEPARATOR = "\x1f"
_LANE_BITS = (1 << 63) - 1


class Digester:
    """Digests under one key (16 to 64 bytes)."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, *parts: str) -> bytes:
        """16 bytes that stand for `parts`, in order."""
        return blake2b(_SEPARATOR.join(parts).encode(), digest_size=16, key=self._key).digest()

    def part(self, key: bytes, part: str) -> bytes:
        """What stands for one part of a line; the line's own key where it has none."""
        return self.digest("part", key.hex(), part) if part else key

    def person(self, kind: str, authority: str, identifier: str) -> bytes:
        """Digest of an account, visit or patient number. `kind`: account | visit | patient."""
        return self.digest("person", kind, authority, identifier)

    def lane(self, *parts: str) -> int:
        """63-bit lane number."""
        raw = blake2b(_SEPARATOR.join(parts).encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(raw) & _LANE_BITS

    def reference(self, destination: str, effect: str, action: int, keys: Iterable[tuple[bytes, int]]) -> str:
        """A document's reference: 16 characters (A-Z, 2-7) from the keys and versions of its lines, order apart.

        Sixteen is what the narrowest far end holds (SAP's ReferenceDocument).
        """
        state = blake2b(
            f"{destination}{_SEPARATOR}{effect}{_SEPARATOR}{action}".encode(), digest_size=10, key=self._key
        )
        for key, version in sorted(keys):
            state.update(key)
            state.update(version.to_bytes(4))
        return b32encode(state.digest()).decode("ascii")


def control_digests(sender: tuple[str, ...], control_id: bytes, raw: bytes) -> tuple[bytes, bytes]:
    """(key, body) by which a repeated MSH-10 is known. The body leaves MSH-7 out (rules of money, 29)."""
    key = blake2b(_SEPARATOR.join(sender).encode() + b"\x1f" + control_id, digest_size=16).digest()
    start, end = _msh7_span(raw)
    body = blake2b(raw[:start], digest_size=16)
    body.update(raw[end:])
    return key, body.digest()


def _msh7_span(raw: bytes) -> tuple[int, int]:
    """Where the text of MSH-7 stands; (0, 0) when the header is too short to have one."""
    start = raw.find(b"MSH")
    if start < 0 or len(raw) <= start + 3:
        return 0, 0
    separator = raw[start + 3 : start + 4]
    position = start + 3
    for _ in range(5):  # MSH-2 … MSH-6
        position = raw.find(separator, position + 1)
        if position < 0:
            return 0, 0
    end = raw.find(separator, position + 1)
    line_end = raw.find(b"\r", position + 1)
    if end < 0 or 0 <= line_end < end:
        end = line_end if line_end >= 0 else len(raw)
    return position + 1, end
