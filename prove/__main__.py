"""`python -m prove [TARGET ...]`: proofs on real processes, sockets and stores. Exit 1 on any violation.

python -m prove                        that each line of money has one effect, short and seeded (as CI runs it)
python -m prove desk                   that what an analyst is shown is so
python -m prove doors                  that what comes in is taken whole, once, and answered
python -m prove kill --full --seed 7   one target with the full figures
python -m prove kill --sabotage        break the rule that it guards: it must fail, and exit 0 only if it does
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from prove.house import Violation
from prove.report import Proof, Rounds, Scale

ONCE = (
    "kill",
    "points",
    "power",
    "ambiguity",
    "disk",
    "keys",
    "credits",
    "correct",
    "lanes",
    "slow",
    "stop",
    "restore",
    "outage",
    "carriers",
    "model",
    "tryton",
)
DOORS = ("saves", "twins", "frames", "fuzz", "guided", "requests")
DESK = ("explain", "preview", "deidentify", "check", "tables", "worklist")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "targets",
        nargs="*",
        choices=[*ONCE, *DESK, *DOORS, "once", "desk", "doors", []],
        metavar="TARGET",
        default=[],
    )
    parser.add_argument("--full", action="store_true", help="the figures of docs/reliability.md; hours")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--sabotage", action="store_true", help="break the guarded rule and see the proof fail"
    )
    asked = parser.parse_args()
    broken = [
        target
        for target in _named(asked.targets or ["once"])
        if not shown(target, full=asked.full, seed=asked.seed, sabotage=asked.sabotage)
    ]
    if broken:
        raise SystemExit(f"not shown: {', '.join(broken)}")


def _named(targets: list[str]) -> list[str]:
    """Groups as what they stand for."""
    groups = {"once": ONCE, "desk": DESK, "doors": DOORS}
    return [one for target in targets for one in groups.get(target, (target,))]


def shown(target: str, *, full: bool, seed: int, sabotage: bool) -> bool:
    """Runs one target and says what came of it. A full run goes in rounds, and goes on where it was cut off."""
    module = importlib.import_module(f"prove.{target}")
    rounds = getattr(module, "ROUNDS", 1) if full else 1
    scale = module.FULL if full else module.SHORT
    scale = scale._replace(messages=scale.messages // rounds, faults=scale.faults // rounds)
    done = Rounds(target, seed) if rounds > 1 else None
    violated = False
    for number in range(rounds):
        proof = done.proof(number) if done else None
        began = time.monotonic()
        if proof is None:
            proof = _run(module, target, scale, seed + 1000 * number, sabotage=sabotage)
            if done and not proof.violations:
                done.keep(number, proof)
        violated |= bool(proof.violations)
        _say(target, proof, seed, time.monotonic() - began, sabotage=sabotage)
    return violated == sabotage


def _run(module: ModuleType, target: str, scale: Scale, seed: int, *, sabotage: bool) -> Proof:
    with tempfile.TemporaryDirectory(prefix=f"prove-{target}-") as folder:
        try:
            proof: Proof = module.prove(scale, seed, Path(folder), module.SABOTAGE if sabotage else "")
        except Violation as violation:
            return Proof("it did not come to its end", [str(violation)])
    return proof


def _say(target: str, proof: Proof, seed: int, seconds: float, *, sabotage: bool) -> None:
    held = not proof.violations
    word = ("NOT SEEN" if held else "seen to fail") if sabotage else ("holds" if held else "FAILS")
    print(f"{target:<10} {word:<12} {seconds:6.1f} s  seed {seed}  {proof.counted}")
    for violation in proof.violations:
        print(f"{'':<10} {'- ' + violation}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
