"""`config/env/NAME.yaml`: ports, addresses and secrets of one environment. Not a part of the release's
hash."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from engine.site.schema.base import Duration, Model, Name, Text, mistake, setting

Port = Annotated[int, Field(ge=0, le=65535)]
Url = Annotated[
    str, StringConstraints(pattern=r"^(https?://[^\s/]+(/[^\s]*)?|mllp://[^\s/]+:[0-9]+|file:[^\s].*)$")
]
SftpUrl = Annotated[str, StringConstraints(pattern=r"^sftp://[^\s/@:]+@[^\s/@:]+(:[0-9]{1,5})?/[^\s]*$")]
StorePlace = Annotated[str, StringConstraints(pattern=r"^sqlite:[^\s].*$")]


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise mistake("is no network", "write an address, or a network such as 10.20.0.0/16") from None
    return text


Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$")]


class TlsPlaceFile(Model):
    """TLS 1.2 and newer. Paths are PEM files, from the site's folder or from the root."""

    certificate: Text = setting("The listener's certificate, with its chain.", example="/run/tls/ehr.pem")
    key: Text = setting("Its private key.", example="/run/tls/ehr.key")
    clients: Text | None = setting(
        "Certificates of the authority whose clients may connect; left out: by fingerprint only, or anyone.",
        example="/run/tls/feeds-ca.pem",
        default=None,
    )
    fingerprints: list[Fingerprint] = setting(
        "SHA-256 fingerprints of the client certificates that may connect; empty: any of the authority.",
        example='["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]',
        default=[],
    )


class BearerFile(Model):
    """Signed tokens (JWT) of an authorization server: signature, expiry, audience, issuer and scopes are looked at."""

    keys: Text | None = setting(
        "The server's public keys, a JWKS file, from the site's folder or from the root.",
        example="/run/keys/jwks.json",
        default=None,
    )
    secret: Text | None = setting(
        "In place of keys: the secret that the server shares.", example="${secret:lab-jwt}", default=None
    )
    audience: Text = setting("Whom a token must be meant for.", example="https://suture.example.org/fhir")
    issuer: Text | None = setting(
        "Who must have given it; left out: whoever has the keys.",
        example="https://auth.example.org",
        default=None,
    )
    scopes: list[Text] = setting(
        "Scopes that a token must have, all of them.", example="[system/ChargeItem.write]", default=[]
    )


class FetchFile(Model):
    """Files that are brought into the folder from an SFTP server, and removed there once they are on our disk."""

    from_: SftpUrl = setting(
        "Its folder: sftp://USER@HOST/FOLDER, with :PORT where it is not 22; /~/FOLDER begins at the user's home.",
        example="sftp://suture@files.example.org/out/nightly",
        unit="URL",
        alias="from",
    )
    known_hosts: Text = setting(
        "File with the server's host key, as OpenSSH writes it (ssh-keyscan). Another key is refused.",
        example="/run/keys/known_hosts",
    )
    key: Text | None = setting(
        "Private key of the user, in OpenSSH's format and without a passphrase.",
        example="/run/keys/nightly",
        default=None,
    )
    password: Text | None = setting(
        "In place of a key: the user's password.", example="${secret:nightly}", default=None
    )
    every: Duration = setting("How often to look.", example="5m", default=60.0)


class ListenerPlaceFile(Model):
    """Where a listener listens, and who may send."""

    host: Text = setting("Address to listen on.", example="0.0.0.0", default="127.0.0.1")
    port: Port | None = setting(
        "Port to listen on; 0: any free one. A folder has none.",
        example="2575",
        unit="TCP port",
        default=None,
    )
    folder: Text | None = setting(
        "Where the files of a folder are dropped, from the site's folder or from the root; it must exist.",
        example="/srv/in/nightly",
        default=None,
    )
    fetch: FetchFile | None = setting(
        "From which SFTP server files are brought into the folder; left out: others drop them there.",
        example='{from: "sftp://suture@files.example.org/out", key: /run/keys/k, known_hosts: /run/keys/known_hosts}',
        default=None,
    )
    user: Text | None = setting("User of HTTP Basic; left out: anyone may send.", example="ehr", default=None)
    password: Text | None = setting("Password of HTTP Basic.", example="${secret:ehr-http}", default=None)
    bearer: BearerFile | None = setting(
        "Signed tokens that open it, beside or in place of user and password; for fhir and hl7-http.",
        example='{keys: /run/keys/jwks.json, audience: "https://suture.example.org/fhir"}',
        default=None,
    )
    allow: list[Annotated[Text, AfterValidator(_network)]] = setting(
        "Addresses and networks that may connect; empty: all.", example="[10.20.0.0/16]", default=[]
    )
    tls: TlsPlaceFile | None = setting(
        "Keys for TLS; left out: in clear, for this machine or a network that is closed otherwise.",
        example="{certificate: /run/tls/ehr.pem, key: /run/tls/ehr.key}",
        default=None,
    )


class DestinationPlaceFile(Model):
    """Where a destination is, and how to be let in."""

    url: Url = setting(
        "Address: https://HOST/PATH for http (paths of write maps stand below it), https://HOST/DATABASE for "
        "tryton, mllp://HOST:PORT, or file:FOLDER.",
        example="https://erp.example.org/api",
        unit="URL",
    )
    token: Text | None = setting(
        "Bearer token, or the key of a Tryton user.", example="${secret:erp}", default=None
    )
    user: Text | None = setting("User of HTTP Basic.", example="suture", default=None)
    password: Text | None = setting("Password of HTTP Basic.", example="${env:ERP_PASSWORD}", default=None)


class EnvironmentFile(Model):
    """One place that the release runs in. Its name is that of the file."""

    about: Text | None = setting(
        "What it is for, in a sentence.", example="Acceptance of the year-end", default=None
    )
    store: StorePlace = setting("Where messages and postings are kept.", example="sqlite:var/suture.db")
    control: Text | None = setting(
        "Local socket that commands talk to; left out: beside the store.",
        example="var/suture.sock",
        default=None,
    )
    secrets: Text = setting(
        "Folder whose files `${secret:NAME}` reads. `${env:NAME}` reads an environment variable.",
        example="/run/secrets",
        default="var/secrets",
    )
    secrets_in_clear: Literal["refused", "allowed"] = setting(
        "Whether passwords and tokens may stand here as they are: only where nothing real is behind them.",
        example="refused",
        default="refused",
    )
    owners: dict[Text, list[Text]] = setting(
        "Who works which owner's list, by login name: whoever stands here sees that list, and others on asking.",
        example="{supply-chain: [ann, bob]}",
        default={},
    )
    listeners: dict[Name, ListenerPlaceFile] = setting(
        "Place of each listener.", example="{ehr: {port: 2575}}"
    )
    destinations: dict[Name, DestinationPlaceFile] = setting(
        "Place of each destination.", example='{erp: {url: "https://erp.example.org"}}'
    )
