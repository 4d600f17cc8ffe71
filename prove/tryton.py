"""A real ERP behind a proxy that loses, delays and garbles: each document is booked there once, to the cent."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import apsw

from demo.erp.balance import Run, balance
from demo.erp.house import ErpHouse
from demo.house import Trouble
from demo.morning import Morning
from demo.run import mend, today
from demo.sender import send
from prove.house import Violation, chance_of
from prove.lossy import FATES, Fate, Lossy
from prove.report import Proof, Scale

SHORT = Scale(messages=50, faults=9, settle=2.5)
FULL = Scale(messages=3, faults=6, settle=5.0)
SABOTAGE = "look-for-nothing"
LATE = 0.6
"""Share of `settle` after which a late call comes."""


def prove(scale: Scale, seed: int, folder: Path, sabotage: str) -> Proof:
    """`messages`: one in so many of the morning's patients come. `faults`: of so many calls one is spoiled."""
    try:
        return asyncio.run(_prove(scale, seed, sabotage))
    except Trouble as trouble:
        raise Violation(str(trouble)) from None


async def _prove(scale: Scale, seed: int, sabotage: str) -> Proof:
    morning = Morning(today(), scale.messages)
    house = _House(scale, chance_of(seed), sabotage)
    async with house:
        house.open = True
        for talks in (morning.early, morning.late):
            await send(talks, house.ports, lambda: None)
            account = await house.settled()
        await mend(house, account, told=lambda _: None)
        account = await house.settled()
        house.open = False
        references = house.delivered()["erp"] + house.delivered()["billing"]
        assert house.before is not None
        run = Run(morning, account, references, False, house.before, await house.erp_books())
        unknown = house.unknown()
    violations = [f"{check.what}: {check.wrong}" for check in balance(run) if check.wrong]
    if not unknown:
        violations.append("no outcome was unknown")
    return Proof(
        f"{len(references)} documents in {house.lossy.requests} calls, {house.lossy.spoiled} of them spoiled in "
        f"{len(FATES)} ways, {unknown} outcomes unknown; its slowest call took {house.lossy.slowest:.1f} s",
        violations,
    )


class _House(ErpHouse):
    """The engine sees the ERP through the proxy; we read its books past it. `open`: calls are spoiled now."""

    def __init__(self, scale: Scale, chance: Random, sabotage: str) -> None:
        super().__init__(values_stock=False)
        self.open = False
        self._settle = scale.settle
        if sabotage:
            self.engine = ("-m", "prove.wrapped", f"--sabotage={sabotage}")

        def fate_of(_: int, __: str) -> Fate:
            return chance.choice(FATES) if self.open and not chance.randrange(scale.faults) else "pass"

        self.lossy = Lossy(fate_of, delay=scale.settle * LATE)

    async def _door(self, url: str) -> str:
        await self._stack.enter_async_context(self.lossy.before(url))
        return self.lossy.url

    def _lay_out(self) -> None:
        super()._lay_out()
        site = self._site / "config" / "suture.yaml"
        text = site.read_text().replace("settle: 5s", f"settle: {self._settle}s")
        # Its SQLite lets one write at a time: of four calls beside each other one may take longer than `settle`.
        text = text.replace("concurrency: 2", "concurrency: 1")
        site.write_text(
            text.replace("    timeout: 20s", "    timeout: 10s\n    retry: {first: 0.5s, ceiling: 2s}")
        )

    def unknown(self) -> int:
        """Deliveries whose outcome was unknown at least once."""
        store = apsw.Connection(str(self.store), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            ((count,),) = store.execute("SELECT count(DISTINCT delivery_id) FROM attempt WHERE verdict = 4")
            return int(count)
        finally:
            store.close()
