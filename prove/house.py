"""The engine under proof, the sandbox as its far end, and senders that never give up: real processes and sockets.

What was told and what was booked are known apart from the engine: the one by the senders' own list, the other by the
sandbox's books. Each message is one line whose stated money, in cents, is the message's number.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import apsw

from tests.acceptance.rig import END, START, Far, Suture, code_of

CONNECTIONS = 8
ANSWER_WITHIN = 10.0


def message(number: int, account: int) -> bytes:
    """One line of one item for one account; its amount is the number in cents."""
    amount = f"{number / 100:.2f}"
    return (
        f"MSH|^~\\&|EHR|NORTH|SUTURE|ERP|20261120101500||DFT^P03|C{number}|P|2.5.1|||AL|NE\r"
        f"PID|1||M{account}^^^NORTH^MR|||||||||||||||A{account}^^^NORTH^AN\rPV1|1|I\r"
        f"FT1|1|T{number}||20261120094500||CG|IMP-FEM-06|||1|{amount}|{amount}|OR-NORTH\r"
    ).encode()


@dataclass
class Books:
    """What the far end holds: the number of each booked charge in order, by account; goods issues; doubles."""

    by_account: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    issues: int = 0
    doubled: list[str] = field(default_factory=list)

    @property
    def charges(self) -> Counter[int]:
        return Counter(number for numbers in self.by_account.values() for number in numbers)

    @property
    def inversions(self) -> int:
        return sum(
            earlier > later
            for numbers in self.by_account.values()
            for earlier, later in itertools.pairwise(numbers)
        )


class House:
    """One site, one engine at a time, one sandbox. `settle`: seconds that the destinations are given to commit."""

    def __init__(self, folder: Path, settle: float, *, probe: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.far = Far(folder, "--erp-duplicates", "accept", "--billing-duplicates", "accept")
        self.suture = Suture(folder, self.far.urls)
        self.suture.log_level = "warning"
        self.acknowledged: set[int] = set()
        site = self.suture.site / "config" / "suture.yaml"
        text = re.sub(r"settle: \w+", f"settle: {settle}s", site.read_text())
        text = re.sub(r"    timeout: \w+", "    timeout: 5s\n    retry: {first: 0.2s, ceiling: 1s}", text)
        if not probe:
            text = re.sub(r"\n    probe: \S+", "", text)
        site.write_text(text)
        for channel in (self.suture.site / "channels").glob(
            "*.yaml"
        ):  # what is broken on purpose would fail them
            channel.write_text(channel.read_text().partition("\ntests:")[0] + "\n")

    def close(self) -> None:
        if self.suture.process is not None:
            self.suture.process.kill()
            self.suture.process.wait()
        self.far.close()

    # Sending -------------------------------------------------------------------------------------------------

    async def send(self, numbers: range, accounts: int) -> None:
        """Each account's messages over one connection, in order, each again until it is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for place in range(CONNECTIONS):
                mine = [number for number in numbers if number % accounts % CONNECTIONS == place]
                group.create_task(self._send(mine, accounts))

    async def _send(self, numbers: list[int], accounts: int) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        for number in numbers:
            while number not in self.acknowledged:
                try:
                    if reader is None or writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self.suture.ports["ehr"])
                    writer.write(START + message(number, number % accounts) + END)
                    async with asyncio.timeout(ANSWER_WITHIN):
                        answer = await reader.readuntil(END)
                    if code_of(answer) == "AA":
                        self.acknowledged.add(number)
                except (OSError, asyncio.IncompleteReadError, TimeoutError):
                    if writer is not None:
                        writer.close()
                    reader = writer = None
                    await asyncio.sleep(0.02)
        if writer is not None:
            writer.close()

    # The far end ---------------------------------------------------------------------------------------------

    def mood(self, side: str, **mood: object) -> None:
        self._post(side, mood)

    def calm(self) -> None:
        for side in ("erp", "billing"):
            request = urllib.request.Request(f"{self.far.urls[side]}/moods", method="DELETE")
            urllib.request.urlopen(request, timeout=10).close()

    def _post(self, side: str, body: object) -> None:
        request = urllib.request.Request(
            f"{self.far.urls[side]}/moods", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    def books(self) -> Books:
        books = Books()
        for document in self.documents("billing"):
            for line in document["lines"] if document["kind"] == "charge" else ():
                number = int(Decimal(line["stated_amount"]) * 100)
                books.by_account[document["account"]].append(number)
        books.issues = sum(document["kind"] == "goods-issue" for document in self.documents("erp"))
        books.doubled = self.doubled()
        return books

    def doubled(self) -> list[str]:
        """References that a far end booked more than once."""
        return [one["reference"] for side in ("erp", "billing") for one in self.far.books(side)["doubled"]]

    def documents(self, side: str) -> Iterator[dict]:
        """Every document booked, in the order of booking."""
        after: int | None = 0
        while after is not None:
            url = f"{self.far.urls[side]}/books/documents?after={after}&limit=1000"
            with urllib.request.urlopen(url, timeout=30) as reply:
                page = json.load(reply)
            yield from page["documents"]
            after = page["next"]

    def rows(self, statement: str) -> list[tuple]:
        """What the engine's store says, read beside it."""
        store = apsw.Connection(str(self.suture.site / "var" / "suture.db"), flags=apsw.SQLITE_OPEN_READONLY)
        store.set_busy_timeout(2000)
        try:
            return store.execute(statement).fetchall()
        finally:
            store.close()

    # What the proof asks -------------------------------------------------------------------------------------

    def settled(self, seconds: float = 120.0) -> dict:
        """The account once nothing waits and nothing is unknown."""
        until = time.monotonic() + seconds
        while not (account := self.suture.account())["settled"]:
            if time.monotonic() > until:
                raise Violation(f"the engine did not settle within {seconds:.0f} s: {account['effects']}")
            time.sleep(0.1)
        return account

    def once(self, sent: int) -> list[str]:
        """Violations: messages 0…`sent`-1 were acknowledged; each must be booked once, and in order of its account."""
        books = self.books()
        missing = sent - len(books.charges)
        twice = sum(count - 1 for count in books.charges.values())
        found = []
        if len(self.acknowledged) != sent:
            found.append(f"{sent - len(self.acknowledged)} messages were never acknowledged")
        if missing or books.issues < sent:
            found.append(
                f"{missing} charges and {sent - books.issues} issues of acknowledged messages are missing"
            )
        if twice or books.issues > sent or books.doubled:
            found.append(f"{twice} charges and {max(0, books.issues - sent)} issues are booked twice")
        if books.inversions:
            found.append(f"{books.inversions} inversions within an account")
        return found


class Violation(Exception):
    """A proof failed; the text says what was seen."""


@contextmanager
def house_in(
    folder: Path, settle: float, *, probe: bool = True, sabotage: str = "", options: tuple[str, ...] = ()
) -> Iterator[House]:
    """`options`: of `prove.wrapped`."""
    house = House(folder, settle, probe=probe)
    if sabotage:
        options = (*options, f"--sabotage={sabotage}")
    if options:
        house.suture.program = ("prove.wrapped", *options)
    try:
        yield house
    finally:
        house.close()


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)
