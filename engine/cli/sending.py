"""`send`: messages of files over MLLP or HTTP, one at a time, each waiting for its acknowledgment."""

from __future__ import annotations

import asyncio
import sys
from base64 import b64encode
from pathlib import Path

import click

from engine.cli.output import guarded, json_option, say
from engine.codecs.hl7v2.ack import CONDITIONS, Ack, Location, parse_ack
from engine.codecs.hl7v2.batch import split_messages
from engine.errors import UsageError

START, END = b"\x0b", b"\x1c\r"


@click.command()
@click.argument(
    "paths", type=click.Path(path_type=Path, exists=True, dir_okay=False), nargs=-1, required=True
)
@click.option(
    "--to", "address", default="127.0.0.1:2575", show_default=True, help="host:port, or http://host:port/path"
)
@click.option("--user", help="For HTTP: name:password.")
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for each acknowledgment.")
@json_option
@guarded
def send(paths: tuple[Path, ...], address: str, user: str | None, timeout: float, as_json: bool) -> None:
    """Send HL7 messages, single or in batch files, and print each answer."""
    messages = [(path, message) for path in paths for message in split_messages(path.read_bytes())]
    speaking = (
        _over_http(messages, address, user, timeout)
        if "://" in address
        else _over_mllp(messages, address, timeout)
    )
    answers = asyncio.run(speaking)
    rows = [
        {
            "file": str(path),
            "code": ack.code if ack else "none",
            "text": _words(ack) if ack else "no acknowledgment",
        }
        for (path, _), ack in zip(messages, answers, strict=False)
    ]
    say(rows, as_json, lambda _: (f"{row['file']}: {row['code']} {row['text']}".rstrip() for row in rows))
    sys.exit(0 if answers and all(ack is not None and ack.positive for ack in answers) else 1)


def _words(ack: Ack) -> str:
    """MSA-3, or what ERR says in its place: the words, else what its code means, and where."""
    told = [
        " ".join(filter(None, (_place(error.location), error.text or CONDITIONS.get(error.code, ""))))
        for error in ack.errors
    ]
    return ack.text or "; ".join(told)


def _place(place: Location | None) -> str:
    """As paths are written: `FT1[2]-7.1`."""
    if place is None:
        return ""
    occurrence = f"[{place.sequence}]" if place.sequence > 1 else ""
    field = f"-{place.field}" if place.field else ""
    component = f".{place.component}" if place.field and place.component else ""
    return f"{place.segment}{occurrence}{field}{component}"


async def _over_mllp(messages: list[tuple[Path, bytes]], address: str, timeout: float) -> list[Ack | None]:
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise UsageError("CLI006", "the address is not host:port", "write it as 127.0.0.1:2575")
    try:
        reader, writer = await asyncio.open_connection(host or "127.0.0.1", int(port))
    except OSError:
        raise UsageError("CLI007", f"nobody listens at {address}", "start the engine: suture serve") from None
    answers: list[Ack | None] = []
    try:
        for _, message in messages:
            writer.write(START + message + END)
            async with asyncio.timeout(timeout):
                frame = await reader.readuntil(END)
            answers.append(parse_ack(frame.strip(START + END)))
    except (asyncio.IncompleteReadError, TimeoutError):
        answers.append(None)
    finally:
        writer.close()
    return answers


async def _over_http(
    messages: list[tuple[Path, bytes]], address: str, user: str | None, timeout: float
) -> list[Ack | None]:
    import aiohttp

    headers = {"Content-Type": "application/hl7-v2"}
    if user:
        headers["Authorization"] = f"Basic {b64encode(user.encode()).decode('ascii')}"
    answers: list[Ack | None] = []
    async with aiohttp.ClientSession(
        headers=headers, timeout=aiohttp.ClientTimeout(total=timeout)
    ) as session:
        for _, message in messages:
            try:
                async with session.post(address, data=message) as reply:
                    if reply.status >= 400:
                        mend = {
                            401: "give --user NAME:PASSWORD",
                            404: "see path: of the listener",
                            429: "see rate: of the listener",
                        }
                        what = f"the listener answers {reply.status}"
                        raise UsageError("CLI012", what, mend.get(reply.status, "see its log"))
                    answers.append(parse_ack(await reply.read()))
            except (aiohttp.ClientError, TimeoutError):
                answers.append(None)
    return answers


COMMANDS = (send,)
