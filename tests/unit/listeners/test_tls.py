"""TLS doors: versions, clients by authority and fingerprint, renewal without a restart, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme

from engine.errors import UsageError
from engine.site.release import TlsFiles
from listeners.framing import encode
from listeners.http import HttpListener
from listeners.mllp import MllpListener


class Keys:
    """An authority with a server's and clients' certificates, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority, self.stranger = trustme.CA(), trustme.CA()
        self.clients = folder / "clients.pem"
        self.authority.cert_pem.write_to_path(self.clients)
        self.issue()

    def issue(self, *, days: int = 90, authority: trustme.CA | None = None) -> None:
        """A certificate for the server, over the one before."""
        until = datetime.now(UTC) + timedelta(days=days)
        issued = (authority or self.authority).issue_cert("127.0.0.1", not_after=until)
        (self.folder / "server.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(self.folder / "server.key")

    def files(self, *, clients: bool = False, fingerprints: tuple[str, ...] = ()) -> TlsFiles:
        return TlsFiles(
            self.folder / "server.pem",
            self.folder / "server.key",
            self.clients if clients else None,
            frozenset(fingerprints),
        )

    def client(
        self, certificate: trustme.LeafCert | None = None, authority: trustme.CA | None = None
    ) -> ssl.SSLContext:
        """What a sender that trusts the server's authority connects with."""
        context = ssl.create_default_context()
        (authority or self.authority).configure_trust(context)
        if certificate is not None:
            certificate.configure_cert(context)
        return context


@pytest.fixture
def keys(tmp_path) -> Keys:
    return Keys(tmp_path)


@pytest.fixture
def listen(intake, reported, started):
    given = {"report": reported.append, "host": "127.0.0.1", "port": 0}

    def start(files: TlsFiles, kind: type = MllpListener, **settings):
        return started(kind("ehr", intake, tls=files, **given, **settings))

    return start


async def said(port: int, context: ssl.SSLContext | None, message: bytes) -> bytes:
    """What comes back for a message on a connection of its own; b'' when the peer is not let in."""
    async with asyncio.timeout(10):
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="127.0.0.1" if context else None
            )
            writer.write(encode(message))
            await writer.drain()
            answer = await reader.read(4096)
            writer.close()
            await writer.wait_closed()
        except (ssl.SSLError, ConnectionError):
            return b""
        return answer


async def test_messages_come_in_and_are_answered_through_tls(listen, intake, keys):
    door = await listen(keys.files())
    assert await said(door.port, keys.client(), b"MSH|1") == encode(intake.ack(b"MSH|1"))
    assert intake.raws == [b"MSH|1"]


async def test_three_hundred_pipelined_messages_are_answered_in_order(listen, intake, keys):
    door = await listen(keys.files())
    messages = [b"MSH|%04d" % number for number in range(300)]
    wanted = b"".join(encode(intake.ack(message)) for message in messages)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=keys.client(), server_hostname="127.0.0.1"
    )
    stream = b"".join(map(encode, messages))
    for start in range(0, len(stream), 7):
        writer.write(stream[start : start + 7])
    async with asyncio.timeout(10):
        assert await reader.readexactly(len(wanted)) == wanted
    writer.close()


async def test_who_speaks_in_clear_is_not_heard_and_is_told_of(listen, intake, keys, reported):
    door = await listen(keys.files())
    assert encode(b"ACK") not in await said(door.port, None, b"MSH|1")
    assert intake.raws == []
    assert [fault.code for fault in reported] == ["LST033"]


async def test_tls_before_1_2_is_refused(listen, keys, reported):
    door = await listen(keys.files())
    old = keys.client()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert await said(door.port, old, b"MSH|1") == b""
    assert [fault.code for fault in reported] == ["LST033"]


async def test_a_client_must_come_from_the_authority(listen, intake, keys, reported):
    door = await listen(keys.files(clients=True))
    ours = keys.authority.issue_cert("feed.example")
    strange = keys.stranger.issue_cert("feed.example")
    assert await said(door.port, keys.client(), b"MSH|1") == b""
    assert await said(door.port, keys.client(strange), b"MSH|2") == b""
    assert await said(door.port, keys.client(ours), b"MSH|3") == encode(intake.ack(b"MSH|3"))
    assert intake.raws == [b"MSH|3"]
    assert [fault.code for fault in reported] == ["LST033", "LST033"]


def fingerprint(certificate: trustme.LeafCert) -> str:
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize("with_authority", [True, False])
async def test_a_client_must_be_the_one_whose_fingerprint_is_listed(listen, intake, keys, with_authority):
    known, other = keys.authority.issue_cert("feed.example"), keys.authority.issue_cert("feed.example")
    door = await listen(keys.files(clients=with_authority, fingerprints=(fingerprint(known),)))
    assert await said(door.port, keys.client(other), b"MSH|1") == b""
    assert await said(door.port, keys.client(), b"MSH|2") == b""
    assert await said(door.port, keys.client(known), b"MSH|3") == encode(intake.ack(b"MSH|3"))
    assert intake.raws == [b"MSH|3"]


async def test_a_fingerprint_of_a_strangers_certificate_does_not_open_where_an_authority_is_named(
    listen, intake, keys
):
    strange = keys.stranger.issue_cert("feed.example")
    door = await listen(keys.files(clients=True, fingerprints=(fingerprint(strange),)))
    assert await said(door.port, keys.client(strange), b"MSH|1") == b""
    assert intake.raws == []


async def test_an_expired_client_is_not_let_in_by_its_fingerprint(listen, intake, keys):
    gone = keys.authority.issue_cert("feed.example", not_after=datetime.now(UTC) - timedelta(days=1))
    door = await listen(keys.files(fingerprints=(fingerprint(gone),)))
    assert await said(door.port, keys.client(gone), b"MSH|1") == b""


async def test_a_renewed_certificate_is_taken_with_the_next_connection(listen, intake, keys):
    door = await listen(keys.files())
    renewed = trustme.CA()
    keys.issue(authority=renewed)
    assert await said(door.port, keys.client(), b"MSH|1") == b"", "it is another certificate now"
    assert await said(door.port, keys.client(authority=renewed), b"MSH|2") == encode(intake.ack(b"MSH|2"))


async def test_a_new_certificate_that_cannot_be_used_is_told_and_the_old_one_stays(
    listen, intake, keys, reported
):
    door = await listen(keys.files())
    (keys.folder / "server.pem").write_text("no certificate")
    assert await said(door.port, keys.client(), b"MSH|1") == encode(intake.ack(b"MSH|1"))
    assert [fault.code for fault in reported] == ["LST031"]


@pytest.mark.parametrize(("days", "codes"), [(90, []), (20, ["LST032"]), (-1, ["LST032"])])
async def test_a_certificate_that_ends_soon_is_told_of_at_the_start(listen, keys, reported, days, codes):
    keys.issue(days=days)
    await listen(keys.files())
    assert [fault.code for fault in reported] == codes


async def test_a_key_of_another_certificate_keeps_the_listener_from_starting(listen, keys):
    keys.stranger.issue_cert("127.0.0.1").private_key_pem.write_to_path(keys.folder / "server.key")
    with pytest.raises(UsageError) as raised:
        await listen(keys.files())
    assert raised.value.code == "LST031"


async def test_who_connects_and_does_not_shake_hands_is_cut_off(listen, keys, reported, monkeypatch):
    door = await listen(keys.files())
    monkeypatch.setattr("listeners.tls.HANDSHAKE_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    assert [fault.code for fault in reported] == ["LST033"]


async def test_nothing_waits_for_the_handshake_of_a_connection_that_is_over(listen, keys, monkeypatch):
    door = await listen(keys.files())
    loop, timers = asyncio.get_running_loop(), []

    def call_later(seconds, call):
        timers.append(loop.call_later(seconds, call))
        return timers[-1]

    recording = SimpleNamespace(get_running_loop=lambda: SimpleNamespace(call_later=call_later))
    monkeypatch.setattr("listeners.tls.asyncio", recording)
    _, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=keys.client(), server_hostname="127.0.0.1"
    )
    writer.close()
    await door.stop()
    assert [timer.cancelled() for timer in timers] == [True]


async def test_http_is_spoken_through_tls_and_a_refusal_reaches_the_sender(listen, intake, keys):
    door = await listen(keys.files(), HttpListener, path="/hl7")
    for path, status in ((b"/hl7", b"200"), (b"/other", b"404")):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", door.port, ssl=keys.client(), server_hostname="127.0.0.1"
        )
        writer.write(
            b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/hl7-v2\r\nContent-Length: 5\r\n\r\nMSH|1"
            % path
        )
        async with asyncio.timeout(5):
            assert (await reader.readline()).split()[1] == status
        writer.close()
    assert intake.raws == [b"MSH|1"]


async def test_a_stop_answers_what_came_in_through_tls(listen, intake, keys):
    intake.at_once = False
    door = await listen(keys.files())
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", door.port, ssl=keys.client(), server_hostname="127.0.0.1"
    )
    writer.write(encode(b"MSH|1"))
    await intake.until(lambda: intake.raws)
    stopping = asyncio.ensure_future(door.stop())
    await asyncio.sleep(0)
    intake.settle_all()
    async with asyncio.timeout(5):
        assert await reader.read() == encode(intake.ack(b"MSH|1"))
        await stopping
    writer.close()


def test_the_private_key_shows_nowhere(keys) -> None:
    shown = repr(keys.files())
    assert "PRIVATE" not in shown
    assert os.fspath(keys.folder / "server.key") in shown
