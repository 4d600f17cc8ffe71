"""`capture`: channel tests from messages of the store, de-identified, written into the site."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from engine.capture.capturing import Captured, capture
from engine.capture.desk import Taken, check_taken, desk_for
from engine.cli.connect import reader_of, tell_engine
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option
from engine.domain.message import MessageId
from engine.domain.ports import Reader
from engine.domain.views import MessageQuery, MessageView
from engine.errors import UsageError
from engine.site.compile import load_site


@click.command("capture")
@click.argument("numbers", type=NUMBER, nargs=-1, required=True, metavar="MESSAGE...")
@click.option("--channel", required=True, help="The channel that gets the test.")
@click.option("--name", required=True, help="What the test shows, as a sentence.")
@site_option
@env_option
@json_option
@guarded
def capture_messages(
    numbers: tuple[int, ...],
    channel: str,
    name: str,
    folder: Path,
    environment: str | None,
    as_json: bool,
) -> None:
    """Make channel tests of messages that came in, de-identified, so that they may stand in version control.

    Several at once share their stand-ins: a charge and its credit still belong together.
    """
    desk = desk_for(load_site(folder, environment), channel, name)
    with reader_of(folder, environment) as reader:
        views = [asyncio.run(_view(reader, number)) for number in dict.fromkeys(numbers)]
        for view in views:
            check_taken(desk, view)
        taken = [asyncio.run(_taken(reader, view)) for view in views]
    tell_engine(
        folder, environment, "capture", {"messages": [one.view.id for one in taken], "channel": channel}
    )
    captured = capture(desk, taken, name)
    _write(folder, captured.files)
    told = {"files": list(captured.files), "tests": captured.tests, "notes": captured.notes}
    say(told, as_json, lambda _: _lines(captured))


async def _view(reader: Reader, number: int) -> MessageView:
    found = await reader.messages(MessageQuery(before=MessageId(number + 1), limit=1))
    if not found or found[0].id != number:
        raise UsageError("CTL004", f"there is no message {number}", "find it with `suture messages`")
    return found[0]


async def _taken(reader: Reader, view: MessageView) -> Taken:
    inbound = await reader.inbound(view.id)
    if inbound is None:
        mend = "only what the store still has can be captured"
        raise UsageError("CAP003", f"the bytes of message {view.id} are gone", mend)
    channels = {line.id: line.channel for line in await reader.lines(view.id)}
    effects = await reader.effects(view.id)
    return Taken(view, inbound, tuple((channels[one.line_id], one) for one in effects))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """All or nothing: new files first, the channel that names them last and in one piece."""
    begun: list[Path] = []
    try:
        for path, data in files.items():
            target = folder / path
            target.parent.mkdir(exist_ok=True)
            new = target.with_name(f".{target.name}.new")
            begun += [new] if target.exists() else [new, target]
            new.write_bytes(data)
            os.replace(new, target)
    except OSError:
        for target in begun:
            target.unlink(missing_ok=True)
        raise UsageError("CAP011", "the site's folder cannot be written", "look at its permissions") from None


def _lines(captured: Captured) -> Iterator[str]:
    for path in captured.files:
        yield f"wrote {path}"
    yield from captured.notes
    yield "look at them before you commit them: no gate knows a name that stands in no field of people"


COMMANDS = (capture_messages,)
