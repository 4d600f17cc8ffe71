"""The sandbox as a process: `python -m engine.sandbox`. Never touches the books; `server` does the work.

Prints one JSON line with both addresses, then serves until SIGTERM or SIGINT. Exit status: 0 stopped, 1 the
masters or a port will not do, 2 used wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from engine.sandbox.desk import Duplicates
from engine.sandbox.masters import SHIPPED, Masters
from engine.sandbox.server import Sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sandbox with command-line `arguments`; the exit status."""
    options = _options().parse_args(arguments)
    try:
        sandbox = Sandbox(
            Masters.load(options.masters),
            host=options.host,
            erp_port=options.erp_port,
            billing_port=options.billing_port,
            billing_token=options.billing_token,
            erp_duplicates=options.erp_duplicates,
            billing_duplicates=options.billing_duplicates,
        )
        asyncio.run(_serve(sandbox))
    except (OSError, ValidationError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(sandbox: Sandbox) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with sandbox:
        print(json.dumps({"erp": sandbox.erp_url, "billing": sandbox.billing_url}), flush=True)
        await stopping.wait()


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="engine.sandbox", description="An ERP and a billing system to practise on."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--erp-port", type=int, default=9801, help="0 = any free port")
    parser.add_argument("--billing-port", type=int, default=9802, help="0 = any free port")
    parser.add_argument(
        "--masters", type=Path, default=SHIPPED, help="JSON file; its format: engine/sandbox/masters.py"
    )
    parser.add_argument("--billing-token", help="bearer token that billing asks for")
    for side in ("erp", "billing"):
        parser.add_argument(
            f"--{side}-duplicates",
            choices=get_args(Duplicates),
            default="accept",
            help=f"what the {side} does with a reference it has booked already",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
