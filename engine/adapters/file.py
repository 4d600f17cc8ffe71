"""Documents as files in a folder that somebody else empties: whole or not at all, and each once.

A file appears under its name by a rename, after its bytes are on the disk. Before that, a mark with the document's
reference is put into `.sent`, so that we can say truthfully whether a document was handed over, even when the receiver
took its file away, and whatever the moment at which we died:

    mark    draft   means
    none    any     not handed over; a draft is written anew
    there   there   the rename was cut off; it is finished now
    there   gone    handed over

`.sent` is made once by whoever sets the folder up. Without it nothing is handed over and nothing is taken for absent:
an empty folder where a share is not mounted remembers nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from engine.domain.outcome import Outcome, Verdict
from engine.domain.views import Outgoing


@dataclass(frozen=True, slots=True)
class FileEndpoint:
    """`folder`: where files appear; it must exist. `suffix`: of their names, as in `.hl7`. `control`: beside each file
    stands `NAME.ctl` with its documents, bytes and SHA-256, there before the file is."""

    folder: Path
    suffix: str
    control: bool = False


class FileAdapter:
    """The `Adapter` port. One file for each document, named by its reference."""

    def __init__(self, endpoint: FileEndpoint) -> None:
        self._endpoint = endpoint

    async def send(self, delivery: Outgoing) -> Outcome:
        return await asyncio.to_thread(self._hand_over, delivery.reference, delivery.payload)

    async def send_many(self, deliveries: Sequence[Outgoing]) -> list[Outcome]:
        return [await self.send(delivery) for delivery in deliveries]

    async def probe(self, delivery: Outgoing) -> Outcome | None:
        return await asyncio.to_thread(self._look, delivery.reference)

    def cut(self) -> None:
        """Nothing is kept open."""

    async def close(self) -> None:
        """Nothing is kept open."""

    def _hand_over(self, reference: str, payload: bytes) -> Outcome:
        name, draft, mark = self._places(reference)
        try:
            if not mark.parent.is_dir():
                return Outcome(Verdict.NOT_SENT, "no .sent folder")
            if not mark.exists():
                _write(draft, payload)
                if self._endpoint.control:
                    self._write_control(name, payload)
                _sync(name.parent)  # a mark on the disk without its draft would mean `handed over`
                _write(mark, b"")
                _sync(mark.parent)
            return self._finish(name, draft)
        except OSError as error:
            if mark.exists():
                return Outcome(Verdict.UNKNOWN, f"disk: {type(error).__name__}")
            return Outcome(Verdict.NOT_SENT, f"disk: {type(error).__name__}")

    def _look(self, reference: str) -> Outcome:
        name, draft, mark = self._places(reference)
        try:
            if not mark.parent.is_dir():
                return Outcome(Verdict.UNKNOWN, "no .sent folder")
            return self._finish(name, draft) if mark.exists() else Outcome(Verdict.ABSENT, "no mark")
        except OSError as error:
            return Outcome(Verdict.UNKNOWN, f"disk: {type(error).__name__}")

    def _finish(self, name: Path, draft: Path) -> Outcome:
        if draft.exists():
            os.rename(draft, name)
            _sync(name.parent)
        return Outcome(Verdict.APPLIED, "handed over", name.name)

    def _write_control(self, name: Path, payload: bytes) -> None:
        totals = {
            "file": name.name,
            "documents": 1,
            "bytes": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
        }
        control = name.with_name(f"{name.name}.ctl")
        draft = control.with_name(f".{control.name}.draft")
        _write(draft, orjson.dumps(totals) + b"\n")
        os.rename(draft, control)

    def _places(self, reference: str) -> tuple[Path, Path, Path]:
        """(name, draft, mark) of a document."""
        folder, suffix = self._endpoint.folder, self._endpoint.suffix
        return folder / f"{reference}{suffix}", folder / f".{reference}.draft", folder / ".sent" / reference


def _write(path: Path, content: bytes) -> None:
    """On the disk when it returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
