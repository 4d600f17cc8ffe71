"""What `send` prints of an answer, whichever part of it says why."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli.main import main

SENT = b"MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C1|P|2.7\r"
HEAD = "MSH|^~\\&|S|E|EHR|NORTH|20261120101501||ACK^P03^ACK|1|P|2.7\rMSA|{}|C1{}\r{}"


@contextmanager
def answering(ack: str) -> Iterator[int]:
    """A port where whatever is sent is answered so."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            peer, _ = door.accept()
            with peer:
                while not peer.recv(65536).endswith(b"\x1c\r"):
                    pass
                peer.sendall(b"\x0b" + ack.encode() + b"\x1c\r")

        thread = threading.Thread(target=serve)
        thread.start()
        yield door.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("ack", "line"),
    [
        (HEAD.format("AA", "", ""), "AA"),
        (HEAD.format("AR", "|MSH-12 is no HL7 version 2", "ERR||MSH^1^12|203|E\r"), "AR MSH-12 is no HL7 version 2"),
        (HEAD.format("AE", "", "ERR||FT1^2^10|101^Required|E||||no quantity\r"), "AE FT1[2]-10 no quantity"),
        (HEAD.format("AR", "", "ERR||MSH^1^12|203|E\r"), "AR MSH-12 Unsupported version id"),
        (HEAD.format("AE", "", "ERR|PID^1^18^101\r"), "AE PID-18 Required field missing"),
    ],
)  # fmt: skip
def test_why_it_was_refused_is_printed(tmp_path: Path, ack: str, line: str) -> None:
    file = tmp_path / "a.hl7"
    file.write_bytes(SENT)
    with answering(ack) as port:
        sent = CliRunner().invoke(main, ["send", str(file), "--to", f"127.0.0.1:{port}"])
    assert sent.stdout == f"{file}: {line}\n"
    assert sent.exit_code == (0 if line == "AA" else 1)
