"""`test`: the channels' own tests, offline; what they do not touch; and accepting what they wrote."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from engine.cli.checking import site_argument
from engine.cli.output import guarded, json_option, say
from engine.pipeline import trial
from engine.pipeline.coverage import Covered, Watch
from engine.pipeline.trial import Trial
from engine.site.compile import compile_release, compile_tests, load_site


@click.command()
@site_argument
@click.option(
    "--update", is_flag=True, help="Accept what was written: the files with expected documents become it."
)
@click.option("--coverage", is_flag=True, help="Also tell which rules and table rows no test touches.")
@json_option
@guarded
def test(folder: Path, update: bool, coverage: bool, as_json: bool) -> None:
    """Run the channels' own tests, offline."""
    site, now = load_site(folder), datetime.now(UTC)
    watch = Watch(compile_release(site))
    trials = [trial.run(watch.release, one, now) for one in compile_tests(site)]
    failed = [one for one in trials if one.differences]
    updated = [path for one in failed for path in _updated(folder, one)] if update else []
    left = [one for one in _trials(folder, now) if one.differences] if update else []
    covered = watch.covered(trials) if coverage else None
    rows = [
        {"channel": t.test.channel, "name": t.test.name, "where": t.test.where, "differences": t.differences}
        for t in trials
    ]
    told = {"tests": rows, "updated": updated, "coverage": covered._asdict() if covered else None}
    say(told if update or coverage else rows, as_json, lambda _: test_lines(trials))
    if not as_json:
        for path in updated:
            click.echo(f"updated {path}: look at it before you commit it")
        for one in left:
            click.echo(
                f"{one.test.where}: '{one.test.name}' fails still: what it expects stands here; edit it"
            )
        for line in _coverage_lines(covered) if covered else ():
            click.echo(line)
        click.echo(f"{len(trials) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def _trials(folder: Path, now: datetime) -> list[Trial]:
    """Of the files as they are by now."""
    site = load_site(folder)
    release = compile_release(site)
    return [trial.run(release, one, now) for one in compile_tests(site)]


def _updated(folder: Path, one: Trial) -> Iterator[str]:
    """Writes what came out into the files that a failed test expects it from. `*` stays `*`."""
    for effect, files in one.test.files.items():
        documents = one.written.get(effect, [])
        expected = one.test.expect[effect]
        if not documents or any(isinstance(document, bytes) for document in expected):
            continue  # nothing came out, or HL7: its fields stand for others by name only
        kept = [_with_any(old, new) for old, new in zip_longest(expected, documents) if new is not None]
        if len(files) == 1:
            chosen = [kept[0] if len(kept) == 1 else kept]
        elif len(files) == len(kept):
            chosen = kept
        else:
            continue  # other documents than before: an analyst names their files
        for path, tree in zip(files, chosen, strict=True):
            text = json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
            if (folder / path).read_text("utf-8") != text:
                (folder / path).write_text(text, "utf-8")
                yield path


def _with_any(old: Any, new: Any) -> Any:
    """The new tree, with `*` where the old one says so."""
    if old == "*":
        return "*"
    if isinstance(old, dict) and isinstance(new, dict):
        return {name: _with_any(old.get(name), value) for name, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return [_with_any(old[place] if place < len(old) else None, value) for place, value in enumerate(new)]
    return new


def _coverage_lines(covered: Covered) -> Iterator[str]:
    for name, (met, rows) in covered.rows.items():
        yield f"table {name}: {met} of {rows} rows touched"
    for rule in covered.rules:
        yield f"no test: {rule}"


def test_lines(trials: Iterable[Trial]) -> list[str]:
    lines = []
    for one in trials:
        lines.append(f"{'ok    ' if not one.differences else 'FAILED'} {one.test.channel}: {one.test.name}")
        lines += [f"       {one.test.where}: {difference}" for difference in one.differences]
    return lines


COMMANDS = (test,)
