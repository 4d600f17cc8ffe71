"""What reading a charge message costs: this codec beside python-hl7 and hl7apy. Run: `python bench/codec.py`.

Each reads 17 fields of the same seven-segment DFT from its bytes, as a read map does. Prints microseconds a
message: the best and the median of interleaved rounds, so that a noisy machine is noisy to all three. Then
the parts of ours.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import hl7
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from engine.codecs.hl7v2.ack import build_ack
from engine.codecs.hl7v2.lexer import Message, peek
from engine.codecs.hl7v2.path import NULL, compile_path, groups
from engine.codecs.hl7v2.timestamp import parse_timestamp

CHARGE = (
    "FT1|{n}|T7700{n}|B1120|20261120094{n}00|20261120101500|CG|KNEE-0{n}^KNEE PART SIZE {n}^LOCAL"
    "|||{n}|1250.00|1250.00|OR-WEST^^^WEST|||OR^ROOM2^1^WEST"
    "||||4711^STONE^RUTH|||||0SRC0J9^REPLACE KNEE^ICD10PCS"
)
SEGMENTS = (
    "MSH|^~\\&|THEATRE|WEST|LEDGER|ERP|20261120101500||DFT^P03^DFT_P03|M0000077|P|2.5.1"
    "|||AL|NE||UNICODE UTF-8",
    "EVN|P03|20261120101500",
    "PID|1||R1002^^^WEST^MR~991^^^STATE^SS||SAMPLE^SAM^S||19600229|M|||1 HIGH ST^^TOWN^OH^44000"
    "|||||||A5005^^^WEST^AN",
    "PV1|1|I|OR^ROOM2^1^WEST||||4711^STONE^RUTH^^^^MD|||ORT|||||||4711^STONE^RUTH|I|V9009^^^WEST^VN",
    *(CHARGE.format(n=n) for n in (1, 2, 3)),
)
RAW = "\r".join((*SEGMENTS, "")).encode()

HEADER = ("MSH-4.1", "MSH-10", "PID-3[type=MR].1", "PID-18.1", "PV1-2", "PV1-3.1", "PV1-19.1")
LINE = (
    "FT1-2",
    "FT1-4.1",
    "FT1-6",
    "FT1-7.1",
    "FT1-7.2",
    "FT1-10",
    "FT1-11.1",
    "FT1-12.1",
    "FT1-13.1",
    "FT1-16.2",
)
PATHS = [compile_path(text) for text in (*HEADER, *LINE)]
PLACES = [(path.segment, path.field, path.component or 1) for path in PATHS]


def ours() -> list[object]:
    message = Message.parse(RAW)
    return [path.read(message) for path in PATHS]


def python_hl7() -> list[object]:
    message = hl7.parse(RAW)
    return [message.extract_field(segment, 1, field, 1, component) for segment, field, component in PLACES]


def hl7apy() -> list[object]:
    message = parse_message(RAW.decode(), validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
    segments = {child.name: child for child in reversed(message.children)}
    values: list[object] = []
    for segment, field, component in PLACES:
        parts = getattr(segments[segment], f"{segment}_{field}")[0].children
        values.append(parts[component - 1].to_er7() if component <= len(parts) else "")
    return values


def microseconds(work: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times * 1e6


def compare(contenders: dict[str, tuple[Callable[[], object], int]], rounds: int) -> None:
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (work, times) in contenders.items():
            taken[name].append(microseconds(work, times))
    for name, figures in taken.items():
        print(f"  {name:34} best {min(figures):10.1f}   median {statistics.median(figures):10.1f}")


def main() -> None:
    assert NULL not in ours()
    assert ours() == python_hl7() == hl7apy(), "the three do not read the same"
    print(f"17 fields of a DFT with {len(SEGMENTS)} segments, {len(RAW)} bytes; microseconds a message")
    compare({"ours": (ours, 2000), "python-hl7": (python_hl7, 50), "hl7apy": (hl7apy, 3)}, rounds=7)
    message, header = Message.parse(RAW), peek(RAW)
    line, charges = PATHS[len(HEADER) :], groups(message, "FT1")
    now, zone = datetime(2026, 11, 20, 10, 15, tzinfo=UTC), ZoneInfo("America/Chicago")
    print("parts of ours")
    parts: dict[str, Callable[[], object]] = {
        "peek at the header": lambda: peek(RAW),
        "parse": lambda: Message.parse(RAW),
        "17 fields, once parsed": lambda: [path.read(message) for path in PATHS],
        "groups of three FT1": lambda: groups(message, "FT1"),
        "10 fields of each of three FT1": lambda: [
            path.read(message, group) for group in charges for path in line
        ],
        "a timestamp": lambda: parse_timestamp("20261120094500", zone),
        "a plain AA": lambda: build_ack(header, "AA", now=now, control_id="S1"),
    }
    compare({name: (work, 5000) for name, work in parts.items()}, rounds=5)


if __name__ == "__main__":
    main()
