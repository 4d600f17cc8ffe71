"""`init`, `check`: an analyst's first verbs."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from importlib.resources import files
from pathlib import Path

import click

from engine.cli.output import guarded, json_option, say, tell
from engine.errors import UsageError

site_argument = click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[SITE]")

_PARTS = ("config", "channels", "mappings")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="SITE")
@click.option("--blank", is_flag=True, help="An empty one: a door, a far end, and no channel.")
@guarded
def init(folder: Path, blank: bool) -> None:
    """Lay out a working example site in a new folder."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError("CLI002", f"{folder} is not empty", "name a folder that is new or empty")
    if blank:
        shutil.copytree(Path(str(files("engine.cli"))) / "blank", folder, dirs_exist_ok=True)
        for part in ("channels", "mappings"):
            (folder / part).mkdir()
        click.echo(f"A blank site is in {folder}. Next: the tutorial, and suture check {folder}")
        return
    for part in _PARTS:
        shutil.copytree(example() / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    click.echo(
        f"A working site is in {folder}. Next: suture check {folder}, then suture serve --site {folder}"
    )


@click.command()
@site_argument
@json_option
@guarded
def check(folder: Path, as_json: bool) -> None:
    """Find every fault of a site's files at once, each with its place and its mend."""
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


def example() -> Path:
    """The example site: where the wheel put it, or the repository itself."""
    beside = Path(str(files("engine"))).parent
    places = (Path(sysconfig.get_path("data")), Path(sysconfig.get_path("data", f"{os.name}_user")))
    for place in places:
        installed = place / "share" / "suture" / "example"
        if not (beside / "setup.cfg").exists() and installed.is_dir():
            return installed
    return beside


COMMANDS = (init, check)
