"""Bearer tokens that are signed: JWTs of an authorization server, by its public keys or a shared secret (RFC 7519).

A token opens when its signature, expiry, audience and issuer are right; whether it may do what it asks is its scopes'
affair. Nothing of a token is ever told. Keys are read again when a token names one that is not known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jwt

from engine.errors import UsageError
from engine.site.release import SignedTokens
from listeners.credentials import Verdict

LEEWAY = 30
"""Seconds by which clocks may differ."""

_SHARED = ["HS256", "HS384", "HS512"]
_PUBLIC = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
"""Never both: a public key must not be taken for a shared secret."""

_UNFIT = (jwt.PyJWTError, UnicodeDecodeError, OSError, UsageError)


class TokenGate:
    """Judges the tokens of one listener. Raises `UsageError` LST041 when its keys cannot be read."""

    def __init__(self, feed: str, rules: SignedTokens) -> None:
        self._feed = feed
        self._rules = rules
        self._changed = 0
        self._keys: dict[str, Any] = {}
        if rules.keys is not None:
            self._keys = self._read(rules.keys)

    def judge(self, token: bytes) -> Verdict:
        try:
            claims = self._claims(token.decode("ascii"))
        except _UNFIT:
            return Verdict.NO
        told = claims.get("scope", claims.get("scp", ""))
        scopes = set(told.split()) if isinstance(told, str) else {str(one) for one in told}
        return Verdict.OPENS if scopes.issuperset(self._rules.scopes) else Verdict.LACKS_SCOPE

    def subject(self, token: bytes) -> str | None:
        try:
            subject = self._claims(token.decode("ascii")).get("sub")
        except _UNFIT:
            return None
        return subject if isinstance(subject, str) else None

    def _claims(self, token: str) -> dict[str, Any]:
        rules = self._rules
        key, algorithms = (rules.secret, _SHARED) if rules.secret is not None else (self._key(token), _PUBLIC)
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=rules.audience,
            issuer=rules.issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "aud"]},
        )

    def _key(self, token: str) -> Any:
        """Of the name in its header; the only one when it names none."""
        name = jwt.get_unverified_header(token).get("kid")
        if name is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        path = self._rules.keys
        if name not in self._keys and path is not None and path.stat().st_mtime_ns != self._changed:
            self._keys = self._read(path)
        if name not in self._keys:
            raise jwt.InvalidKeyError
        return self._keys[name]

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            self._changed = path.stat().st_mtime_ns
            found = jwt.PyJWKSet.from_dict(json.loads(path.read_bytes()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError) as error:
            what = f"feed {self._feed}: the file of token keys cannot be used ({type(error).__name__})"
            raise UsageError("LST041", what, "save the authorization server's JWKS there") from None
        return {one.key_id or "": one.key for one in found.keys if one.key_type != "oct"}
