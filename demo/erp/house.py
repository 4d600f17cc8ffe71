"""The demo's house with a Tryton server in it. `values_stock`: the ERP posts the value of its stock moves itself."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import aiohttp

from demo.erp.books import Books, read_books
from demo.erp.server import Seed, seeded, server_in
from demo.house import ENVIRONMENT, STARTING, House, Trouble

OVERLAY = Path(__file__).parent / "site"

NOT_THERE = (
    "discharges", "adt-move-accounts", "adt-move-visits", "case-usage", "requisitions", "drug-dispensing",
    "drug-administration",
)  # fmt: skip
"""An ERP bills no stays and moves none, and takes no requisitions here; the morning saves no cases, gives no drugs."""


class ErpHouse(House):
    """`before`: the ERP's books before anything was sent."""

    settling = 1200.0

    def __init__(self, values_stock: bool) -> None:
        super().__init__()
        self.values_stock = values_stock
        self.before: Books | None = None
        self._seed: Seed | None = None
        self._erp = ""

    async def erp_books(self) -> Books:
        """What stands in the ERP now."""
        assert self._seed is not None
        return await read_books(self._erp, self._seed.key)

    async def _open_far_ends(self) -> None:
        self._seed = await asyncio.to_thread(seeded, "anglo_saxon" if self.values_stock else "none")
        self._erp, program = server_in(self._folder, self._seed)
        await self._start(*program)
        await _answers(self._erp, self._seed.key)
        self.before = await self.erp_books()
        door = await self._door(self._erp)
        self.far_ends = {"erp": door, "billing": door}

    async def _door(self, url: str) -> str:
        """Where the engine finds the ERP."""
        return url

    def _lay_out(self) -> None:
        super()._lay_out()
        shutil.copytree(OVERLAY, self._site, dirs_exist_ok=True)
        for name in NOT_THERE:
            (self._site / f"channels/{name}.yaml").unlink()
        assert self._seed is not None
        place = self._site / "config/env/demo.yaml"
        text = ENVIRONMENT.format(**self.far_ends)
        place.write_text(text.replace('/erp"}', f'/erp", token: {self._seed.key}}}'))
        if self.values_stock:
            site = self._site / "config/suture.yaml"
            site.write_text(site.read_text().replace("values_stock: false", "values_stock: true"))


async def _answers(url: str, key: str) -> None:
    """Waits until the server is up."""
    headers = {"Authorization": f"Bearer {key}"}
    async with asyncio.timeout(STARTING), aiohttp.ClientSession(headers=headers) as session:
        while True:
            try:
                async with session.get(f"{url}/rest/model/company.company") as answer:
                    if answer.status == 200:
                        return
                    raise Trouble(f"the ERP answers {answer.status}")
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)
