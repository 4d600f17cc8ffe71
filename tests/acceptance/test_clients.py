"""The HL7 doors of a running engine, with software that we did not write on the other end: python-hl7's command and
streams, curl, openssl. What they get is read by python-hl7 and validated by hl7apy."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import NamedTuple

import hl7
import pytest
import trustme
from hl7.mllp import open_hl7_connection
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from tests.acceptance.rig import END, START, Far, Suture, free_ports

SAMPLES = Path(__file__).parents[2] / "channels" / "samples"
VENDS = (SAMPLES / "oms-vends.hl7").read_text().replace("\n", "\r").replace("20261120", "20261119")
STRAY = (SAMPLES / "oms-no-station.hl7").read_text().replace("\n", "\r").replace("20261120", "20261119")
CHARGE = (
    "MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261119101500||DFT^P03|{0}|P|2.5.1|||{1}|{2}|USA|UNICODE UTF-8\r"
    "PID|1||MRN1^^^NORTH^MR||MÄRKED^JÖRG||19580412|F||||||||||ACC1^^^NORTH^AN\rPV1|1|I|OR^ROOM4^1^NORTH\r"
    "FT1|1|T{0}|B1|20261119094500||CG|IMP-FEM-06^FEMORAL^LOCAL|||1|4200.00|4200.00|OR-NORTH\r"
)
WITHIN = 20.0


class Doors(NamedTuple):
    """A running engine: the doors of the example, the cabinet's as its header says and in kind, and two behind TLS that
    ask for a certificate."""

    suture: Suture
    ports: dict[str, int]
    folder: Path
    trusts: ssl.SSLContext


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """One for all: each test tells messages of its own."""
    tmp_path = tmp_path_factory.mktemp("doors")
    far = Far(tmp_path)
    suture = Suture(tmp_path, far.urls)
    try:
        yield opened(suture, tmp_path)
    finally:
        if suture.process is not None:
            suture.stop(SIGKILL)
        far.close()


def opened(suture: Suture, tmp_path: Path) -> Doors:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "door.pem")
    authority.issue_cert("ehr.north.example").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "ehr.pem"
    )
    ports = dict(zip(("secure", "secure-http"), free_ports(2), strict=True))
    keys = f"tls: {{certificate: {tmp_path}/door.pem, key: {tmp_path}/door.pem, clients: {tmp_path}/ca.pem}}"
    site = suture.site / "config" / "suture.yaml"
    text = site.read_text().replace(
        "    sends: [OMS^O05]\n    acks: original\n",
        "    sends: [OMS^O05]\n    acks: by header\n    answers: typed\n"
        "  secure: {kind: mllp, acks: by header, sends: [DFT^P03]}\n"
        "  secure-http: {kind: hl7-http, path: /hl7, sends: [DFT^P03]}\n",
    )
    site.write_text(text)
    place = suture.environment
    more = "".join(
        f"  {name}: {{port: {port}, {keys}{', user: ehr, password: demo' * (name == 'secure-http')}}}\n"
        for name, port in ports.items()
    )
    place.write_text(place.read_text().replace("\ndestinations:\n", f"{more}\ndestinations:\n"))
    for channel in (suture.site / "channels").glob("*.yaml"):
        told = channel.read_text()
        channel.write_text(
            told.replace("from: [ehr, hl7-http]", "from: [ehr, hl7-http, secure, secure-http]")
        )
    suture.start()
    trusts = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    trusts.load_cert_chain(tmp_path / "ehr.pem")
    return Doors(suture, suture.ports | ports, tmp_path, trusts)


class Told(NamedTuple):
    """An answer as both libraries read it: hl7apy's structure of what it found valid, the rest by python-hl7."""

    structure: str
    code: str
    control: str
    own: str
    place: str


def told(answer: bytes | str) -> Told:
    text = (answer.decode() if isinstance(answer, bytes) else answer).strip("\x0b\x1c\r\n ") + "\r"
    message = hl7.parse(text)
    valid = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=False)
    assert valid.validate()
    assert valid.msa.msa_1.value == str(message["MSA.F1"])
    place = str(message.segment("ERR")(2)) if "\rERR|" in text else ""
    return Told(
        str(valid.name), str(message["MSA.F1"]), str(message["MSA.F2"]), str(message["MSH.F10"]), place
    )


def kept(doors: Doors, prefix: str) -> dict[str, str]:
    """What became of the messages whose control ids begin so."""
    doors.suture.settled()
    listed = json.loads(doors.suture.ask("messages", "--limit", "100", "--json").stdout)
    return {one["control_id"]: one["state"] for one in listed if one["control_id"].startswith(prefix)}


async def ran(*command: str, given: bytes = b"") -> tuple[int, bytes]:
    running = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    async with asyncio.timeout(WITHIN):
        said, _ = await running.communicate(given)
    return running.returncode or 0, said


async def test_the_command_mllp_send_gets_each_kind_of_answer_in_order(doors: Doors) -> None:
    file = doors.folder / "cabinet.hl7"
    never = VENDS.replace("|AL|NE|", "|NE|AL|").replace("CAB00001", "CAB00003")
    plain = VENDS.replace("|AL|NE|", "|||").replace("CAB00001", "CAB00002")
    refused = STRAY.replace("|AL|NE|", "|||").replace("CAB00009", "CAB00008")
    file.write_text("\r".join((plain, STRAY, never, refused)))
    command = Path(sys.executable).with_name("mllp_send")
    port = str(doors.ports["cabinet"])
    code, said = await ran(str(command), "--loose", "--port", port, "--file", str(file), "127.0.0.1")
    assert code == 0
    answers = [told(part) for part in said.split(END) if part.strip()]
    assert [one[:3] for one in answers] == [
        ("ORS_O06", "AA", "CAB00002"), ("ACK", "CE", "CAB00009"), ("ORS_O06", "AA", "CAB00003"),
        ("ORS_O06", "AE", "CAB00008"),
    ]  # fmt: skip
    assert [one.place[:7] for one in answers] == ["", "ZPM^2^3", "", "ZPM^2^3"]
    found = kept(doors, "CAB")
    assert found.keys() == {"CAB00002", "CAB00003", "CAB00008", "CAB00009"}
    assert [found[name] for name in ("CAB00008", "CAB00009")] == ["refused", "refused"]


async def test_python_hl7s_streams_get_both_acknowledgments_over_tls_with_a_certificate(doors: Doors) -> None:
    port = doors.ports["secure"]
    reader, writer = await open_hl7_connection("localhost", port, encoding="utf-8", ssl=doors.trusts)
    asked = [("T1", "AL", "AL"), ("T2", "NE", "NE"), ("T3", "", ""), ("T4", "AL", "NE"), ("T5", "SU", "SU")]
    for one in asked:
        writer.writemessage(hl7.parse(CHARGE.format(*one)))
    await writer.drain()
    async with asyncio.timeout(WITHIN):
        answers = [told(str(await reader.readmessage())) for _ in range(6)]
    assert [one[:3] for one in answers] == [
        ("ACK", "CA", "T1"), ("ACK", "AA", "T1"), ("ACK", "AA", "T3"), ("ACK", "CA", "T4"),
        ("ACK", "CA", "T5"), ("ACK", "AA", "T5"),
    ]  # fmt: skip
    assert len({one.own for one in answers}) == 6
    writer.close()
    await writer.wait_closed()
    assert len(kept(doors, "T")) == 5


async def test_openssl_is_answered_with_a_certificate_and_cut_off_without(doors: Doors) -> None:
    meets = ("openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{doors.ports['secure']}")
    trusts = ("-verify_return_error", "-CAfile", str(doors.folder / "ca.pem"))
    frame = START + CHARGE.format("O1", "", "").encode() + END
    shown = ("-cert", str(doors.folder / "ehr.pem"))
    running = await asyncio.create_subprocess_exec(
        *meets, *trusts, *shown, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(frame)
    async with asyncio.timeout(WITHIN):
        assert told(await running.stdout.readuntil(END))[:3] == ("ACK", "AA", "O1")
        running.terminate()
        await running.communicate()
    _, said = await ran(*meets, *trusts, given=frame.replace(b"|O1|", b"|O2|"))
    assert said == b""
    old = ("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")
    _, said = await ran(*meets, *trusts, *shown, *old, given=frame.replace(b"|O1|", b"|O3|"))
    assert said == b""
    assert kept(doors, "O").keys() == {"O1"}


def curl(
    doors: Doors, door: str, body: bytes, *options: str, user: str = "ehr:demo"
) -> tuple[int, int, str, bytes]:
    """Exit code, status, content type and body. The body is read from a file, as `--data-binary @FILE` does."""
    file = doors.folder / "body.hl7"
    file.write_bytes(body)
    scheme, host = ("https", "localhost") if door == "secure-http" else ("http", "127.0.0.1")
    url = f"{scheme}://{host}:{doors.ports[door]}/hl7"
    tell = ("--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code} %{content_type}")
    ran = subprocess.run(
        ["curl", *tell, "--user", user, "--data-binary", f"@{file}", *options, url],
        capture_output=True,
        check=False,
        timeout=30,
    )
    said, _, last = ran.stdout.rpartition(b"\n")
    status, _, kind = last.decode().partition(" ")
    return ran.returncode, int(status or 0), kind, said


ER7 = ("--header", "Content-Type: application/hl7-v2; charset=UTF-8")


def test_curl_posts_and_is_answered_in_the_type_that_it_sent(doors: Doors) -> None:
    for number, kind in enumerate(
        (
            "application/hl7-v2",
            "application/hl7-v2+er7",
            "x-application/hl7-v2+er7; charset=UTF-8",
            "text/plain",
        )
    ):
        body = CHARGE.format(f"H{number}", "AL", "NE").encode()
        code, status, said, answer = curl(doors, "hl7-http", body, "--header", f"Content-Type: {kind}")
        assert (code, status, said) == (0, 200, kind)
        assert told(answer)[:3] == ("ACK", "AA", f"H{number}")
    latin = CHARGE.format("H8", "", "").encode("latin-1")
    named = ("--header", "Content-Type: application/hl7-v2; charset=ISO-8859-1")
    assert told(curl(doors, "hl7-http", latin, *named)[3])[:3] == ("ACK", "AA", "H8")  # HTTP's charset wins
    wrong = CHARGE.format("H9", "", "").replace("|2.5.1|", "|3.0|").encode()
    _, status, _, answer = curl(doors, "hl7-http", wrong, *ER7)
    assert (status, str(hl7.parse(answer.decode())["MSA.F1"])) == (200, "AR")
    long = (
        CHARGE.format("H10", "", "") + "NTE|1||" + "x" * 1_500_000 + "\r"
    )  # curl asks first: Expect: 100-continue
    assert told(curl(doors, "hl7-http", long.encode(), *ER7)[3])[:3] == ("ACK", "AA", "H10")
    chunked = curl(
        doors, "hl7-http", CHARGE.format("H11", "", "").encode(), *ER7, "-H", "Transfer-Encoding: chunked"
    )
    assert told(chunked[3])[:3] == ("ACK", "AA", "H11")
    refused = [
        curl(doors, "hl7-http", b"MSH|^~\\&|", *ER7, user="ehr:wrong")[1:3],
        curl(doors, "hl7-http", b"MSH|^~\\&|", "--header", "Content-Type: application/json")[1:3],
        curl(doors, "hl7-http", b"no message", *ER7)[1:3],
    ]
    assert [status for status, _ in refused] == [401, 415, 400]
    assert {kind.partition(";")[0] for _, kind in refused} == {"text/plain"}
    assert kept(doors, "H").keys() == {"H0", "H1", "H2", "H3", "H8", "H9", "H10", "H11"}


def test_curl_needs_a_certificate_where_the_door_asks_for_one(doors: Doors) -> None:
    body = CHARGE.format("S1", "", "").encode()
    trusts = ("--cacert", str(doors.folder / "ca.pem"))
    shown = ("--cert", str(doors.folder / "ehr.pem"))
    code, status, _, answer = curl(doors, "secure-http", body, *ER7, *trusts, *shown)
    assert (code, status) == (0, 200)
    assert told(answer)[:3] == ("ACK", "AA", "S1")
    assert curl(doors, "secure-http", body, *ER7, *trusts, *shown, user="ehr:no")[1] == 401
    code, status, *_ = curl(doors, "secure-http", body, *ER7, *trusts)
    assert code != 0
    assert status == 0
    assert curl(doors, "secure-http", body, *ER7, *shown)[0] == 60  # curl does not trust the door
    assert kept(doors, "S").keys() == {"S1"}
