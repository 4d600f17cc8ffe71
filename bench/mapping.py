"""What mapping costs, in µs: `python bench/mapping.py`. The best of several rounds, on one core.

Targets: a table look-up 0.3, a plain expression well under 1, a 3-FT1 DFT with 17 fields 80, a write map of
three lines 15.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engine.codecs.hl7v2.lexer import Message
from engine.domain.event import Kind
from engine.mapping.expression import compile_expression
from engine.mapping.reader import From, ReadMap, ReadSpec
from engine.mapping.translation import Dates, Translation
from engine.mapping.writer import WriteMap, WriteSpec
from engine.reference.spec import Row, TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType

TODAY = date(2026, 11, 20)
ZONE = ZoneInfo("America/Chicago")

ITEMS = Table.compile(
    TableSpec(
        name="items",
        keys=("facility", "code"),
        columns={"number": ColumnType.TEXT, "factor": ColumnType.RATIO},
    ),
    b"facility,code,number,factor,valid_from,valid_to\n"
    + b"".join(f"NORTH,IMP{n},{n:06},1/50,2026-01-01,\n".encode() for n in range(10_000)),
    "items.csv",
)

DFT = "\r".join(
    [
        r"MSH|^~\&|EHR|NORTH|ERP|X|20261120101500||DFT^P03^DFT_P03|M1|P|2.5.1",
        "EVN|P03|20261120101500",
        "PID|1||123456^^^NORTH^MR||DOE^JANE||19700101|F||||||||||ACC77^^^NORTH",
        "PV1|1|I|OR^1^A||||||||||||||||V55|C",
        *(
            f"FT1|{n}|T{n}|B1|20261120101500|20261120|CG|IMP{n}^Screw^L|||{n}|100.50&USD|50.25|ORDEP|||OR^R2||||P77"
            for n in (1, 2, 3)
        ),
    ]
).encode()

FIELDS = {
    "account": "PID-18.1, else PV1-19.1",
    "visit": "PV1-19.1",
    "patient": "PID-3[type=MR].1",
    "class": "PV1-2",
    "payer_class": "PV1-20.1",
    "location": "PV1-3.1",
    "source_id": "FT1-2",
    "code": "FT1-7.1",
    "description": "FT1-7.2",
    "quantity": "FT1-10, else 1",
    "department": "FT1-13.1, else FT1-16.1",
    "room": "FT1-16.2",
    "used_at": "FT1-4.1",
    "credit": "FT1-6 == 'CD'",
    "amount": "FT1-11.1",
    "unit_amount": "FT1-12.1",
    "performer": "FT1-20.1",
}

DOCUMENT = {
    "reference": "reference",
    "posting_date": "posting_date",
    "lines": {
        "each": "lines",
        "give": {
            "item": "item.number",
            "quantity": "quantity * item.factor",
            "cost_center": "cost_center.id",
            "lot?": "lot",
            "unit?": "unit",
        },
    },
}


def measure(name: str, call: Callable[[], object], number: int) -> None:
    """Prints the best of seven rounds."""
    best = min(timeit.repeat(call, number=number, repeat=7)) / number
    print(f"{name:44} {best * 1e6:8.2f} µs")


def main() -> None:
    find, key = ITEMS.find, ("NORTH", "IMP77")
    measure("table find, 10,000 rows (with the call)", lambda: find(key, TODAY), 200_000)

    item = Row({"number": "000077", "factor": Fraction(1, 50), "stocked": True})
    line: dict[str, object] = {
        "facility": "NORTH",
        "code": "IMP77",
        "class": "I",
        "account": "ACC77",
        "quantity": Decimal(50),
        "item": item,
        "cost_center": Row({"id": "CC1"}),
    }
    for text in (
        "account",
        "item.number",
        "class == 'I'",
        "item.stocked and class in ['I', 'O']",
        "quantity * item.factor",
        "round(quantity / 7, 2)",
    ):
        expression = compile_expression(text)
        measure(f"expression  {text}", lambda expression=expression: expression(line), 50_000)

    by = (compile_expression("facility"), compile_expression("code"))
    translation = Translation("item", "items", by, "service", "hold", None, "supply-chain")
    dates, tables = Dates(TODAY, TODAY, TODAY), {"items": ITEMS}
    measure("translation by two fields", lambda: translation.find(line, tables, dates), 50_000)

    spec = ReadSpec(
        name="ehr",
        triggers=("DFT^P03",),
        kind=Kind.USAGE,
        each="FT1",
        fields={name: From(text) for name, text in FIELDS.items()},
    )
    reader = ReadMap.compile(spec)
    measure("parse a DFT of 7 segments", lambda: Message.parse(DFT), 5_000)
    measure(
        f"parse and read 3 FT1, {len(FIELDS)} fields",
        lambda: reader.read(Message.parse(DFT), ZONE, {}, TODAY),
        3_000,
    )

    writer = WriteMap.compile(WriteSpec(name="issue", path="/issues", document=DOCUMENT))
    document = {
        **line,
        "reference": "REF",
        "posting_date": TODAY,
        "received_at": datetime(2026, 11, 20, tzinfo=UTC),
    }
    measure("write map of three lines", lambda: writer.render(document, [line, line, line]), 20_000)


if __name__ == "__main__":
    main()
