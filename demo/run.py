"""`python -m demo.run`: a morning through a real engine, mended and balanced. Exit 0 only if it balances.

Tells the story; `morning` wrote it, `house` runs the processes, `sender` speaks, `balance` judges.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from demo.balance import Check, balance
from demo.house import PROJECT, House, Trouble
from demo.morning import Morning, Talk
from demo.sender import send

MENDS = (
    ("items", "code=IMP-NEW-01", "facility=NORTH code=IMP-NEW-01 item=1000990 description=Interference-screw-9-mm "
     "kind=implant stocked=yes ownership=owned issued_by=ehr stock_unit=EA supplier=V110"),
    ("items", "code=SUP-NEW-02", "facility=NORTH code=SUP-NEW-02 item=3000992 description=Hemostatic-patch-10-cm "
     "kind=supply stocked=yes ownership=owned issued_by=ehr stock_unit=EA supplier=V500"),
    ("charges", "code=IMP-NEW-01",
     "code=IMP-NEW-01 payer_class=* charge_code=27810990 billable=yes revenue_code=0278 factor=1"),
    ("charges", "code=SUP-NEW-02",
     "code=SUP-NEW-02 payer_class=* charge_code=27230992 billable=yes revenue_code=0272 factor=1"),
    ("charges", "code=CHG-NEW-03",
     "code=CHG-NEW-03 payer_class=* charge_code=27230903 billable=yes revenue_code=0272 factor=1"),
    ("cost-centers", "department=NEW-DEPT",
     "facility=NORTH department=NEW-DEPT cost_center=79900 name=Hybrid-operating-room"),
)  # fmt: skip
"""Table, what the worklist says is missing in it, and the row that mends it."""

WORDS = {
    "routed": "routed", "filtered": "filtered: they owe nothing", "held": "held for a person",
    "duplicate": "duplicates, answered again and not booked again", "refused": "refused, bytes kept",
    "superseded": "superseded", "pending": "pending",
}  # fmt: skip
STATES = ("delivered", "held", "waiting", "unknown", "cancelled")
ZONE = ZoneInfo("America/Chicago")

console = Console(highlight=False, soft_wrap=True)


async def main() -> int:
    """The whole demo; the exit status."""
    began = time.monotonic()
    morning = Morning(today())
    console.print(
        "[bold]A morning at North General[/], 2026-11-20. Hospital, people and messages are made up by us."
    )
    try:
        async with House() as house:
            checks = await _watched(house, morning)
    except Trouble as trouble:
        console.print(f"\nThe demo stopped: {trouble}", style="red", markup=False)
        return 1
    return _verdict(checks, time.monotonic() - began)


def today() -> date:
    """The hospital's day."""
    return datetime.now(ZONE).date()


async def _watched(house: House, morning: Morning) -> list[Check]:
    """The story; what ends it early comes with the end of the engine's log."""
    try:
        return await _story(house, morning)
    except (Trouble, OSError, ExceptionGroup) as error:
        told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        raise Trouble(f"{told or type(told).__name__}\n{house.complaints()}") from None


async def _story(house: House, morning: Morning) -> list[Check]:
    console.print("The engine, an ERP and a billing system are running, each a process of its own.\n")
    await send_all(house, morning)
    before = await house.settled()
    console.print("\n[bold]The account at noon[/]")
    tell(before)
    console.print("\n[bold]Somebody mends what nobody had mapped[/]")
    await mend(house, before)
    after = await house.settled()
    console.print("\n[bold]The account after mending[/]")
    tell(after)
    books = await house.books()
    masters = json.loads((PROJECT / "engine" / "sandbox" / "masters.json").read_text())
    return balance(morning, after, house.delivered(), books, masters)


async def send_all(house: House, morning: Morning) -> None:
    """The whole morning; what is credited was delivered before."""
    await _send(house, "from seven to half past ten", morning.early)
    await house.settled()
    await _send(house, "from half past ten to noon", morning.late)


async def _send(house: House, when: str, talks: Sequence[Talk]) -> None:
    total = sum(len(talk.frames) for talk in talks)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    began = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"Sending {when}", total=total)
        await send(talks, house.ports, lambda: progress.advance(task))
    took = time.monotonic() - began
    console.print(f"Sent {when}: {total} messages over three feeds in {took:.1f} s, each answered with AA.")


async def mend(house: House, account: dict[str, Any], told: Callable[[str], None] = console.print) -> None:
    """Adds the missing rows, then releases what was held for them and nothing else."""
    for table, missing, row in MENDS:
        cells = [
            cell.replace("-", " ") if cell.startswith(("description=", "name=")) else cell
            for cell in row.split()
        ]
        await house.suture("tables", "add", table, *cells, "--reason", "new code")
        told(f"  table {table}: a row for {missing.replace('=', ' ')}")
    causes = sorted({group["cause"] for group in account["worklist"] if _mended(group["cause"])})
    released = 0
    for cause in causes:
        answer = await house.suture("release", "--cause", cause, "--reason", "rows added")
        released += answer["released"]
    told(f"  released what waited for them: {released} effects under {len(causes)} causes")


def _mended(cause: str) -> bool:
    table, _, rest = cause.partition(": ")
    return any(table == name and missing in rest.split() for name, missing, _ in MENDS)


def tell(account: dict[str, Any]) -> None:
    """What came in, what it owes and what is held."""
    messages = account["messages"]
    console.print(f"  {messages['total']} messages came in:")
    for state, count in sorted(messages["by_state"].items(), key=lambda pair: -pair[1]):
        console.print(f"    {count:>5} {WORDS[state]}")
    console.print("  What they owe, and where it stands:")
    for row in account["effects"]:
        console.print(f"    {_effect(row)}")
    console.print("  Held, by owner:" if account["worklist"] else "  Nothing is held.")
    for owner, groups in sorted(_by_owner(account["worklist"]).items()):
        console.print(f"    {owner}")
        for line in map(_group, groups):
            console.print(f"      {line}")


def _effect(row: dict[str, Any]) -> str:
    counts = ", ".join(f"{row[state]} {state}" for state in STATES if row[state] or state == "delivered")
    side = "debit" if row["action"] == "post" else "credit"
    unpriced = f", {row['unpriced']} unpriced" if row["unpriced"] else ""
    what = f"{row['destination']} {row['effect']}, {side}s"
    money = abs(Decimal(row["money"]))
    return f"{what}: {row['expected']} expected = {counts}. {money:,.2f} USD delivered, {row['measure']}{unpriced}."


def _by_owner(groups: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    owners: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for group in groups:
        owners[group["owner"]].append(group)
    return owners


def _group(group: dict[str, Any]) -> str:
    lines = "1 line" if group["lines"] == 1 else f"{group['lines']} lines"
    money = (
        "no stated money" if group["at_stake"] is None else f"{Decimal(group['at_stake']):,.2f} USD at stake"
    )
    return f"{group['cause']}: {lines}, {money}"


def _verdict(checks: Sequence[Check], took: float) -> int:
    console.print("\n[bold]Does it balance?[/] The far ends' own books, against what was sent:")
    for line in judged(checks):
        console.print(f"  {line}")
    wrong = [check for check in checks if check.wrong]
    if wrong:
        console.print(f"\n[bold red]It does not balance: {len(wrong)} of {len(checks)} checks failed.[/]")
        return 1
    console.print(
        "\nHeld on purpose: vends that a cabinet told twice without an id, and a line that changed after it was "
        "posted. Only a person can say what they are; `suture release --as-new` or `suture drop` says it."
    )
    console.print(f"[bold green]It balances.[/] {took:.0f} seconds.")
    return 0


def judged(checks: Sequence[Check]) -> Iterator[str]:
    """A line for each check."""
    for check in checks:
        yield f"[red]no [/] {check.what}: {check.wrong}" if check.wrong else f"[green]yes[/] {check.what}"


def guarded(main: Callable[[], Awaitable[int]]) -> int:
    """Runs `main`; SIGTERM ends it like Ctrl-C, leaving nothing behind."""

    async def watched() -> int:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, _cancel_once, task)
        return await main()

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        console.print("stopped")
        return 130


def _cancel_once(task: asyncio.Task[Any]) -> None:
    """A second Ctrl-C must not cut short the ending of the processes."""
    if not task.cancelling():
        task.cancel()


if __name__ == "__main__":
    sys.exit(guarded(main))
