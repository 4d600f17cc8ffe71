"""A test of a captured message, with its files; and what must hold of it before it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from engine.capture.comparing import bare_tree
from engine.deidentify.dataset import Clean, Dataset
from engine.domain.posting import Stepped
from engine.domain.status import EffectState
from engine.errors import Fault, SiteError, UsageError
from engine.pipeline import trial
from engine.site.compile import check, compile_release, compile_tests
from engine.site.files import CHANNELS, Site

_LONGEST = 60


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-")


def names_of(name: str, count: int) -> list[str]:
    """Of the tests of so many messages."""
    return [name] if count == 1 else [f"{name}, {number} of {count}" for number in range(1, count + 1)]


def test_of(
    channel: str, name: str, received: datetime, clean: Clean, stepped: Stepped
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """A test as its YAML says it, and its files."""
    sentence, number = re.fullmatch(r"(.*?)((?:, [0-9]+ of [0-9]+)?)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    stem = "-".join(filter(None, (channel, _slug(sentence), _slug(number))))
    files = {f"{CHANNELS}samples/{stem}.hl7": clean.raw}
    test: dict[str, Any] = {
        "name": name,
        "given": f"samples/{stem}.hl7",
        "received": received.isoformat(),
        "state": stepped.state.word,
    }
    documents: dict[str, list[Any]] = {}
    for document in stepped.documents:
        documents.setdefault(document.effect, []).append(bare_tree(document))
    for effect, trees in documents.items():
        text = json.dumps(trees[0] if len(trees) == 1 else trees, indent=2, ensure_ascii=False) + "\n"
        files[f"{CHANNELS}samples/{stem}-{effect}.json"] = text.encode()
    if documents:
        test["expect"] = {effect: f"samples/{stem}-{effect}.json" for effect in documents}
    holds = [
        {"effect": one.name, "cause": one.cause} for one in stepped.effects if one.state is EffectState.HELD
    ]
    if holds:
        test["holds"] = holds
    return test, files


def check_written(
    dataset: Dataset,
    known: frozenset[str],
    name: str,
    tests: Sequence[Mapping[str, Any]],
    files: Mapping[str, bytes],
) -> None:
    """The gate for what is written beside the messages."""
    faults = []
    mend = "say it without names and numbers of people"
    if dataset.shows(name):
        faults.append(Fault("--name", "CAP005", "the name shows a value that identifies somebody", mend))
    told: dict[str, Any] = {path: json.loads(data) for path, data in files.items() if path.endswith(".json")}
    told |= {"holds": [test.get("holds", []) for test in tests]}
    for path, tree in told.items():
        for place, text in _texts(tree, ""):
            if text not in known and not _is_day(text) and dataset.shows(text):
                what = "the document shows a value that identifies somebody"
                faults.append(Fault(f"{path} {place}", "CAP005", what, "capture another message"))
    if faults:
        raise SiteError(faults)


def _texts(tree: Any, place: str) -> Iterator[tuple[str, str]]:
    match tree:
        case dict():
            for name, below in tree.items():
                yield from _texts(below, f"{place}.{name}" if place else name)
        case list():
            for number, below in enumerate(tree, 1):
                yield from _texts(below, f"{place}[{number}]")
        case str():
            yield place, tree


def _is_day(text: str) -> bool:
    """Moved already, and perhaps to where another one was."""
    return re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}([T ]?[0-9:.]+)?(Z|[+-][0-9:]+)?", text) is not None


def check_site(site: Site, files: Mapping[str, bytes]) -> None:
    """What `suture check` and `suture test` would say. Raises what is wrong."""
    taken = [path for path in files if path in site.files and not path.endswith(".yaml")]
    if taken:
        raise UsageError("CAP010", f"there is a file {taken[0]} already", "say what else the test shows")
    new = replace(site, files={**site.files, **files})
    faults = [fault for fault in check(new) if fault.severity == "error"]
    if faults:
        raise SiteError(faults)
    release, now = compile_release(new), datetime.now(UTC)
    failed = [
        one for one in (trial.run(release, test, now) for test in compile_tests(new)) if one.differences
    ]
    if failed:
        raise SiteError(
            Fault(
                one.test.where,
                "CAP009",
                f"test '{one.test.name}' does not pass: {one.differences[0]}",
                "where it is the captured one, capture another message; else mend it first, `suture test` shows it",
            )
            for one in failed
        )
