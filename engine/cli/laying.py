"""`init`: lays a site out in a new folder, the whole example or a small one of a kind."""

from __future__ import annotations

import os
import shutil
import sysconfig
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import click

from engine.cli.output import guarded
from engine.errors import UsageError

_PARTS = ("config", "channels", "mappings")
_IGNORED = "var/\n"
"""What git is to leave alone: the store, with what patients' messages say."""


class Example(NamedTuple):
    """Channels of the repository's example, and what they show. Without channels: a site of its own."""

    channels: tuple[str, ...]
    shows: str


EXAMPLES = {
    "theatre-usage": Example(
        ("ehr-usage",), "charges of the EHR become stock, bill-only orders, costs and charges"
    ),
    "cabinet-vends": Example(
        ("cabinet-vends",), "what dispensing cabinets hand out leaves their stock, returns come back"
    ),
    "discharge-to-billing": Example(
        ("adt", "discharges", "adt-merge-accounts", "adt-merge-patients", "adt-merge-visits"),
        "where patients are is remembered; billing is told of discharges and of merged accounts",
    ),
    "fhir-resources": Example(
        (), "supplies, charges and stays come as FHIR; updates put right what was posted"
    ),
    "item-master": Example(
        (), "items, charges, locations, staff and cost centers come from their own systems, as dated tables"
    ),
    "blank": Example((), "a door, a far end, and no channel: where the tutorial begins"),
}


def _listed(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        for name, example in EXAMPLES.items():
            click.echo(f"{name:<20} {example.shows}")
        context.exit()


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="SITE")
@click.option(
    "--example",
    "name",
    type=click.Choice([*EXAMPLES]),
    help="A small one, or blank.  [default: the whole example]",
)
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_listed, help="What each shows."
)
@guarded
def init(folder: Path, name: str | None) -> None:
    """Lay out a working site in a new folder."""
    if folder.exists() and any(folder.iterdir()):
        raise UsageError("CLI002", f"{folder} is not empty", "name a folder that is new or empty")
    if name == "blank":
        shutil.copytree(_beside() / "blank", folder, dirs_exist_ok=True)
        for part in ("channels/samples", "mappings/hl7", "mappings/billing", "mappings/tables"):
            (folder / part).mkdir(parents=True)
        _keep_out_of_git(folder)
        click.echo(f"A blank site is in {folder}. Next: the tutorial, and suture check {folder}")
        return
    if name is not None and not EXAMPLES[name].channels:
        shutil.copytree(_beside() / "examples" / name, folder, dirs_exist_ok=True)
    elif name is None:
        for part in _PARTS:
            shutil.copytree(example() / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        _lay_out(folder, name)
    _keep_out_of_git(folder)
    readme = f"read {folder / 'README.md'}, " if name else ""
    click.echo(
        f"A working site is in {folder}. Next: {readme}suture check {folder}, then suture serve --site {folder}"
    )


def _lay_out(folder: Path, name: str) -> None:
    """The example's channels with all that they need, and the page that tells of them."""
    from engine.site.compile import load_site
    from engine.site.subset import subset

    site = subset(load_site(example(), "demo"), EXAMPLES[name].channels)
    for file, data in site.files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)
    shutil.copyfile(_beside() / "examples" / f"{name}.md", folder / "README.md")


def _keep_out_of_git(folder: Path) -> None:
    (folder / ".gitignore").write_text(_IGNORED)


def _beside() -> Path:
    return Path(str(files("engine.cli")))


def example() -> Path:
    """The example site: where the wheel put it, or the repository itself."""
    beside = Path(str(files("engine"))).parent
    places = (Path(sysconfig.get_path("data")), Path(sysconfig.get_path("data", f"{os.name}_user")))
    for place in places:
        installed = place / "share" / "suture" / "example"
        if not (beside / "setup.cfg").exists() and installed.is_dir():
            return installed
    return beside


COMMANDS = (init,)
