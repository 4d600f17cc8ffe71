"""`doctor`: is everything here that a run needs? Looks, and changes nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click

from engine.adapters.tryton.adapter import TrytonAdapter
from engine.cli.connect import place_of
from engine.cli.keys import show_keys
from engine.cli.output import env_option, guarded, json_option, say, site_option, when
from engine.control.acts import keys_honoured
from engine.control.socket import ask
from engine.far_ends import adapter_of, keys_target
from engine.site.compile import check, compile_release
from engine.site.files import Site
from engine.site.release import DestinationPlace, Environment, Release, SftpPlace, TlsFiles
from engine.site.schema.destination import HttpFile, MllpFile, TrytonFile
from engine.store.sqlite import SqliteReader
from listeners.folder import strangers


class Finding(NamedTuple):
    """One thing looked at. `well` False needs mending."""

    what: str
    well: bool
    said: str


@click.command()
@click.option(
    "--keys",
    "destination",
    help="Show that this destination books a repeated key once: it is sent a document twice.",
)
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --keys: what to send.",
)
@click.option("--path", default="/", help="With --keys: where http takes it, below the destination's url.")
@click.option(
    "--booked-once",
    is_flag=True,
    help="With --keys, over MLLP: somebody looked there and saw it booked once. Sends nothing.",
)
@site_option
@env_option
@json_option
@guarded
def doctor(
    destination: str | None,
    document: Path | None,
    path: str,
    booked_once: bool,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Look at the site, its store, its ports and its far ends, and say what is amiss.

    With --keys it sends a document, which is booked there, and then the same once more under the same key. Only a far
    end that was shown so to honour keys is sent anything again after an unknown outcome.
    """
    if destination is not None:
        shown = show_keys(folder, environment, destination, document, path, booked_once)
        say(
            shown._asdict(), as_json, lambda _: [f"{'shown' if shown.honours else 'not shown'}: {shown.said}"]
        )
        sys.exit(0 if shown.honours else 1)
    site, place = place_of(folder, environment)
    findings = list(_findings(site, place))
    rows = [dict(finding._asdict()) for finding in findings]
    say(rows, as_json, lambda _: (
        f"{'ok    ' if finding.well else 'amiss '} {finding.what}: {finding.said}" for finding in findings
    ))  # fmt: skip
    sys.exit(0 if all(finding.well for finding in findings) else 1)


def _findings(site: Site, place: Environment) -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), sys.version.split()[0])
    faults = [fault for fault in check(site) if fault.severity == "error"]
    yield Finding("site", not faults, f"{len(faults)} faults, release {site.hash}")
    release = None if faults else compile_release(site)
    running = asyncio.run(_running(place))
    yield Finding("engine", True, "runs" if running else "does not run")
    yield Finding(
        "store", True, f"{place.store}" if place.store.exists() else "will be made at the first start"
    )
    for name, spot in place.listeners.items():
        if spot.folder is not None:
            rules = release.listeners.get(name) if release else None
            yield _folder(name, spot.folder, rules.files.unfinished if rules else ())
            if spot.fetch is not None:
                yield _server(name, spot.fetch)
            continue
        free = running or _free(spot.host, spot.port)
        yield Finding(
            f"listener {name}",
            free,
            f"port {spot.port} is {'ours' if running else 'free' if free else 'taken'}",
        )
        if spot.tls is not None:
            yield _certificate(name, spot.tls)
    for name, end in place.destinations.items():
        if end.url.startswith("file:"):
            folder = Path(end.url.removeprefix("file:"))
            there = (folder / ".sent").is_dir()
            said = (
                "is there"
                if there
                else f"no .sent in it: is it mounted? If it is new: mkdir -p {folder}/.sent"
            )
            yield Finding(f"destination {name}", there, said)
            continue
        parts = urlsplit(end.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        answers = _answers(parts.hostname or "", port)
        said = "answers" if answers else "nobody listens there"
        if answers and release and isinstance(far := release.destinations.get(name), TrytonFile):
            wrong = asyncio.run(_looked(far, end))
            answers, said = not wrong, wrong or "answers, and knows the company, its terms and accounts"
        yield Finding(f"destination {name}", answers, said)
    if release and place.store.exists():
        yield from _keys(release, place)


def _folder(listener: str, folder: Path, unfinished: tuple[str, ...]) -> Finding:
    """Whether a folder is there and may be worked in, whether anything was refused in it, and whether something lies
    there that is never taken."""
    what = f"listener {listener}"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            what, False, f"not there, or not ours to write: {folder}; if it is new: mkdir -p {folder}"
        )
    refused = [path for path in folder.glob("refused/*") if path.suffix != ".txt"]
    left = strangers(folder, unfinished)
    amiss = []
    if refused:
        amiss.append(f"{len(refused)} files in {folder}/refused; each has a note beside it")
    if left:
        amiss.append(f"{left} entries in {folder} are links, pipes or folders, and are left there")
    return Finding(what, not amiss, "; ".join(amiss) or f"watches {folder}")


def _server(listener: str, place: SftpPlace) -> Finding:
    """Whether the SFTP server that files are fetched from lets us in, and has the folder."""
    from listeners.sftp import Trouble, connected  # SSH is paid for only where it is used

    what = f"server of {listener}"

    async def tried() -> None:
        async with connected(place):
            pass

    try:
        asyncio.run(tried())
    except Trouble as trouble:
        return Finding(what, False, f"{trouble.code} {trouble.what}; {trouble.mend}")
    return Finding(what, True, f"lets us in at {place.host}")


def _certificate(listener: str, files: TlsFiles) -> Finding:
    """Whether the certificate of a listener is there, and holds a while yet."""
    from listeners.tls import EXPIRES_SOON, expiry_of  # OpenSSL is paid for only where it is used

    what = f"certificate of {listener}"
    try:
        ends = expiry_of(files.certificate)
    except (OSError, ValueError):
        return Finding(what, False, f"cannot be read: {files.certificate}")
    missing = [str(path) for path in files.paths() if not path.is_file()]
    if missing:
        return Finding(what, False, f"not there: {', '.join(missing)}")
    return Finding(what, ends - datetime.now(UTC) > EXPIRES_SOON, f"ends on {ends:%Y-%m-%d}")


def _keys(release: Release, place: Environment) -> Iterator[Finding]:
    """Of destinations that are said to honour keys: whether that was shown."""
    with closing(SqliteReader(place.store)) as reader:
        for name, end in release.destinations.items():
            if isinstance(end, HttpFile | MllpFile) and end.honours_idempotency:
                target = keys_target(name, end, place.destinations[name])
                trial = asyncio.run(keys_honoured(reader, target))
                said = f"shown {when(trial.at_us)}" if trial else f"not shown: suture doctor --keys {name}"
                yield Finding(f"keys of {name}", trial is not None, said)


async def _looked(end: TrytonFile, place: DestinationPlace) -> str:
    adapter = adapter_of(end, place)
    assert isinstance(adapter, TrytonAdapter)
    try:
        return await adapter.look()
    finally:
        await adapter.close()


async def _running(place: Environment) -> bool:
    try:
        await ask(place.control, "status", {}, "doctor")
    except (ConnectionError, FileNotFoundError):
        return False
    return True


def _free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


COMMANDS = (doctor,)
