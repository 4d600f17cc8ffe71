"""`python -m demo.erp.run [--share N]`: the morning into a real ERP, twice, and does it balance there?

Once with a cost journal of ours for what leaves stock, once with the ERP's own stock accounting and that journal off.
`--share 1`: all patients, a quarter of an hour; without it one in eight come. Exit 0 only if both balance.
"""

from __future__ import annotations

import argparse
import sys
import time

from demo.balance import Check
from demo.erp.balance import Run, balance
from demo.erp.house import ErpHouse
from demo.house import Trouble
from demo.morning import Morning
from demo.run import console, guarded, judged, mend, send_all, tell, today


async def main(share: int) -> int:
    """The whole of it; the exit status."""
    began = time.monotonic()
    console.print(
        "[bold]A morning at North General[/], into Tryton. Hospital, people and messages are made up by us."
    )
    wrong = 0
    for values_stock in (False, True):
        try:
            checks = await _morning(values_stock, share)
        except Trouble as trouble:
            console.print(f"\nThe demo stopped: {trouble}", style="red", markup=False)
            return 1
        console.print("\n[bold]Does it balance?[/] The ERP's own stock and accounts, against what was sent:")
        for line in judged(checks):
            console.print(f"  {line}")
        wrong += sum(bool(check.wrong) for check in checks)
    took = time.monotonic() - began
    if wrong:
        console.print(f"\n[bold red]It does not balance: {wrong} checks failed.[/] {took:.0f} seconds.")
        return 1
    console.print(f"\n[bold green]It balances, both ways.[/] {took:.0f} seconds.")
    return 0


async def _morning(values_stock: bool, share: int) -> list[Check]:
    morning = Morning(today(), share)
    console.print(
        f"\n[bold]{'With' if values_stock else 'Without'} the ERP's own stock accounting[/], the cost journal "
        f"{'off' if values_stock else 'on'}. Setting up the ERP, the first time for some minutes."
    )
    async with ErpHouse(values_stock) as house:
        try:
            began = time.monotonic()
            await send_all(house, morning)
            before = await house.settled()
            await mend(house, before)
            account = await house.settled()
        except (Trouble, OSError, ExceptionGroup) as error:
            told = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
            raise Trouble(f"{told or type(told).__name__}\n{house.complaints()}") from None
        console.print("\n[bold]The account[/]")
        tell(account)
        references = house.delivered()["erp"] + house.delivered()["billing"]
        took = time.monotonic() - began
        console.print(
            f"  {len(references)} documents in {took:.0f} s, {len(references) / took:.1f} a second, which is its pace."
        )
        assert house.before is not None
        books = await house.erp_books()
        return balance(Run(morning, account, references, values_stock, house.before, books))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=int, default=8, metavar="N", help="one in N of the patients")
    asked = parser.parse_args()
    sys.exit(guarded(lambda: main(asked.share)))
