"""Files that appear whole, once, and are known to have been handed over whatever happened in between."""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from engine.adapters import file as module
from engine.adapters.file import FileAdapter, FileEndpoint
from engine.domain.outcome import Verdict
from engine.domain.posting import Action, Priority
from engine.domain.status import DeliveryState
from engine.domain.views import Outgoing


def document(reference: str = "REF1", payload: bytes = b"FT1|1\r") -> Outgoing:
    return Outgoing(
        1, "billing", "charge", Action.POST, 1, Priority.LIVE, reference, "", payload, 0, DeliveryState.SENDING, None
    )  # fmt: skip


@pytest.fixture(autouse=True)
def memory(tmp_path):
    """Made once, by whoever sets the folder up."""
    (tmp_path / ".sent").mkdir()


class Died(Exception):
    """The process ended here."""


async def test_a_document_becomes_a_file_under_its_reference(tmp_path):
    adapter = FileAdapter(FileEndpoint(tmp_path, ".hl7"))
    outcome = await adapter.send(document())
    assert (outcome.verdict, outcome.document) == (Verdict.APPLIED, "REF1.hl7")
    assert (tmp_path / "REF1.hl7").read_bytes() == b"FT1|1\r"
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["REF1.hl7"]


async def test_a_document_that_was_taken_away_is_not_handed_over_again(tmp_path):
    adapter = FileAdapter(FileEndpoint(tmp_path, ".hl7"))
    await adapter.send(document())
    (tmp_path / "REF1.hl7").unlink()
    assert (await adapter.send(document())).verdict is Verdict.APPLIED
    assert (await adapter.probe(document())).verdict is Verdict.APPLIED
    assert not (tmp_path / "REF1.hl7").exists()


async def test_who_asks_for_what_was_never_sent_hears_so(tmp_path):
    assert (await FileAdapter(FileEndpoint(tmp_path, ".hl7")).probe(document())).verdict is Verdict.ABSENT
    gone = FileAdapter(FileEndpoint(tmp_path / "gone", ".hl7"))
    assert (await gone.probe(document())).verdict is Verdict.UNKNOWN
    assert (await gone.send(document())).verdict is Verdict.NOT_SENT


async def test_a_folder_that_remembers_nothing_gets_nothing_and_denies_nothing(tmp_path):
    """Where a share is not mounted, its empty mount point is a folder too."""
    adapter = FileAdapter(FileEndpoint(tmp_path, ".hl7"))
    await adapter.send(document())
    (tmp_path / ".sent" / "REF1").unlink()
    (tmp_path / ".sent").rmdir()
    assert (await adapter.probe(document())).verdict is Verdict.UNKNOWN
    assert (await adapter.send(document("REF2"))).verdict is Verdict.NOT_SENT
    assert not (tmp_path / "REF2.hl7").exists()


@pytest.mark.parametrize("step", range(1, 12))
@pytest.mark.parametrize("taken", [False, True])
async def test_killed_at_any_step_the_document_is_handed_over_once(tmp_path, monkeypatch, step, taken):
    left = step

    def dying(name, real):
        def call(*arguments):
            nonlocal left
            left -= 1
            if left == 0:
                raise Died(name)
            return real(*arguments)

        return call

    adapter = FileAdapter(FileEndpoint(tmp_path, ".hl7", control=True))
    with monkeypatch.context() as patched:
        patched.setattr(module, "_write", dying("write", module._write))
        patched.setattr(module, "_sync", dying("sync", module._sync))
        patched.setattr(module.os, "rename", dying("rename", os.rename))
        try:
            await adapter.send(document())
        except Died:
            pass
    seen = 0
    if taken and (tmp_path / "REF1.hl7").exists():
        (tmp_path / "REF1.hl7").unlink()
        seen += 1
    if (await adapter.probe(document())).verdict is Verdict.ABSENT:
        assert seen == 0
        await adapter.send(document())
    if (tmp_path / "REF1.hl7").exists():
        assert (tmp_path / "REF1.hl7").read_bytes() == b"FT1|1\r"
        seen += 1
    assert seen == 1


async def test_control_totals_stand_beside_the_file(tmp_path):
    await FileAdapter(FileEndpoint(tmp_path, ".hl7", control=True)).send(document())
    assert json.loads((tmp_path / "REF1.hl7.ctl").read_text()) == {
        "file": "REF1.hl7",
        "documents": 1,
        "bytes": 6,
        "sha256": hashlib.sha256(b"FT1|1\r").hexdigest(),
    }
