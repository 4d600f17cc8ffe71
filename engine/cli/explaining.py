"""`explain`: the page behind a fault code, or where each field of a message's postings came from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from engine.cli.connect import reader_of
from engine.cli.output import NUMBER, env_option, guarded, json_option, say, site_option
from engine.cli.pages import page
from engine.domain.message import MessageId
from engine.errors import UsageError
from engine.explain.lineage import Step
from engine.explain.posting import Explained, FieldStory
from engine.explain.story import Storyteller


@click.command()
@click.argument("what")
@click.argument("field", required=False)
@site_option
@env_option
@json_option
@guarded
def explain(what: str, field: str | None, folder: Path, environment: str | None, as_json: bool) -> None:
    """Print the page behind a fault code (SIT005), or tell where each field of a message's postings came from (5).

    FIELD: only those fields, such as quantity or lines[2].item. What is shown may tell of a patient.
    """
    if not what.isdecimal():
        click.echo(page(what))
        return
    number = NUMBER.convert(int(what), None, None)
    with reader_of(folder, environment) as reader:
        postings = asyncio.run(Storyteller(reader).postings(MessageId(number)))
    told = [(posting, _chosen(posting, field)) for posting in postings]
    if field is not None and not any(stories for _, stories in told):
        names = sorted({story.place.rpartition(".")[2] for posting in postings for story in posting.fields})
        raise UsageError(
            "CLI010", f"no posting of message {what} has a field '{field}'", f"fields are {', '.join(names)}"
        )
    say([_tree(posting, stories) for posting, stories in told], as_json, lambda _: _lines(told))


def _chosen(posting: Explained, field: str | None) -> list[FieldStory]:
    if field is None:
        return list(posting.fields)
    return [story for story in posting.fields if field in (story.place, story.place.rpartition(".")[2])]


def _lines(told: list[tuple[Explained, list[FieldStory]]]) -> Iterator[str]:
    for posting, stories in told:
        if not stories and posting.fields:
            continue
        delivery = posting.delivery
        seen = (
            "as it was sent"
            if posting.same
            else "NOT as it was sent: something that it depended on has changed"
        )
        action = delivery.action.name.lower()
        yield f"{action} {delivery.effect} at {delivery.destination}, {delivery.reference}: {seen}"
        for story in stories:
            yield from _step(story.step, 1)


def _step(step: Step, depth: int) -> Iterator[str]:
    value = f" = {step.value}" if step.value else ""
    rule = f"  ({step.rule})" if step.rule else ""
    yield f"{'  ' * depth}{step.name}{value}{rule}  {step.where}".rstrip()
    for below in step.of:
        yield from _step(below, depth + 1)


def _tree(posting: Explained, stories: list[FieldStory]) -> dict[str, Any]:
    delivery = posting.delivery
    return {
        "delivery": delivery.id,
        "reference": delivery.reference,
        "destination": delivery.destination,
        "effect": delivery.effect,
        "action": delivery.action.name.lower(),
        "same": posting.same,
        "fields": [{"place": story.place, **_node(story.step)} for story in stories],
    }


def _node(step: Step) -> dict[str, Any]:
    of = [_node(below) for below in step.of]
    return {"name": step.name, "value": step.value, "rule": step.rule, "where": step.where, "of": of}


COMMANDS = (explain,)
