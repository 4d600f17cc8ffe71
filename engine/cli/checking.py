"""`check`: every fault of a site at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine.cli.output import guarded, json_option, say, tell

site_argument = click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[SITE]")


@click.command()
@site_argument
@json_option
@guarded
def check(folder: Path, as_json: bool) -> None:
    """Find every fault of a site's files at once, of all its environments, each with its place and its mend."""
    from engine.site.compile import check as check_site
    from engine.site.compile import load_site

    site = load_site(folder)
    faults = check_site(site)
    wrong = [fault for fault in faults if fault.severity == "error"]
    if as_json:
        rows = [
            {"where": f.where, "code": f.code, "what": f.what, "mend": f.mend, "severity": f.severity}
            for f in faults
        ]
        say({"faults": rows, "release": site.hash}, True, lambda _: ())
    else:
        tell(faults)
        warnings = len(faults) - len(wrong)
        click.echo(f"{len(site.files)} files, {len(wrong)} faults, {warnings} warnings; release {site.hash}")
    sys.exit(1 if wrong else 0)


COMMANDS = (check,)
