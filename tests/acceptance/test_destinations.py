"""Charges over MLLP and goods issues as files, from the same channel: once each, whatever happens in between."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from engine.codecs.hl7v2.lexer import Message
from tests.acceptance.rig import END, START, Far, Suture
from tests.acceptance.test_serve import send, usage

CHARGE = """\
write: hl7
message: DFT^P03
about: A charge, as billing takes it
document:
  MSH-3: {text: SUTURE}
  MSH-7: received_at
  PID-3.1: patient
  PID-18: account
  FT1:
    each: lines
    give: {FT1-1: number, FT1-4: used_on, FT1-6: {text: CG}, FT1-7.1: charge.charge_code, FT1-10: quantity}
"""


class Billing:
    """Takes messages over MLLP; `mute`: how many it books without an answer."""

    def __init__(self, mute: int = 0) -> None:
        self.port = 0
        self.heard: list[Message] = []
        self.mute = mute

    async def __aenter__(self) -> Billing:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader, writer) -> None:
        try:
            while True:
                message = Message.parse((await reader.readuntil(END)).removesuffix(END).removeprefix(START))
                control = message.header.control_id
                known = any(other.header.control_id == control for other in self.heard)
                if not known:  # a repeated control id is the same message
                    self.heard.append(message)
                if self.mute:
                    self.mute -= 1
                    writer.close()
                    return
                answer = f"MSH|^~\\&|B|H|SUTURE||20261120||ACK|1|P|2.5.1\rMSA|AA|{control}\r"
                writer.write(START + answer.encode() + END)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def carry(suture, billing: int, outbox: Path, *more: str) -> None:
    """The example site with its charges over MLLP and its issues in a folder."""
    site = suture.site / "config" / "suture.yaml"
    head = site.read_text().split("destinations:")[0]
    options = "".join(f"    {line}\n" for line in more)
    site.write_text(
        f"{head}destinations:\n  erp:\n    kind: file\n    suffix: .json\n    patient_data: limited\n"
        "  billing:\n    kind: mllp\n    settle: 200ms\n    patient_data: allowed\n    retry: {first: 100ms}\n"
        f"{options}"
    )
    place = suture.environment.read_text()
    place = re.sub(r'erp: \{url: "[^"]+"', f'erp: {{url: "file:{outbox}"', place)
    suture.environment.write_text(
        re.sub(r'billing: \{url: "[^"]+"', f'billing: {{url: "mllp://127.0.0.1:{billing}"', place)
    )
    (suture.site / "mappings" / "billing" / "charge.yaml").write_text(CHARGE)
    for channel in (suture.site / "channels").glob("*.yaml"):
        text = channel.read_text()
        channel.write_text(text.split("\ntests:")[0] + "\n")


async def test_charges_go_over_mllp_and_issues_into_files(suture, tmp_path):
    outbox = tmp_path / "outbox"
    (outbox / ".sent").mkdir(parents=True)
    async with Billing() as billing:
        carry(suture, billing.port, outbox)
        await asyncio.to_thread(suture.start)
        await send(suture, usage(1), usage(2))
        account = await asyncio.to_thread(suture.settled)
        assert len(billing.heard) == 2
    assert account["messages"]["by_state"] == {"routed": 2}
    assert len([path for path in outbox.iterdir() if not path.name.startswith(".")]) == 2


async def test_a_lost_acknowledgment_is_told_again_where_that_is_safe(suture, tmp_path):
    (tmp_path / "outbox" / ".sent").mkdir(parents=True)
    async with Billing(mute=1) as billing:
        carry(suture, billing.port, tmp_path / "outbox", "honours_idempotency: true")
        assert "CTL019" in suture.ask("doctor", "--keys", "billing", "--booked-once").stderr
        billing.mute, told = 0, tmp_path / "told.hl7"
        told.write_bytes(b"MSH|^~\\&|S||B||20261120||DFT^P03|KEYS-1|P|2.5.1\rEVN|P03\r")
        tried = await asyncio.to_thread(suture.ask, "doctor", "--keys", "billing", "--document", str(told))
        assert "both were acknowledged; look there" in tried.stdout, tried.stderr
        shown = suture.ask("doctor", "--keys", "billing", "--booked-once")
        assert shown.returncode == 0, shown.stderr
        billing.mute = 1
        billing.heard.clear()
        await asyncio.to_thread(suture.start)
        await send(suture, usage(1))
        account = await asyncio.to_thread(suture.settled)
        assert len(billing.heard) == 1
    assert account["worklist"] == []


async def test_what_is_only_said_of_a_far_end_is_not_relied_upon(suture, tmp_path):
    """Rules of money, 8: declared, and shown by `doctor`."""
    (tmp_path / "outbox" / ".sent").mkdir(parents=True)
    async with Billing(mute=1) as billing:
        carry(suture, billing.port, tmp_path / "outbox", "honours_idempotency: true")
        await asyncio.to_thread(suture.start)
        await send(suture, usage(1))
        account = await asyncio.to_thread(suture.settled)
    assert [group["effects"] for group in account["worklist"]] == [1]
    assert "amiss  keys of billing: not shown" in suture.ask("doctor").stdout


async def test_a_lost_acknowledgment_awaits_a_person_where_nobody_can_be_asked(suture, tmp_path):
    (tmp_path / "outbox" / ".sent").mkdir(parents=True)
    async with Billing(mute=1) as billing:
        carry(suture, billing.port, tmp_path / "outbox")
        await asyncio.to_thread(suture.start)
        await send(suture, usage(1))
        account = await asyncio.to_thread(suture.settled)
        assert len(billing.heard) == 1
    assert [group["effects"] for group in account["worklist"]] == [1]


CHARGED = """{"reference": "KEYS-1", "account": "A1", "patient": "M1", "lines": [
{"line": 1, "code": "27811420", "quantity": "1", "service_date": "2026-11-20", "department": "OR-NORTH"}]}"""


@pytest.mark.parametrize(
    ("duplicates", "code", "told"),
    [
        ("idempotent", 0, "shown: both times it answered with document CH-000001"),
        ("refuse", 0, "shown: both times it answered with document CH-000001"),
        ("accept", 1, "not shown: it was booked twice, as CH-000001 and CH-000002: take one back there"),
    ],
)
def test_doctor_shows_whether_keys_are_honoured_by_sending_twice(tmp_path, duplicates, code, told):
    far = Far(tmp_path, "--billing-duplicates", duplicates)
    try:
        suture = Suture(tmp_path, far.urls)
        site = suture.site / "config" / "suture.yaml"
        head, tail = site.read_text().split("  billing:\n")
        site.write_text(
            f"{head}  billing:\n"
            + tail.replace(
                "    settle: 2s",
                "    settle: 2s\n    idempotency_header: Idempotency-Key\n    honours_idempotency: true",
            )
        )
        document = tmp_path / "charge.json"
        document.write_text(CHARGED)
        answer = suture.ask("doctor", "--keys", "billing", "--document", str(document), "--path", "/charges")
        assert (answer.returncode, answer.stdout.strip()) == (code, told), answer.stderr
        well = suture.ask("doctor").stdout
        assert ("ok     keys of billing: shown" in well) == (code == 0)
    finally:
        far.close()


def test_doctor_needs_a_document_with_a_key(suture, tmp_path):
    document = tmp_path / "charge.json"
    document.write_text("{}")
    answer = suture.ask("doctor", "--keys", "billing", "--document", str(document))
    assert answer.returncode == 2
    assert "CLI009 the document says no key" in answer.stderr


def test_a_proof_is_withdrawn_by_a_later_trial_that_shows_otherwise(tmp_path):
    document = tmp_path / "charge.json"
    said = []
    for number, duplicates in enumerate(("idempotent", "accept")):
        far = Far(tmp_path, "--billing-duplicates", duplicates)
        try:
            if not number:
                suture = Suture(tmp_path, far.urls)
                port = far.urls["billing"].rpartition(":")[2]
                site = suture.site / "config" / "suture.yaml"
                head, tail = site.read_text().split("  billing:\n")
                more = "settle: 2s\n    idempotency_header: Idempotency-Key\n    honours_idempotency: true"
                site.write_text(f"{head}  billing:\n" + tail.replace("settle: 2s", more))
            else:  # the same address: what was shown was shown of it
                far.close()
                far = Far(tmp_path, "--billing-duplicates", duplicates, "--billing-port", port)
            document.write_text(CHARGED.replace("KEYS-1", f"KEYS-{number}"))
            suture.ask("doctor", "--keys", "billing", "--document", str(document), "--path", "/charges")
            said.append("ok     keys of billing: shown" in suture.ask("doctor").stdout)
        finally:
            far.close()
    assert said == [True, False]
