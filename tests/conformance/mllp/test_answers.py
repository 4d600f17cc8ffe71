"""Our door, its store and its answers, as other people's software meets them: python-hl7's clients send, hl7apy reads
and validates what comes back."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime

import hl7
import pytest
from hl7.client import MLLPClient
from hl7.mllp import open_hl7_connection
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from engine.codecs.hl7v2.ack import AckError, build_ack
from engine.codecs.hl7v2.header import peek
from engine.domain.status import MessageState
from tests.conformance.mllp.conftest import BAD, GOOD, cabinet

NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
VERSIONS = ["2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8"]
"""Up to 2.3 MSH-9 names no structure, and hl7apy makes one of type and trigger that no version has."""


def told(ack: bytes | str) -> tuple[str, str, str]:
    """Type, code and control id, as python-hl7 reads them."""
    text = ack.decode() if isinstance(ack, bytes) else ack
    message = hl7.parse(text.strip("\x0b\x1c\r"))
    return str(message.segment("MSH")(9)), str(message["MSA.F1"]), str(message["MSA.F2"])


async def test_the_command_mllp_send_is_told_what_is_taken_and_what_is_refused(door, tmp_path):
    file = tmp_path / "day.hl7"
    file.write_text(GOOD.replace("\r", "\n") + BAD.replace("\r", "\n"))
    sender = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from hl7.client import mllp_send; mllp_send()"),
        *("--loose", "--port", str(door.port), "--file", str(file), "127.0.0.1"),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        said, _ = await sender.communicate()
    assert sender.returncode == 0
    assert said.count(b"MSA|AA|CAB00001") == 1
    assert said.count(b"MSA|AE|CAB00009|the movement does not say which cabinet it is of") == 1
    assert b"ERR||ZPM^2^3^1|101^Required field missing^HL70357|E||||" in said
    assert await door.states() == [MessageState.PENDING, MessageState.REFUSED]


async def test_the_blocking_client_is_answered_in_kind(door):
    door.rules = cabinet("    answers: typed\n")

    def talk() -> list[tuple[str, str, str]]:
        with MLLPClient("127.0.0.1", door.port) as client:
            return [told(client.send_message(text)) for text in (GOOD, BAD)]

    assert await asyncio.to_thread(talk) == [
        ("ORS^O06^ORS_O06", "AA", "CAB00001"),
        ("ORS^O06^ORS_O06", "AE", "CAB00009"),
    ]


async def test_the_streams_get_accept_and_application_acknowledgments_in_order(door):
    door.rules = cabinet("    acks: by header\n")
    reader, writer = await open_hl7_connection("127.0.0.1", door.port, encoding="utf-8")
    both, never = GOOD.replace("|AL|NE|", "|AL|AL|"), GOOD.replace("|AL|NE|", "|NE|NE|")
    late = BAD.replace("|AL|NE|", "|ER|AL|")
    try:
        for number, text in enumerate((both, never, late, GOOD)):
            writer.writemessage(hl7.parse(text.replace("CAB0000", f"CAB{number}")))
        await writer.drain()
        async with asyncio.timeout(10):
            answers = [told(str(await reader.readmessage())) for _ in range(4)]
    finally:
        writer.close()
        await writer.wait_closed()
    assert [(code, control[:4]) for _, code, control in answers] == [
        ("CA", "CAB0"), ("AA", "CAB0"), ("CE", "CAB2"), ("CA", "CAB3"),
    ]  # fmt: skip
    assert await door.states() == [
        MessageState.PENDING, MessageState.PENDING, MessageState.REFUSED, MessageState.PENDING,
    ]  # fmt: skip


def validated(ack: bytes, encoding: str = "utf-8") -> str:
    """The structure that hl7apy finds and validates. Raises what it has against it."""
    message = parse_message(ack.decode(encoding), validation_level=VALIDATION_LEVEL.STRICT, find_groups=False)
    assert message.validate()
    return str(message.name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("code", ["AA", "AE", "AR", "CA", "CE", "CR"])
def test_our_acknowledgments_are_valid_to_hl7apy(version, code):
    header = peek(f"MSH|^~\\&|EHR|NORTH|S|E|20261120||DFT^P03^DFT_P03|C1|P|{version}".encode())
    errors = [AckError.of("PID-18", 101, "the account is missing"), AckError.of("FT1[2]-7.1", 103)]
    said = {"text": "the account is missing", "errors": errors} if code[1] != "A" else {}
    ack = build_ack(header, code, now=NOW, control_id="S1", last=code == "AA", **said)
    assert validated(ack) == "ACK"


@pytest.mark.parametrize(
    ("kind", "version", "structure"),
    [
        *(("ORM^O01^ORM_O01", version, "ORR_O02") for version in ("2.3.1", "2.4", "2.5", "2.5.1", "2.6")),
        *(("OMS^O05^OMS_O05", version, "ORS_O06") for version in VERSIONS[1:]),
        *(("OMN^O07^OMN_O07", version, "ORN_O08") for version in VERSIONS[1:]),
        *(("RDS^O13^RDS_O13", version, "RRD_O14") for version in VERSIONS[1:]),
        ("OMS^O01^OMS_O01", "2.3.1", "ORS_O02"),
        ("OMN^O01^OMN_O01", "2.3.1", "ORN_O02"),
        ("RDS^O01^RDS_O01", "2.3.1", "RRD_O02"),
    ],
)
@pytest.mark.parametrize("code", ["AA", "AE"])
def test_typed_answers_are_valid_to_hl7apy(kind, version, structure, code):
    header = peek(f"MSH|^~\\&|EHR|NORTH|S|E|20261120||{kind}|C1|P|{version}".encode())
    errors = [AckError.of("ZPM[2]-3", 101, "no station")] if code == "AE" else []
    ack = build_ack(header, code, now=NOW, control_id="S1", errors=errors, typed=True)
    assert validated(ack) == structure
