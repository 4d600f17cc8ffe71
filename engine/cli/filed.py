"""`files`: what came in by folders."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from engine.cli.connect import reader_of
from engine.cli.output import counted, env_option, guarded, json_option, say, site_option, when
from engine.domain.views import FileView


@click.command("files")
@site_option
@env_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@guarded
def show_files(folder: Path, environment: str | None, limit: int, as_json: bool) -> None:
    """Files that came in by folders, newest first. What was refused lies in `refused` there, with a note beside it."""
    with reader_of(folder, environment) as reader:
        found = asyncio.run(reader.files(limit))
    rows = [{**one._asdict(), "state": one.state.word, "began": when(one.began_us)} for one in found]
    say(rows, as_json, lambda _: [_line(one) for one in found] or ["no file came in"])


def _line(one: FileView) -> str:
    refused = f"; {one.refused} refused" if one.refused else ""
    why = f": {one.held}" if one.held else ""
    held = f"; {one.waiting} held{why}" if one.waiting else ""
    of = f"{one.done} of " if one.done < one.messages else ""
    messages = counted(one.messages, "message")
    told = f"{of}{messages}  {one.name}{refused}{held}"
    return f"{one.id:>6}  {when(one.began_us)}  {one.feed:<10} {one.state.word:<10} {told}"


COMMANDS = (show_files,)
