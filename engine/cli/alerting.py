"""`alerts`: what should be there by now and is not, and what should not be there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from engine.cli.connect import reader_of
from engine.cli.in_force import newest_edition
from engine.cli.output import env_option, guarded, json_option, say, site_option, when
from engine.cli.pages import worded
from engine.clock import SystemClock
from engine.domain.ports import Reader
from engine.pipeline.digests import Digester
from engine.pipeline.editions import Editions
from engine.reconcile.alerts import Alert, alerts


@click.command("alerts")
@site_option
@env_option
@json_option
@guarded
def show_alerts(folder: Path, environment: str | None, as_json: bool) -> None:
    """What is late by the times that the channels state, what was used in cancelled cases, and what was refused
    since yesterday and did not come again. Exit 1: there is something."""
    with reader_of(folder, environment) as reader:
        found = [_worded(alert) for alert in asyncio.run(_alerts(reader))]
    rows = [{**alert._asdict(), "since": when(alert.since_us)} for alert in found]
    say(rows, as_json, lambda _: [_line(alert) for alert in found] or ["nothing is late"])
    sys.exit(1 if found else 0)


async def _alerts(reader: Reader) -> list[Alert]:
    """By the times of the release in force."""
    release = await Editions(reader).release((await newest_edition(reader)).id)
    digester = Digester(reader.hash_key)
    return await alerts(
        reader, release, lambda account: digester.digest("survivor", account.hex()), SystemClock().now_us()
    )


def _worded(alert: Alert) -> Alert:
    """Where it ends in a bare code, with what that means."""
    head, joint, reason = alert.what.rpartition(": ")
    return alert._replace(what=f"{head}{joint}{worded(reason)}")


def _line(alert: Alert) -> str:
    since = f"{'late ' if alert.late else ''}since {when(alert.since_us)}"
    return f"{alert.channel}: {alert.what}; {since}, see message {alert.message}"


COMMANDS = (show_alerts,)
