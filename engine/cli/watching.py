"""`watch`: says after every save whether the site still is as its tests want it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from engine.cli.checking import site_argument
from engine.cli.output import counted, fault_lines, guarded
from engine.cli.testing import test_lines
from engine.errors import SiteError
from engine.pipeline import trial
from engine.pipeline.trial import Trial
from engine.site.compile import check, compile_release, compile_tests, load_site
from engine.site.digests import Parts, channel_parts
from engine.site.files import Site
from engine.site.release import ChannelTest
from engine.site.sources import read_sources

FOLDERS = ("config", "channels", "mappings")
QUIET_MS = 50
"""Editors write several files, and some of them under another name first: so long nothing may be written."""
LOOK_MS = 500
"""How often files are looked at where nobody tells of changes, as on some shared disks."""


@click.command()
@site_argument
@guarded
def watch(folder: Path) -> None:
    """Check the site and run its channels' tests after every save, until Ctrl-C."""
    from watchfiles import watch as changes

    site = load_site(folder)
    rounds = Rounds()
    there = [folder / name for name in FOLDERS if (folder / name).is_dir()]
    click.echo(f"watching {', '.join(map(str, there))}; Ctrl-C ends it")
    _say(rounds.lines(site))
    try:
        for _ in changes(
            *there, watch_filter=None, step=QUIET_MS, rust_timeout=LOOK_MS, yield_on_timeout=True
        ):
            site = _looked(folder, site, rounds)
    except KeyboardInterrupt:
        click.echo("")


def _looked(folder: Path, before: Site, rounds: Rounds) -> Site:
    """The site as it is now, and what is to be said of it when it is another."""
    try:
        site = load_site(folder)
    except SiteError as error:
        if before.files:
            _say([*fault_lines(error.faults)])
        return Site(folder, {})
    except OSError:
        return before  # a file is just being replaced: the next look finds it
    if site.files == before.files:
        return before
    names = sorted(
        name for name in {*site.files, *before.files} if site.files.get(name) != before.files.get(name)
    )
    _say([f"{', '.join(names[:3])}{' and more' if len(names) > 3 else ''} saved", *rounds.lines(site)])
    return site


def _say(lines: list[str]) -> None:
    click.echo("\n".join(lines))


class Rounds:
    """One look after the other. A test whose channel and files are as before is not run again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Parts | dict[str, Parts], ChannelTest, Trial]] = {}

    def lines(self, site: Site) -> list[str]:
        """What there is to say of the site: faults, failed tests, or that all is good."""
        began = time.perf_counter()
        faults = check(site)
        wrong = sum(fault.severity == "error" for fault in faults)
        said = [*fault_lines(faults)]
        if wrong:
            took = time.perf_counter() - began
            return [*said, f"{counted(wrong, 'fault')}, in {took:.2f} s; the tests run when they are mended"]
        trials = [*self._trials(site)]
        failed = [one for one in trials if one.differences]
        took = time.perf_counter() - began
        if failed:
            told = f"{len(failed)} of {counted(len(trials), 'test')} failed, in {took:.2f} s"
            return [*said, *test_lines(failed), told]
        channels = counted(len({one.test.channel for one in trials}), "tested channel")
        told = f"{channels}, {counted(len(trials), 'test')} passed, in {took:.2f} s"
        return [*said, f"{counted(len(faults), 'warning')}; {told}" if faults else f"all good: {told}"]

    def _trials(self, site: Site) -> Iterator[Trial]:
        release, now = compile_release(site), datetime.now(UTC)
        tables = {name.rsplit("/", 1)[-1].removesuffix(".csv"): data for name, data in site.files.items()}
        parts = channel_parts(site, read_sources(site), tables)
        before, self._known = self._known, {}
        for test in compile_tests(site):
            made_of: Parts | dict[str, Parts] = parts[test.channel]
            if test.before:
                made_of = parts  # other channels read what came before
            key = f"{test.channel}: {test.name}"
            kept = before.get(key)
            if kept is not None and test.received is not None and kept[:2] == (made_of, test):
                done = kept[2]
            else:
                done = trial.run(release, test, now)
            self._known[key] = (made_of, test, done)
            yield done


COMMANDS = (watch,)
