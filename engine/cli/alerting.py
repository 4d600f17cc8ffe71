"""`alerts`: what should be there by now and is not."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import place_of, reader_of
from engine.cli.output import env_option, guarded, json_option, say, site_option, when
from engine.clock import SystemClock
from engine.pipeline.digests import Digester
from engine.reconcile.alerts import Alert, alerts
from engine.site.compile import compile_release


@click.command("alerts")
@site_option
@env_option
@json_option
@guarded
def show_alerts(folder: Path, environment: str | None, as_json: bool) -> None:
    """What is late by the times that the channels state. Exit 1: something is."""
    site, _ = place_of(folder, environment)
    release = compile_release(site)
    with reader_of(folder, environment) as reader:
        found = asyncio.run(_alerts(reader, release))
    rows = [{**alert._asdict(), "since": when(alert.since_us)} for alert in found]
    say(rows, as_json, lambda _: [_line(alert) for alert in found] or ["nothing is late"])
    sys.exit(1 if found else 0)


async def _alerts(reader: Any, release: Any) -> list[Alert]:
    digester = Digester(reader.hash_key)
    return await alerts(
        reader, release, lambda account: digester.digest("survivor", account.hex()), SystemClock().now_us()
    )


def _line(alert: Alert) -> str:
    return f"{alert.channel}: {alert.what}; late since {when(alert.since_us)}, see message {alert.message}"


COMMANDS = (show_alerts,)
