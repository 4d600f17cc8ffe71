"""`promote`: the release that was tested elsewhere, put in force here, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import click

from engine.cli.connect import place_of, reader_of, tell_engine
from engine.cli.output import env_option, guarded, json_option, say, site_option
from engine.errors import SutureError, UsageError
from engine.preview.running import Side, side_of_edition
from engine.reference.difference import row_difference
from engine.site.files import ENVIRONMENTS, Site, unpack_site
from engine.site.sources import read_sources

SHOWN = 5
"""Files and rows that a fault names."""
LOOKED_AT = 1000
"""Editions of each environment that are looked through for a release."""


@click.command()
@click.argument("release", required=False)
@click.option("--tested-in", "tested", help="The environment whose release in force it is to be.")
@site_option
@env_option
@json_option
@guarded
def promote(
    release: str | None, tested: str | None, folder: Path, environment: str | None, as_json: bool
) -> None:
    """Put the folder's files in force if they are exactly RELEASE, or what was tested in another environment.

    RELEASE: a hash, as `suture releases` tells it. Where the files are others, nothing happens.
    """
    if (release is None) == (tested is None):
        mend = "write suture promote HASH, or suture promote --tested-in test"
        raise UsageError("CLI013", "it is not said which release, or said twice", mend)
    site, place = place_of(folder, environment)
    if tested is not None:
        if tested == place.name:
            raise UsageError(
                "CLI013", f"'{tested}' is the environment itself", "name the one where it was tested"
            )
        release = _tested(folder, tested, site)
    elif release != site.hash:
        raise _others(site, str(release), _files_of(folder, site, str(release)))
    answer = tell_engine(folder, environment, "reload", {"only": release})
    told = f"release {release} is in force in {place.name}, as edition {answer['edition']}"
    say({**answer, "environment": place.name}, as_json, lambda _: (told, *answer["warnings"]))


def _tested(folder: Path, tested: str, site: Site) -> str:
    """The hash of what is in force there. Raises `UsageError` when the files are others, when tables have other rows
    there."""
    with reader_of(folder, tested) as reader:
        newest = asyncio.run(reader.editions(1))
        if not newest:
            raise UsageError(
                "CLI011", f"nothing was activated in '{tested}' yet", f"suture serve --env {tested}"
            )
        side = asyncio.run(side_of_edition(reader, newest[0].id))
    there = unpack_site(side.files)
    if there.hash != site.hash:
        raise _others(site, there.hash, there)
    _check_rows(site, there, side, tested)
    return there.hash


def _check_rows(site: Site, there: Site, side: Side, tested: str) -> None:
    """What was tested is what the tables said there, rows that people added by hand among them."""
    for name, source in read_sources(there).tables.sources.items():
        file = source.document.file.removesuffix(".yaml") + ".csv"
        ours, theirs = site.files.get(file, b""), side.tables.get(name, b"")
        found = row_difference(ours, theirs, source.model.keys)
        if any(found):
            what = f"table {name} has other rows in '{tested}' than {file}: {_some([*found.lines()], '; ')}"
            mend = (
                f"suture tables export {name} --env {tested}, suture reload --env {tested}, and promote again"
            )
            raise UsageError("CLI015", what, mend)


def _others(site: Site, wanted: str, there: Site | None) -> UsageError:
    """Why the files are not the release that is wanted."""
    what = f"the files are release {site.hash}, not {wanted}"
    if there is None:
        return UsageError("CLI014", what, "take the files of that release out of version control")
    ours, theirs = _released(site), _released(there)
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    return UsageError(
        "CLI014", f"{what}: {_some(names, ', ')}", "take these files as they were, or test them as they are"
    )


def _released(site: Site) -> dict[str, bytes]:
    return {name: data for name, data in site.files.items() if not name.startswith(ENVIRONMENTS)}


def _files_of(folder: Path, site: Site, release: str) -> Site | None:
    """The files of a release, out of the store of any environment that is at hand."""
    for name in read_sources(site).environments.names:
        for found in _kept(folder, name, release):
            return found
    return None


def _kept(folder: Path, environment: str, release: str) -> Iterator[Site]:
    try:
        with reader_of(folder, environment) as reader:
            for view in asyncio.run(reader.editions(LOOKED_AT)):
                if view.release_hash == release:
                    yield unpack_site(asyncio.run(side_of_edition(reader, view.id)).files)
                    return
    except SutureError:
        return  # its store or its secrets are elsewhere


def _some(names: list[str], joint: str) -> str:
    more = f"{joint}{len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return joint.join(names[:SHOWN]) + more


COMMANDS = (promote,)
