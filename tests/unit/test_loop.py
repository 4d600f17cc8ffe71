"""The bridge, in processes of its own: a process has one reactor, and the tests' session has it already."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest

from engine import loop
from engine.errors import Bug

SERVE = """
import asyncio, signal
from engine.loop import reactor, run
from twisted.internet.protocol import Factory, Protocol

class Echo(Protocol):
    def dataReceived(self, data):
        self.transport.write(data)

async def main():
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    assert reactor() is reactor()
    port = reactor().listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
    reader, writer = await asyncio.open_connection("127.0.0.1", port.getHost().port)
    writer.write(b"hello")
    print((await reader.readexactly(5)).decode(), type(asyncio.get_running_loop()).__module__)
    writer.close()
    signal.raise_signal(signal.SIGTERM)
    await stopping.wait()
    return 7

print(run(main()))
"""


def python(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("prelude", "kind"),
    [("", "uvloop"), ("import sys; sys.modules['uvloop'] = None\n", "asyncio.unix_events")],
)
def test_sockets_signals_and_results_work_on_either_loop(prelude, kind):
    ran = python(prelude + SERVE)
    assert (ran.stdout, ran.stderr, ran.returncode) == (f"hello {kind}\n7\n", "", 0)


def test_importing_the_listeners_installs_no_reactor():
    ran = python(
        """
        import sys
        import listeners.http, listeners.mllp
        print("twisted.internet.reactor" in sys.modules)
        """
    )
    assert (ran.stdout, ran.stderr) == ("False\n", "")


def test_a_foreign_reactor_is_a_bug_not_a_mystery():
    ran = python(
        """
        from twisted.internet import reactor as _
        from engine import loop
        async def main(): loop.reactor()
        loop.run(main())
        """
    )
    assert "Bug: something imported twisted.internet.reactor" in ran.stderr


async def test_the_reactor_does_not_serve_a_second_loop():
    loop.reactor()

    async def elsewhere() -> None:
        loop.reactor()

    with pytest.raises(Bug, match="another event loop"):
        await asyncio.to_thread(loop.run, elsewhere())
