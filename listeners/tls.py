"""TLS at a listener's door: 1.2 and newer, clients known by a CA or by the fingerprint of their certificate.

The files are looked at again for each new connection, so that a renewed certificate needs no restart. Files that cannot
be used are told, and what worked before stays in force. Source: BCP 195 (RFC 9325); IHE ATNA.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IAddress, IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from engine.errors import Fault, UsageError
from engine.site.release import TlsFiles

HANDSHAKE_SECONDS = 10.0
"""How long a peer may take to shake hands."""

EXPIRES_SOON = timedelta(days=30)

_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL"


@implementer(IOpenSSLServerConnectionCreator)
class Keyring:
    """Makes the TLS side of each new connection of one listener. Raises `UsageError` LST031 when its files cannot be
    used from the start. `report`: told what an operator should know."""

    def __init__(self, feed: str, files: TlsFiles, report: Callable[[Fault], None]) -> None:
        self._feed, self._files, self._report = feed, files, report
        self._seen = self._stamps()
        try:
            self._context, self.expires = _loaded(files)
        except (OSError, ValueError, SSL.Error, crypto.Error) as error:
            what = f"feed {feed}: its certificate or key cannot be used ({type(error).__name__})"
            mend = f"PEM files, certificate and key of one pair: {', '.join(map(str, files.paths()))}"
            raise UsageError("LST031", what, mend) from None
        self._warn()

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        self._look_again()
        return SSL.Connection(self._context, None)

    def _look_again(self) -> None:
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._context, self.expires = _loaded(self._files)
        except (OSError, ValueError, SSL.Error, crypto.Error) as error:
            what = f"the new certificate or key cannot be used ({type(error).__name__}); the old one stays"
            self._report(Fault(self._feed, "LST031", what, "replace certificate and key together"))
            return
        self._warn()

    def _warn(self) -> None:
        left = self.expires - datetime.now(UTC)
        if left >= EXPIRES_SOON:
            return
        ended = left <= timedelta(0)
        what = (
            "the certificate has expired" if ended else f"the certificate expires on {self.expires:%Y-%m-%d}"
        )
        mend = "renew it: the new files are taken without a restart"
        self._report(Fault(self._feed, "LST032", what, mend, "warning"))

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        stamps = []
        for path in self._files.paths():
            try:
                stat = path.stat()
                stamps.append((stat.st_mtime_ns, stat.st_size))
            except OSError:
                stamps.append((0, 0))
        return tuple(stamps)


def secured(feed: str, factory: Factory, files: TlsFiles, report: Callable[[Fault], None]) -> Factory:
    """The same factory behind TLS. Raises `UsageError` LST031 when the files cannot be used."""
    return cast(Factory, _Doors(feed, factory, Keyring(feed, files, report), report))


class _Doors(TLSMemoryBIOFactory):
    noisy = False

    def __init__(
        self, feed: str, factory: Factory, keyring: Keyring, report: Callable[[Fault], None]
    ) -> None:
        super().__init__(
            cast(IOpenSSLServerConnectionCreator, keyring), False, cast(IProtocolFactory, factory)
        )
        self.protocol = _Door
        self.feed, self.report = feed, report

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol:
        """None: whoever the gate does not admit is closed at once, before a handshake."""
        inner = self.wrappedFactory.buildProtocol(addr)
        return cast(TLSMemoryBIOProtocol, None if inner is None else self.protocol(self, inner))


class _Door(TLSMemoryBIOProtocol):
    """One connection. Who does not shake hands in time, or not at all, is told."""

    factory: _Doors
    _timer: asyncio.TimerHandle | None = None

    def connectionMade(self) -> None:
        """Twisted says it twice: for the wire, and for who speaks on it."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_SECONDS, self._expire)
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._shaken():
            said = _said(reason.value)
            what = f"a peer was not let in: {said}"
            self.factory.report(
                Fault(f"{self.factory.feed} {self.getPeer().host}", "LST033", what, severity="warning")
            )
        super().connectionLost(reason)

    def _expire(self) -> None:
        if not self._shaken():
            self.abortConnection()

    def _shaken(self) -> bool:
        return self.getHandle().get_peer_finished() is not None


def _said(error: object) -> str:
    """What OpenSSL says of it: `certificate verify failed`."""
    reasons = error.args[0] if isinstance(error, SSL.Error) and error.args else ()
    return "; ".join(str(reason[-1]) for reason in reasons if reason) or "it did not finish the TLS handshake"


def expiry_of(certificate: Path) -> datetime:
    """When a PEM certificate ends. Raises `OSError` or `ValueError`."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def _loaded(files: TlsFiles) -> tuple[SSL.Context, datetime]:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE | SSL.OP_NO_RENEGOTIATION)
    context.set_cipher_list(_CIPHERS)
    context.use_certificate_chain_file(str(files.certificate))
    context.use_privatekey_file(str(files.key))
    context.check_privatekey()
    if files.clients is not None:
        context.load_verify_locations(str(files.clients))
        context.load_client_ca(bytes(files.clients))
    if files.asks_clients:
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _judge(files))
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # a resumed session would not be judged again
        context.set_options(SSL.OP_NO_TICKET)
    return context, expiry_of(files.certificate)


def _judge(files: TlsFiles) -> Callable[[SSL.Connection, crypto.X509, int, int, int], bool]:
    """Whether a certificate of the client's chain is taken. A fingerprint alone is enough where no CA is named, and is
    asked for beside it where one is."""

    def judge(connection: SSL.Connection, shown: crypto.X509, error: int, depth: int, well: int) -> bool:
        if files.clients is not None and not well:
            return False
        if depth > 0 or not files.fingerprints:
            return True
        der = crypto.dump_certificate(crypto.FILETYPE_ASN1, shown)
        return hashlib.sha256(der).hexdigest() in files.fingerprints and not shown.has_expired()

    return judge
