"""`config/env/NAME.yaml`: ports, addresses and secrets of one environment. Not a part of the release's
hash."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from engine.site.schema.base import Model, Name, Text, setting

Port = Annotated[int, Field(ge=0, le=65535)]
Url = Annotated[
    str, StringConstraints(pattern=r"^(https?://[^\s/]+(/[^\s]*)?|mllp://[^\s/]+:[0-9]+|file:[^\s].*)$")
]
StorePlace = Annotated[str, StringConstraints(pattern=r"^sqlite:[^\s].*$")]


class ListenerPlaceFile(Model):
    """Where a listener listens, and who may send."""

    host: Text = setting("Address to listen on.", example="0.0.0.0", default="127.0.0.1")
    port: Port = setting("Port to listen on; 0: any free one.", example="2575", unit="TCP port")
    user: Text | None = setting("User of HTTP Basic; left out: anyone may send.", example="ehr", default=None)
    password: Text | None = setting("Password of HTTP Basic.", example="${secret:ehr-http}", default=None)


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
    listeners: dict[Name, ListenerPlaceFile] = setting(
        "Place of each listener.", example="{ehr: {port: 2575}}"
    )
    destinations: dict[Name, DestinationPlaceFile] = setting(
        "Place of each destination.", example='{erp: {url: "https://erp.example.org"}}'
    )
