"""Signed tokens: what opens, what lacks a scope, and every way in which one is no good."""

from __future__ import annotations

import base64
import hmac
import json
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from engine.errors import UsageError
from engine.site.release import SignedTokens
from listeners.credentials import Credentials, Verdict
from listeners.tokens import TokenGate

SECRET = "a secret that is long enough for its hash, 64 characters of it.."
HERE = "https://suture.example.org/fhir"
KEY, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def claims(**more) -> dict:
    given = {
        "aud": HERE,
        "exp": time.time() + 60,
        "iss": "https://auth",
        "scope": "system/A.write system/B.read",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def rules(**more) -> SignedTokens:
    return SignedTokens(**{"audience": HERE, "secret": SECRET, "issuer": "https://auth", **more})


def shared(secret: str = SECRET, **more) -> bytes:
    return jwt.encode(claims(**more), secret, "HS256").encode()


def jwks(path: Path, **keys) -> Path:
    told = [
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": name}
        for name, key in keys.items()
    ]
    path.write_text(json.dumps({"keys": told}))
    return path


def signed(key=KEY, kid: str | None = "k1", **more) -> bytes:
    return jwt.encode(claims(**more), key, "RS256", {"kid": kid} if kid else None).encode()


def test_a_token_of_the_shared_secret_opens():
    gate = TokenGate("lab", rules(scopes=frozenset({"system/A.write"})))
    assert gate.judge(shared()) is Verdict.OPENS
    assert gate.judge(shared(scope=None, scp=["system/A.write"])) is Verdict.OPENS
    assert gate.judge(shared(scope="system/B.read")) is Verdict.LACKS_SCOPE
    assert gate.judge(shared(scope=None)) is Verdict.LACKS_SCOPE


@pytest.mark.parametrize(
    "token",
    [
        shared(exp=time.time() - 60),
        shared(exp=None),
        shared(aud="https://other"),
        shared(aud=None),
        shared(iss="https://other"),
        shared(nbf=time.time() + 120),
        shared(SECRET[::-1]),
        jwt.encode(claims(), None, "none").encode(),
        signed(),
        shared()[:-4],
        b"",
        b"x.y.z",
        b"\xff",
    ],
)
def test_what_is_no_good_does_not_open(token):
    assert TokenGate("lab", rules()).judge(token) is Verdict.NO


def test_a_token_of_the_servers_keys_opens(tmp_path):
    gate = TokenGate("lab", rules(secret=None, keys=jwks(tmp_path / "k.json", k1=KEY)))
    assert gate.judge(signed()) is Verdict.OPENS
    assert gate.judge(signed(kid=None)) is Verdict.OPENS
    assert gate.judge(signed(OTHER)) is Verdict.NO
    assert gate.judge(signed(OTHER, "k2")) is Verdict.NO


def test_a_public_key_is_no_shared_secret(tmp_path):
    gate = TokenGate("lab", rules(secret=None, keys=jwks(tmp_path / "k.json", k1=KEY)))
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = [json.dumps(one).encode() for one in ({"alg": "HS256", "kid": "k1"}, claims())]
    told = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mark = base64.urlsafe_b64encode(hmac.digest(public, told, "sha256")).rstrip(b"=")
    forged = told + b"." + mark
    assert gate.judge(forged) is Verdict.NO


def test_new_keys_are_read_when_a_token_names_one(tmp_path):
    path = jwks(tmp_path / "k.json", k1=KEY)
    gate = TokenGate("lab", rules(secret=None, keys=path))
    jwks(path, k1=KEY, k2=OTHER)
    assert gate.judge(signed(OTHER, "k2")) is Verdict.OPENS
    path.unlink()
    assert gate.judge(signed(OTHER, "k3")) is Verdict.NO


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"keys": [{"kty": "x"}]}'])
def test_keys_that_cannot_be_used_are_told_at_the_start(tmp_path, text):
    path = tmp_path / "k.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match="LST041"):
        TokenGate("lab", rules(secret=None, keys=path))


def test_credentials_take_either():
    credentials = Credentials(basic={"lab": "demo"}, signed=TokenGate("lab", rules(scopes=frozenset({"x"}))))
    good, poor = b"Bearer " + shared(scope="x"), b"Bearer " + shared()
    assert credentials.admit(good)
    assert not credentials.admit(poor)
    assert credentials.lacks_scope(poor)
    assert not credentials.lacks_scope(b"Bearer x")
    assert credentials.admit(b"Basic bGFiOmRlbW8=")
    assert len(credentials.challenges) == 2
    assert SECRET not in repr(credentials)
