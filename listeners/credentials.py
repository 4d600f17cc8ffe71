"""What an HTTP sender must show: Basic user and password, or a bearer token (RFC 7617, RFC 6750).

Compares in constant time and never shows a secret; where secrets come from is `engine.security`'s affair.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol


class Verdict(Enum):
    """What a signed token is good for."""

    OPENS = auto()
    LACKS_SCOPE = auto()
    NO = auto()


class Judge(Protocol):
    """Knows signed tokens."""

    def judge(self, token: bytes) -> Verdict: ...

    def subject(self, token: bytes) -> str | None:
        """Whom a token that opens is of, when it says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Any one of these opens. Several of a kind, so that a secret is changed without a gap.

    `basic`: password by user; `bearer`: tokens; `signed`: judges those that are signed. With none of them, nobody
    is let in."""

    basic: Mapping[str, str] = field(default_factory=dict, repr=False)
    bearer: tuple[str, ...] = field(default=(), repr=False)
    signed: Judge | None = field(default=None, repr=False)

    @property
    def challenges(self) -> tuple[bytes, ...]:
        """The `WWW-Authenticate` values of a 401."""
        basic = (b'Basic realm="hl7", charset="UTF-8"',) if self.basic else ()
        bearer = (b'Bearer realm="hl7"',) if self.bearer or self.signed else ()
        return basic + bearer or (b'Bearer realm="hl7"',)

    def lacks_scope(self, authorization: bytes | None) -> bool:
        """Whether it is a good token that may not do what is done here."""
        scheme, _, shown = (authorization or b"").strip().partition(b" ")
        if self.signed is None or scheme.lower() != b"bearer":
            return False
        return self.signed.judge(shown.strip()) is Verdict.LACKS_SCOPE

    def admit(self, authorization: bytes | None) -> bool:
        """Whether the value of an `Authorization` header opens."""
        scheme, _, shown = (authorization or b"").strip().partition(b" ")
        match scheme.lower():
            case b"basic":
                pairs = (f"{user}:{password}".encode() for user, password in self.basic.items())
                return _one_of(_decoded(shown.strip()), pairs)
            case b"bearer" if self.signed is not None and self.signed.judge(shown.strip()) is Verdict.OPENS:
                return True
            case b"bearer":
                return _one_of(shown.strip(), (token.encode() for token in self.bearer))
        return False

    def sender(self, authorization: bytes | None) -> str | None:
        """Who shows a value that opens, as the credentials know them: a user, or the subject of a signed token."""
        scheme, _, shown = (authorization or b"").strip().partition(b" ")
        if scheme.lower() == b"basic":
            user = _decoded(shown.strip()).partition(b":")[0]
            return f"user {user.decode('utf-8', 'replace')}"
        subject = self.signed.subject(shown.strip()) if self.signed is not None else None
        return f"subject {subject}" if subject else None


def _decoded(shown: bytes) -> bytes:
    try:
        return base64.b64decode(shown, validate=True)
    except binascii.Error:
        return b""


def _one_of(shown: bytes, secrets: Iterable[bytes]) -> bool:
    """Digests are compared, all of them: neither length nor position shows in the time it takes."""
    digest = hashlib.sha256(shown).digest()
    equal = sum(hmac.compare_digest(digest, hashlib.sha256(secret).digest()) for secret in secrets)
    return shown != b"" and equal > 0
