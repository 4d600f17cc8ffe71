"""The verbs of the command, and nothing else."""

from __future__ import annotations

import click

from engine import __version__
from engine.cli import (
    alerting,
    approving,
    asking,
    capturing,
    checking,
    completing,
    correcting,
    doctoring,
    explaining,
    far_end,
    filed,
    importing,
    keeping,
    laying,
    looking_up,
    mapping,
    mending,
    previewing,
    promoting,
    releasing,
    replaying,
    sending,
    serving,
    tables,
    testing,
    watching,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="suture")
def main() -> None:
    """Suture joins hospital messages to the ledger: each becomes stock, charges and costs, exactly once.

    A first run:  suture init mysite, suture check mysite, suture serve --site mysite
    """


MODULES = (
    laying,
    checking,
    testing,
    capturing,
    watching,
    explaining,
    filed,
    previewing,
    releasing,
    promoting,
    serving,
    sending,
    asking,
    alerting,
    completing,
    mapping,
    mending,
    replaying,
    correcting,
    tables,
    looking_up,
    importing,
    approving,
    keeping,
    far_end,
    doctoring,
)

for module in MODULES:
    for command in module.COMMANDS:
        main.add_command(command)
