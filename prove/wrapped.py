"""Runs the engine's own command with something wrapped around it: `python -m prove.wrapped OPTIONS serve --site ...`

--sabotage=WHAT       breaks a rule on purpose, so that its proof must fail (see `SABOTAGES`)
--kill-at=KIND:WHEN:N ends the process at the N-th commit or send, before or after it
--pages=KIB           the store keeps so few of its pages in memory, so that what grows is not they
--disk=FILE           every write and sync of the log fails as FILE says: full, io, sync, or nothing
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import apsw


def forget_marks() -> None:
    """What was leaving when the engine died is taken for ready: it is sent again unasked."""
    from engine import app

    activate = app.activate

    async def activating(store, site, clock, actor, **how):  # type: ignore[no-untyped-def]
        store._writing.execute("UPDATE delivery SET state = 0 WHERE state IN (1, 3)")
        return await activate(store, site, clock, actor, **how)

    app.activate = activating


def hope() -> None:
    """An unknown outcome is taken for not sent."""
    from engine.delivery import dispatcher
    from engine.domain.outcome import Verdict

    real = dispatcher.after_send

    def hopeful(outcome, attempt, policy, now_us):  # type: ignore[no-untyped-def]
        if outcome.verdict is Verdict.UNKNOWN:
            outcome = outcome._replace(verdict=Verdict.NOT_SENT)
        return real(outcome, attempt, policy, now_us)

    dispatcher.after_send = hopeful


def probe_at_once() -> None:
    """An unknown is asked about without waiting, and one answer is enough."""
    from engine.delivery import dispatcher, retry

    retry.ABSENT_ANSWERS = 1
    retry._unknown = lambda policy, now_us: retry.Next(retry.DeliveryState.UNKNOWN, now_us)
    dispatcher.after_send = retry.after_send


def acknowledge_early() -> None:
    """An acknowledgment is given before its commit."""
    from engine.store.writer import GroupWriter

    real = GroupWriter.submit

    def early(self, changes):  # type: ignore[no-untyped-def]
        from engine.domain.changes import Kept, Received

        future = real(self, changes)
        if len(changes) == 1 and isinstance(changes[0], Received):
            told = self._loop.create_future()
            told.set_result([Kept(0, changes[0].state)])  # type: ignore[arg-type]
            return told
        return future

    GroupWriter.submit = early  # type: ignore[method-assign]


def forget_keys() -> None:
    """Business keys are not looked at: a resend posts again."""
    from engine.pipeline.digests import Digester

    count = iter(range(1_000_000_000))
    real = Digester.digest

    def other(self, *parts):  # type: ignore[no-untyped-def]
        return (
            real(self, *parts, str(next(count)))
            if parts[:1] in (("strong",), ("weak",))
            else real(self, *parts)
        )

    Digester.digest = other  # type: ignore[method-assign]


def no_order() -> None:
    """Every document has a lane of its own."""
    from engine.pipeline.digests import Digester

    count = iter(range(1_000_000_000))
    real = Digester.lane
    Digester.lane = lambda self, *parts: real(self, *parts, str(next(count)))  # type: ignore[method-assign]


def never_step_aside() -> None:
    """A document that is refused for good is tried again and again, and its lane waits behind it."""
    from engine.delivery import dispatcher
    from engine.domain.outcome import Verdict

    real = dispatcher.after_send

    def stubborn(outcome, attempt, policy, now_us):  # type: ignore[no-untyped-def]
        if outcome.verdict is Verdict.REJECTED:
            outcome = outcome._replace(verdict=Verdict.NOT_SENT, retry_after=600.0)
        return real(outcome, attempt, policy, now_us)

    dispatcher.after_send = stubborn


def reverse_something_else() -> None:
    """A reversal is not built from what was posted: it puts back another item."""
    from engine.pipeline import reversing

    real = reversing.restore

    def other(values):  # type: ignore[no-untyped-def]
        posted = real(values)
        item = posted.get("item")
        return {**posted, "item": {**item, "item": "1000107"}} if isinstance(item, dict) else posted

    reversing.restore = other  # type: ignore[assignment]


def leave_marks() -> None:
    """A clean stop forgets what it marked and did not send, and cuts what is under way."""
    from engine.delivery.dispatcher import Dispatcher

    async def abrupt(self) -> None:  # type: ignore[no-untyped-def]
        self._running = False
        for task in self._tasks:
            task.cancel()

    Dispatcher.stop = abrupt  # type: ignore[method-assign]


def no_recovery() -> None:
    """A restored store is taken for any other."""
    from engine.store.reads import SqliteReads

    async def never(self) -> None:  # type: ignore[no-untyped-def]
        return None

    SqliteReads.recovering = never  # type: ignore[method-assign,assignment]


def look_for_nothing() -> None:
    """A Tryton document is made without looking whether it is there already."""
    from engine.adapters.tryton import invoices, journals, purchases, shipments

    async def nothing(desk, model, domain, fields):  # type: ignore[no-untyped-def]
        return None

    for module in (invoices, journals, purchases, shipments):
        module.only = nothing  # type: ignore[attr-defined]


def no_lateness() -> None:
    """What comes in bulk is as urgent as what is live."""
    from engine.domain.posting import Stepped

    Stepped.late = lambda self: self  # type: ignore[method-assign]


def forget_releases() -> None:
    """A release that was cut short is not gone on with at the next start."""
    from engine.store.reads import SqliteReads

    async def nothing(self, verb, ending):  # type: ignore[no-untyped-def]
        return []

    SqliteReads.acts_without = nothing  # type: ignore[method-assign]


def late_saves() -> None:
    """An older save that comes late is taken for the newest."""
    from engine.pipeline import judging, whole

    judging.newer_save = whole.newer_save = lambda context, part: None  # type: ignore[assignment]


def all_own() -> None:
    """Every feed is taken for the one that counts."""
    from engine.pipeline import owing

    real = owing.sighting_of

    def owned(context, line, due):  # type: ignore[no-untyped-def]
        sighting = real(context, line, due)
        return sighting and sighting._replace(owned=True)

    owing.sighting_of = owned


def cross_answers() -> None:
    """Answers go out as they come, whichever message of the connection waits first."""
    from listeners import mllp

    real = mllp._Connection._settled

    def settled(self, answer):  # type: ignore[no-untyped-def]
        self._waiting = type(self._waiting)(sorted(self._waiting, key=lambda one: not one[0].done()))
        self._waiting.rotate(1)
        return real(self, answer)

    mllp._Connection._settled = settled  # type: ignore[method-assign]


def stumble() -> None:
    """A number that is too long is a fault of ours."""
    from engine.pipeline import stepper

    real = stepper.read_message

    def read(release, digester, inbound):  # type: ignore[no-untyped-def]
        if b"9" * 300 in inbound.raw:
            raise ZeroDivisionError
        return real(release, digester, inbound)

    stepper.read_message = read


def stumble_at_names() -> None:
    """A name that stands twice in a body is a fault of ours."""
    from engine.codecs.fhir import body

    def stumbles(pairs):  # type: ignore[no-untyped-def]
        if len(dict(pairs)) != len(pairs):
            raise ZeroDivisionError
        return dict(pairs)

    body._DECODER = json.JSONDecoder(object_pairs_hook=stumbles)


SABOTAGES: dict[str, Callable[[], None]] = {
    "forget-marks": forget_marks,
    "hope": hope,
    "probe-at-once": probe_at_once,
    "acknowledge-early": acknowledge_early,
    "forget-keys": forget_keys,
    "no-order": no_order,
    "never-step-aside": never_step_aside,
    "reverse-something-else": reverse_something_else,
    "leave-marks": leave_marks,
    "no-recovery": no_recovery,
    "no-lateness": no_lateness,
    "look-for-nothing": look_for_nothing,
    "forget-releases": forget_releases,
    "late-saves": late_saves,
    "all-own": all_own,
    "cross-answers": cross_answers,
    "stumble": stumble,
    "stumble-at-names": stumble_at_names,
}


def few_pages(kib: int) -> None:
    """Of each connection to the store."""
    from engine.store import sqlite

    sqlite._PRAGMAS = (*(one for one in sqlite._PRAGMAS if "cache_size" not in one), f"cache_size = -{kib}")
    sqlite._CACHE_KIB = kib


class Countdown:
    """Ends the process, as a power cut would, at the n-th call."""

    def __init__(self, when: str, left: int) -> None:
        self.when, self.left = when, left

    def around(self, call: Callable[[], object]) -> object:
        self.left -= 1
        if self.left == 0 and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call()
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def kill_at(spec: str) -> None:
    """`commit:before:7` or `send:after:3`."""
    kind, when, number = spec.split(":")
    countdown = Countdown(when, int(number))
    if kind == "commit":
        from engine.store import commit_thread

        class Counting:
            def __init__(self, connection: apsw.Connection) -> None:
                self._connection = connection

            def execute(self, statement: str) -> object:
                return countdown.around(lambda: self._connection.execute(statement))

        real_init = commit_thread.CommitThread.__init__

        def init(self, connection, loop):  # type: ignore[no-untyped-def]
            real_init(self, Counting(connection), loop)  # type: ignore[arg-type]

        commit_thread.CommitThread.__init__ = init  # type: ignore[method-assign]
    else:
        from engine.adapters import transport

        real_ask = transport._Connection.ask

        def ask(self, request, timeout):  # type: ignore[no-untyped-def]
            return countdown.around(lambda: real_ask(self, request, timeout))

        transport._Connection.ask = ask  # type: ignore[method-assign]


class FaultyDisk(apsw.VFS):
    """Files of this process; writes and syncs of a log fail as the control file says at that moment."""

    ERRORS = {
        "full": apsw.FullError,
        "io": apsw.IOError,
        "sync": apsw.IOError,
        "readonly": apsw.ReadOnlyError,
    }

    def __init__(self, control: Path) -> None:
        self.control = control
        super().__init__("faulty", "unix", makedefault=True)

    def xOpen(self, name, flags):  # type: ignore[no-untyped-def]
        return FaultyFile(self, name, flags)

    def fail(self, syncing: bool) -> None:
        mood = self.control.read_text().strip() if self.control.exists() else ""
        if mood and (mood == "sync") == syncing:
            raise self.ERRORS[mood]("the proof's disk")


class FaultyFile(apsw.VFSFile):
    def __init__(self, disk: FaultyDisk, name, flags) -> None:  # type: ignore[no-untyped-def]
        super().__init__("unix", name, flags)
        self._disk = disk if flags[0] & apsw.SQLITE_OPEN_WAL else None

    def xWrite(self, data, offset):  # type: ignore[no-untyped-def]
        if self._disk:
            self._disk.fail(syncing=False)
        super().xWrite(data, offset)

    def xSync(self, flags):  # type: ignore[no-untyped-def]
        if self._disk:
            self._disk.fail(syncing=True)
        super().xSync(flags)


def main() -> None:
    disk: FaultyDisk | None = None
    while len(sys.argv) > 1 and sys.argv[1].startswith("--"):
        name, _, value = sys.argv.pop(1).partition("=")
        match name:
            case "--sabotage":
                SABOTAGES[value]()
            case "--kill-at":
                kill_at(value)
            case "--pages":
                few_pages(int(value))
            case "--disk":
                disk = FaultyDisk(Path(value))
            case _:
                raise SystemExit(f"no such option: {name}")
    from engine.cli.main import main as command

    command()
    del disk


if __name__ == "__main__":
    main()
