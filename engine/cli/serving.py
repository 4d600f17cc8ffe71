"""`serve`: run the engine until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
from pathlib import Path

import click

from engine.cli.output import env_option, guarded, site_option

CONNECTIONS = 16_384
"""Descriptors: some listeners' worth of idle senders, and the store's files."""


@click.command()
@site_option
@env_option
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@guarded
def serve(folder: Path, environment: str | None, log_level: str) -> None:
    """Run the engine: listen, translate, deliver. SIGTERM stops it cleanly, a second one at once."""
    from engine.loop import run
    from engine.observe.logs import configure

    configure(log_level)
    _open_many()
    run(_serve(folder, environment))


async def _serve(folder: Path, environment: str | None) -> None:
    from engine.app import Engine

    engine = Engine(folder, environment)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, _stop, stopping)
    await engine.start()
    gc.collect()
    gc.freeze()  # the release is big and lives as long as the process: the collector need not walk it
    gc.set_threshold(20_000, 20, 50)
    for listener in engine.listeners:
        click.echo(f"listening: {listener.feed} on port {listener.port}")
    for watched in engine.folders:
        click.echo(f"{watched.does}: {watched.feed} in {watched.folder}")
    if engine.recovering:
        click.echo("recovering: nothing leaves before it was asked about; `suture recovered` ends it")
    click.echo("ready")
    sys.stdout.flush()
    await stopping.wait()
    click.echo("stopping: doors closed, finishing what is on its way")
    await engine.stop()
    click.echo("stopped")


def _open_many() -> None:
    """Senders keep their connections open for days: as many as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS if hard == resource.RLIM_INFINITY else min(CONNECTIONS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _stop(stopping: asyncio.Event) -> None:
    if stopping.is_set():
        os._exit(130)
    stopping.set()


COMMANDS = (serve,)
