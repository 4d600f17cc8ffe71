"""Makes a site's files what steps run with: checked whole, recorded whole, or not at all (promise 8).

A table's file is imported as a version when it differs from the version last imported; rows that people recorded in
the store since then stay, unless the file changed too: then it must have them, or somebody exports them first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from engine.clock import Clock, to_datetime
from engine.domain.changes import Acted, Activated, Change, TableRecorded
from engine.domain.ports import Reader, Store
from engine.domain.views import TableVersionView
from engine.errors import Bug, Fault, SiteError, UsageError
from engine.pipeline import trial
from engine.pipeline.editions import Edition, Editions, kept_edition
from engine.reference.difference import Filed, new_rows, row_difference, too_many_gone
from engine.reference.sheet import Sheet
from engine.site.compile import compile_release, compile_tests, unpack_site
from engine.site.files import Site
from engine.site.opened import Opened, unfit
from engine.site.release import Release

TABLES = "mappings/tables/"
SHOWN = 5
"""Rows that a fault names."""

_RESTART = "stop the engine, and start it with these files: `suture serve`"
_RELOAD = "it was rolled back to: put the files of the folder in force with `suture reload`"
_RETURN = "put the files of that release back into the folder, stop the engine, and start it with them: `suture serve`"

_HOW = {"worklist": "added by hand", "import": "imported", "master": "told by a master"}


ROLLBACK = "rollback"
"""The act of who went back; its target is the hash of the files that are not to come back by themselves."""


async def activate(
    store: Store,
    site: Site,
    clock: Clock,
    actor: str,
    *,
    asked: bool = False,
    shrinks: bool = False,
    tested: bool = False,
    opened: Opened | None = None,
) -> Edition:
    """Raises `SiteError` with every fault; then nothing has changed. The same files and tables: the same edition. Files
    that were rolled back stay so until somebody asks for them, or changes them. `shrinks`: tables may lose most of
    their rows. `tested`: other files than those in force must pass the channels' tests. `opened`: what an engine has
    open, or is about to open."""
    if not asked and (kept := await rolled_back(store, site)) is not None:
        back = await Editions(store).release(kept)
        if opened is not None and (faults := unfit(opened, back, _RELOAD)):
            raise SiteError(faults)
        return Edition(kept, back)
    csvs = {name: site.files[path] for name, path in table_files(site).items()}
    changed, versions = await _table_plan(store, csvs)
    recorded = {name: await _csv(store, name, version) for name, version in versions.items()}
    release = await asyncio.to_thread(compile_release, site, recorded)
    editions = await store.editions(1)
    faults = unfit(opened, release, _RESTART) if opened is not None else []
    faults += [] if shrinks else await _shrunk(store, release, {name: csvs[name] for name in changed})
    if tested and not (editions and editions[0].release_hash == release.hash):
        faults += await asyncio.to_thread(_failed_tests, site, to_datetime(clock.now_us()))
    if faults:
        raise SiteError(faults)
    for name in sorted(changed):
        versions[name] = await _record(store, name, csvs[name], clock, actor)
    if editions and editions[0].release_hash == release.hash and editions[0].tables == versions:
        return Edition(editions[0].id, release)
    (edition,) = await store.submit((Activated(release.hash, site.pack(), versions, clock.now_us(), actor),))
    if not isinstance(edition, int):
        raise Bug("an activation is answered by something else than an edition")
    return Edition(edition, release)


async def tables_after(reader: Reader, site: Site) -> dict[str, bytes]:
    """The rows of each table that activating the site would put in force. Raises `SiteError` as activating would."""
    csvs = {name: site.files[path] for name, path in table_files(site).items()}
    _, versions = await _table_plan(reader, csvs)
    return {**csvs, **{name: await _csv(reader, name, version) for name, version in versions.items()}}


async def _table_plan(reader: Reader, csvs: dict[str, bytes]) -> tuple[set[str], dict[str, int]]:
    """(tables whose files are to be imported, versions of those that stay as the store has them)."""
    in_force = await _in_force(reader)
    changed, faults = set(), []
    for name, csv in csvs.items():
        versions = await reader.table_versions(name)
        if not _differs(csv, in_force.get(name), versions):
            continue
        changed.add(name)
        if name in in_force:
            faults += await _forgotten_rows(reader, csv, in_force[name], versions)
    if faults:
        raise SiteError(faults)
    return changed, {
        name: view.version for name, view in in_force.items() if name in csvs and name not in changed
    }


async def rolled_back(reader: Reader, site: Site) -> int | None:
    """The edition in force, when these very files were rolled back to it; else None."""
    acts = await reader.acts_on(ROLLBACK, site.hash)
    editions = await reader.editions(1)
    if acts and editions and editions[0].release_hash != site.hash:
        return editions[0].id
    return None


async def go_back(
    store: Store, left: Release, opened: Opened, edition: int, clock: Clock, actor: str, reason: str
) -> tuple[Edition, Site]:
    """An older edition, files and tables, in force again as a new one, with the act that keeps the files that are
    `left` from coming back by themselves. `opened`: what an engine has open, or opens at its next start. Raises
    `UsageError` or `SiteError`, and then nothing has changed."""
    kept = await kept_edition(store, edition)
    release = await Editions(store).release(edition)
    if not release.destinations.keys() <= left.destinations.keys():
        raise UsageError(
            "CTL010", "it delivers to a destination that is gone", "put the destination back first"
        )
    if faults := unfit(opened, release, _RETURN):
        raise SiteError(faults)
    now_us = clock.now_us()
    number, _ = await store.submit(
        (
            Activated(kept.release_hash, kept.files, kept.versions, now_us, actor),
            Acted(actor, ROLLBACK, left.hash, reason, {"to": edition}, now_us),
        )
    )
    assert isinstance(number, int)
    return Edition(number, release), unpack_site(kept.files)


async def record_table(
    store: Store,
    site: Site,
    name: str,
    csv: bytes,
    clock: Clock,
    actor: str,
    reason: str,
    source: str,
    then: Callable[[int], Sequence[Change]] = lambda version: (),
) -> Edition:
    """A new version of one table, and the edition that has it. `source`: worklist | import. `then`: what becomes true
    together with it. Raises `SiteError` when its rows do not fit."""
    release = await release_with(store, site, name, csv)
    (current,) = await store.editions(1)
    versions = dict(current.tables)
    digest = sha256(csv).hexdigest()
    recorded = TableRecorded(name, digest, source, csv, clock.now_us(), actor, reason)
    (version,) = await store.submit((recorded,))
    assert isinstance(version, int)
    versions[name] = version
    activated = Activated(site.hash, site.pack(), versions, clock.now_us(), actor)
    edition, *_ = await store.submit((activated, *then(version)))
    assert isinstance(edition, int)
    return Edition(edition, release)


async def release_with(reader: Reader, site: Site, name: str, csv: bytes) -> Release:
    """What would be in force with other rows in one table. Raises `SiteError` when they do not fit."""
    (current,) = await reader.editions(1)
    csvs = {table: await _csv(reader, table, version) for table, version in current.tables.items()}
    return await asyncio.to_thread(compile_release, site, {**csvs, name: csv})


def table_files(site: Site) -> dict[str, str]:
    """Table name → its CSV's path in the site."""
    return {
        path.removeprefix(TABLES).removesuffix(".csv"): path
        for path in site.files
        if path.startswith(TABLES) and path.endswith(".csv")
    }


async def current_version(reader: Reader, name: str) -> tuple[int, bytes] | None:
    """(version, rows) that steps run with now, or None when there is no such table."""
    editions = await reader.editions(1)
    version = editions[0].tables.get(name) if editions else None
    return None if version is None else (version, await _csv(reader, name, version))


async def _in_force(store: Reader) -> dict[str, TableVersionView]:
    """The version of each table that steps run with: after a rollback, not the newest."""
    editions = await store.editions(1)
    tables = editions[0].tables if editions else {}
    return {view.name: view for view in await store.table_versions() if tables.get(view.name) == view.version}


def _differs(csv: bytes, current: TableVersionView | None, versions: list[TableVersionView]) -> bool:
    """Whether the file is another than the one that the version in force came from, and than every version on the way
    there. What came after it, and was rolled back, does not count: a file that says it again is another."""
    if current is None:
        return True
    read = _file_read(current, versions)
    known = {view.hash for view in versions if read <= view.version <= current.version}
    return not read or sha256(csv).hexdigest() not in known


def _file_read(current: TableVersionView, versions: list[TableVersionView]) -> int:
    """The newest version up to the one in force that was a file; 0: none was."""
    return max(
        (view.version for view in versions if view.source == "file" and view.version <= current.version),
        default=0,
    )


async def _forgotten_rows(
    reader: Reader, csv: bytes, current: TableVersionView, versions: list[TableVersionView]
) -> list[Fault]:
    """Rows that people recorded since the file was last read, and that it lacks."""
    read = _file_read(current, versions)
    if current.source == "file" or not read:
        return []
    base = await _csv(reader, current.name, read)
    now = await _csv(reader, current.name, current.version)
    wanted = Filed(csv, ()).rows
    forgotten = [row for row in new_rows(base, now) if row not in wanted]
    if not forgotten:
        return []
    shown = "; ".join(
        " ".join(f"{name}={cell}" for name, cell in sorted(row.items())) for row in forgotten[:SHOWN]
    )
    what = f"the file changed, and lacks {len(forgotten)} rows that were {_HOW[current.source]} in the store: {shown}"
    mend = (
        f"copy your file aside, run `suture tables export {current.name} --overwrite`, and merge your change into it; "
        f"or take the file as it is: `suture tables import {current.name} FILE`"
    )
    return [Fault(f"{TABLES}{current.name}.csv:1:1", "ACT001", what, mend)]


def _failed_tests(site: Site, now: datetime) -> list[Fault]:
    """With the rows of the site's files, as `suture test` runs them."""
    release, mend = compile_release(site), "`suture test` shows how"
    return [
        Fault(test.where, "ACT003", f"test '{test.name}' of channel '{test.channel}' fails", mend)
        for test in compile_tests(site)
        if trial.run(release, test, now).differences
    ]


async def _shrunk(reader: Reader, release: Release, changed: Mapping[str, bytes]) -> list[Fault]:
    """Tables whose files lost more of their rows than they may: cut off while they were saved or copied, more often
    than meant."""
    latest, faults = await _in_force(reader), []
    for name in sorted(changed.keys() & latest.keys()):
        before = await _csv(reader, name, latest[name].version)
        gone = len(row_difference(before, changed[name], release.tables[name].spec.keys).gone)
        rows = len(Sheet(before, name).records)
        if too_many_gone(gone, rows, release.tables[name].spec.most_gone):
            what = f"the file lacks {gone} of the {rows} rows that table {name} has in the store"
            mend = "mend the file, or say `suture reload --shrinks` when they are to go"
            faults.append(Fault(f"{TABLES}{name}.csv:1:1", "ACT002", what, mend))
    return faults


async def _csv(store: Reader, name: str, version: int) -> bytes:
    csv = await store.table_csv(name, version)
    if csv is None:
        raise Bug(f"table {name} has lost its version {version}")
    return csv


async def _record(store: Store, name: str, csv: bytes, clock: Clock, actor: str) -> int:
    recorded = TableRecorded(name, sha256(csv).hexdigest(), "file", csv, clock.now_us(), actor, "activation")
    (version,) = await store.submit((recorded,))
    assert isinstance(version, int)
    return version
