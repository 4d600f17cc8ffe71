"""Lays out the site that the benchmarks run: one feed, three code tables of 2,000 rows, one POST to each of two
destinations for a message of three lines."""

from __future__ import annotations

from pathlib import Path

ROWS = 2000
CODES = ("IMP-FEM-07", "IMP-TIB-05", "CEM-PAL-40")

FILES = {
    "config/suture.yaml": """
site: bench
about: What the benchmarks run
time_zone: America/Chicago
currency: USD
listeners:
  ehr: {about: the only feed, kind: mllp, acks: original}
destinations:
  erp:     {about: takes issues,  kind: http, settle: 1s, timeout: 30s, concurrency: 32, document: id, patient_data: refused}
  billing: {about: takes charges, kind: http, settle: 1s, timeout: 30s, concurrency: 32, document: id, patient_data: allowed, idempotency_header: Idempotency-Key}
""",
    "mappings/hl7/dft.yaml": """
read: DFT^P03
about: charges
makes: supply-usage
each: FT1
lines: delta
fields:
  account: PID-18.1
  account_authority: PID-18.4
  visit: PV1-19.1
  patient: PID-3[type=MR].1
  class: PV1-2
  source_id: {from: FT1-2, unique_per: facility}
  type: FT1-6
  credit: FT1-6 == 'CD'
  code: FT1-7.1
  quantity: FT1-10, else 1
  amount: FT1-11.1
  unit_amount: FT1-12.1
  department: FT1-13.1, else FT1-16.1
  used_at: FT1-4.1
""",
    "mappings/erp/issue.yaml": """
write: json
about: issue
to: /issues
document:
  reference: reference
  posting_date: posting_date
  lines:
    each: lines
    give: {line: {number: number}, item: item.item, quantity: quantity, unit: item.unit, cost_center: cost_center.cost_center}
""",
    "mappings/billing/charge.yaml": """
write: json
about: charge
to: /charges
document:
  reference: reference
  account: account
  patient: patient
  lines:
    each: lines
    give: {line: {number: number}, code: charge.charge_code, quantity: quantity, service_date: used_on, amount?: amount}
""",
    "channels/usage.yaml": """
channel: usage
about: three lines make one issue and one charge document
owner: bench
from: ehr
read: hl7/dft
skip:
  - {when: class == 'P', because: pre-admission}
same_line: {by: source_id, changed: hold, alike: hold}
lane: account
translate:
  item:        {table: items, by: [facility, code]}
  charge:      {table: charges, by: [code]}
  cost_center: {table: cost-centers, by: [facility, department]}
deliver:
  issue:  {to: erp, when: item.stocked, map: erp/issue, undo: erp/issue, money: far end}
  charge: {to: billing, when: charge.billable, map: billing/charge, undo: billing/charge, money: stated}
""",
    "mappings/tables/items.yaml": """
table: items
about: items
keys: [facility, code]
columns: {item: text, stocked: flag, unit: text}
as_of: service
missing: hold
owner: supply-chain
""",
    "mappings/tables/charges.yaml": """
table: charges
about: charges
keys: [code]
columns: {charge_code: text, billable: flag}
as_of: service
missing: hold
owner: revenue-integrity
""",
    "mappings/tables/cost-centers.yaml": """
table: cost-centers
about: cost centers
keys: [facility, department]
columns: {cost_center: text}
as_of: posting
missing: hold
owner: finance
""",
}


def lay_out(folder: Path, *, mllp: int, erp: int, billing: int) -> None:
    """Writes the site into `folder`; the ports are of the listener and the two far ends."""
    codes = [*CODES, *(f"SUP-{number:05}" for number in range(ROWS - len(CODES)))]
    departments = ["OR-NORTH", *(f"DEPT-{number:04}" for number in range(ROWS - 1))]
    files = {
        **FILES,
        "config/env/bench.yaml": f"""
about: loopback
store: sqlite:var/suture.db
listeners: {{ehr: {{port: {mllp}}}}}
destinations:
  erp: {{url: "http://127.0.0.1:{erp}"}}
  billing: {{url: "http://127.0.0.1:{billing}"}}
""",
        "mappings/tables/items.csv": "facility,code,item,stocked,unit,valid_from,valid_to\n"
        + "".join(f"NORTH,{code},{100000 + number},yes,EA,,\n" for number, code in enumerate(codes)),
        "mappings/tables/charges.csv": "code,charge_code,billable,valid_from,valid_to\n"
        + "".join(f"{code},{27800000 + number},yes,,\n" for number, code in enumerate(codes)),
        "mappings/tables/cost-centers.csv": "facility,department,cost_center,valid_from,valid_to\n"
        + "".join(f"NORTH,{name},{70000 + number},,\n" for number, name in enumerate(departments)),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), encoding="utf-8")
