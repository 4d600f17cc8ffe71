"""`sandbox`: a far end to practise against, in a process of its own."""

from __future__ import annotations

import os
import sys

import click


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Run a far end (ERP and billing) that can be told to misbehave. `suture sandbox --help` lists its options."""
    os.execv(sys.executable, [sys.executable, "-m", "engine.sandbox", *arguments])


COMMANDS = (sandbox,)
