"""One mistake at a time in a copy of the example: told once, where it stands, with what mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from engine.errors import Fault
from engine.site.compile import check
from engine.site.files import Site

Seed = Callable[[str, str, str], Site]

SITE = "config/suture.yaml"
DEMO = "config/env/demo.yaml"
USAGE = "channels/ehr-usage.yaml"
VENDS = "channels/cabinet-vends.yaml"
ADT = "channels/adt.yaml"
DFT = "mappings/hl7/ehr-dft.yaml"
ISSUE = "mappings/erp/goods-issue.yaml"
CANCEL = "mappings/erp/bill-only-cancellation.yaml"
ITEMS = "mappings/tables/items"


class Mistake(NamedTuple):
    """`old` becomes `new` in `file`. The fault has `code`, stands where `at` begins (in `told`, else `file`),
    and its mend has `mend` in it. `also`: another code that the same mistake gives."""

    file: str
    old: str
    new: str
    code: str
    at: str
    mend: str = ""
    told: str = ""
    also: str = ""


MISTAKES = [
    # slips that look like something else
    Mistake(ISSUE, "    give:", "    gives:", "MAP051", "lines", "write {each: lines, give"),
    Mistake(ISSUE, "    each: lines", "    eahc: lines", "MAP051", "lines", "write {each: lines, give"),
    Mistake(
        DFT, "patient: PID-3[type=MR].1", "patient: PDI-3[type=MR].1", "MAP048", "PDI-3", "did you mean 'PID'"
    ),
    Mistake(DFT, "each: FT1", "each: TF1", "MAP043", "each: TF1", "did you mean 'FT1'"),
    # YAML itself
    Mistake(
        SITE,
        "    kind: http\n    settle: 2s",
        "    kind: htp\n    settle: 2s",
        "SIT013",
        "htp",
        "did you mean 'http'",
    ),
    Mistake(
        SITE,
        "    settle: 2s\n",
        "    settle: 2s\n    suffix: .hl7\n",
        "SIT010",
        "suffix",
        "another kind has it",
    ),
    Mistake(
        DEMO, '"http://127.0.0.1:9801"', '"mllp://127.0.0.1:9801"', "SIT057", '"mllp', "https://HOST/PATH"
    ),
    Mistake(DEMO, '"http://127.0.0.1:9801"', '"erp.example.org"', "SIT014", '"erp.example', "file:FOLDER"),
    Mistake(ISSUE, "write: json", "write: hl7", "SIT011", "hl7", "add message", also="SIT010"),
    Mistake(ISSUE, "to: /goods-issues", "message: DFT^P03", "SIT011", "json", "add to:", also="SIT010"),
    Mistake(USAGE, "lane: account", "lane: account\nlane: visit", "SIT002", "lane: visit", "keep one"),
    Mistake(USAGE, "because: pre-admission", "because: pre: admission", "SIT001", ": admission"),
    Mistake(ISSUE, "item: item.item", "item: *other", "SIT001", "*other"),
    # the schema of each kind of file
    Mistake(
        USAGE, "no_original: hold", "no_orginal: hold", "SIT010", "no_orginal", "did you mean 'no_original'?"
    ),
    Mistake(USAGE, "money: far end", "mony: far end", "SIT010", "mony", "did you mean 'money'?"),
    Mistake(SITE, "time_zone: America/Chicago\n", "", "SIT011", "site:", "time_zone: Europe/Berlin"),
    Mistake(
        SITE,
        "time_zone: America/Chicago",
        "time_zone: America/Chikago",
        "SIT014",
        "America/Chik",
        "tz database",
    ),
    Mistake(SITE, "currency: USD", "currency: 840", "SIT012", "840", "quotes"),
    Mistake(SITE, "    settle: 2s", "    settle: 2", "SIT014", "2\n", "30s"),
    Mistake(SITE, "kind: mllp", "kind: mlp", "SIT013", "mlp", "did you mean 'mllp'?"),
    Mistake(SITE, "most: 50", "most: 5000", "SIT014", "5000", "1000 or less"),
    Mistake(
        SITE, "probe: /documents/{reference}", "probe: /documents/", "SIT014", "/documents/\n", "{reference}"
    ),
    Mistake(USAGE, "lane: account", "lane: acount", "SIT013", "acount", "did you mean 'account'?"),
    Mistake(USAGE, "expect: {issue: 15m", "expect: {issue: 15", "SIT014", "15,", "15m"),
    Mistake(DFT, "makes: supply-usage", "makes: supply_usage", "SIT013", "supply_usage", "supply-usage"),
    Mistake(DFT, "unique_per: facility", "unique_in: facility", "SIT010", "unique_in", "unique_per"),
    Mistake(f"{ITEMS}.yaml", "stocked: flag", "stocked: flags", "SIT013", "flags", "did you mean 'flag'?"),
    Mistake(ISSUE, "write: json", "wriet: json", "SIT004", "wriet", "write:"),
    Mistake(USAGE, "channel: ehr-usage", "channel: ehr-use", "SIT015", "ehr-use", "ehr-usage"),
    # names across files
    Mistake(
        USAGE,
        "from: [ehr, hl7-http]",
        "from: [ehr, hl7http]",
        "SIT020",
        "hl7http",
        "did you mean 'hl7-http'?",
    ),
    Mistake(
        VENDS,
        "read: hl7/cabinet-oms",
        "read: hl7/cabinet-omg",
        "SIT021",
        "hl7/cabinet-omg",
        "hl7/cabinet-oms",
    ),
    Mistake(
        USAGE, "map: erp/goods-issue", "map: erp/goods-isue", "SIT022", "erp/goods-isue", "erp/goods-issue"
    ),
    Mistake(
        USAGE, "undo: billing/credit", "undo: billing/credits", "SIT022", "billing/credits", "billing/credit"
    ),
    Mistake(USAGE, "{table: charges,", "{table: charge,", "SIT023", "charge,", "did you mean 'charges'?"),
    Mistake(
        DFT, "{table: feed-units,", "{table: feed-unit,", "SIT023", "feed-unit,", "did you mean 'feed-units'?"
    ),
    Mistake(USAGE, "    to: billing", "    to: biling", "SIT024", "biling", "did you mean 'billing'?"),
    Mistake(USAGE, "expect: {issue: 15m", "expect: {isue: 15m", "SIT025", "isue", "did you mean 'issue'?"),
    Mistake(USAGE, "{by: source_id,", "{by: sourceid,", "SIT026", "sourceid", "did you mean 'source_id'?"),
    Mistake(USAGE, "[account, code, used_on]", "[account, codes, used_on]", "SIT026", "codes", "'code'"),
    Mistake(VENDS, "lane: account", "lane: patience", "SIT013", "patience", "did you mean 'patient'?"),
    Mistake(
        USAGE, "by: [code, payer_class]", "by: [code, payerclass]", "SIT027", "payerclass", "'payer_class'"
    ),
    Mistake(USAGE, "when: class == 'P'", "when: klass == 'P'", "SIT027", "klass", "did you mean 'class'?"),
    Mistake(
        USAGE, "and item.issued_by", "and itm.issued_by", "SIT027", "itm.issued_by", "did you mean 'item'?"
    ),
    Mistake(USAGE, "quantity * charge.factor", "quantity * part.each", "SIT033", "stated", "price them"),
    Mistake(
        "mappings/tables/contract-prices.yaml",
        "columns:",
        "many: [price]\ncolumns:",
        "SIT032",
        "bill-only:",
        "one of them",
        USAGE,
    ),
    Mistake(
        "mappings/tables/feed-units.yaml",
        "columns:",
        "many: [unit]\ncolumns:",
        "SIT032",
        "feed-units",
        "look it up in the channel",
        DFT,
    ),
    Mistake(
        "mappings/tables/kit-parts.yaml",
        "many: [component]",
        "many: [componnet]",
        "TBL013",
        "[componnet",
        "'component'",
    ),
    Mistake(
        "mappings/tables/kit-parts.yaml",
        "many:",
        "ranges: {cod: text}\nmany:",
        "TBL013",
        "text}",
        "did you mean 'code'",
    ),
    Mistake(USAGE, "part.each * pack.factor", "part.each * pack.facter", "SIT028", "pack.facter", "'factor'"),
    Mistake(DFT, "take: unit", "take: units", "SIT028", "units", "did you mean 'unit'?"),
    Mistake(ISSUE, "place.location", "place.locaton", "SIT028", "place.locaton", "did you mean 'location'?"),
    Mistake(
        ISSUE,
        "cost_center: cost_center.",
        "cost_center: cost_centre.",
        "SIT027",
        "cost_centre.",
        "'cost_center'",
    ),
    Mistake(ISSUE, "location: place.location", "location: room", "SIT026", "room", "fields of mappings/hl7/"),
    Mistake(
        ISSUE, "reference: reference", "reference: original.reference", "SIT029", "original.ref", "undo map"
    ),
    Mistake(
        USAGE,
        "translate:\n",
        "translate:\n  unit: {table: locations, by: [code, code]}\n",
        "SIT029",
        "unit",
        "otherwise",
    ),
    Mistake(USAGE, "by: [facility, code]}", "by: [code]}", "SIT045", "[code]}", "[facility, code]"),
    Mistake(
        DFT,
        "{table: feed-units, by: [code],",
        "{table: feed-units, by: [code, type],",
        "SIT045",
        "[code, type]",
    ),
    # expressions, with their columns
    Mistake(USAGE, "quantity * contract.price", "quantity * * contract.price", "MAP001", "* contract"),
    Mistake(USAGE, "when: \"type in ['PY', 'AJ', 'CO']\"", "when: \"type in ['PY' 'AJ']\"", "MAP001", "'AJ'"),
    Mistake(USAGE, "money: stated", "money: Stated money(", "MAP001", "money("),
    # money
    Mistake(USAGE, "money: far end", "money: farend", "SIT013", "farend", "did you mean 'far end'?"),
    Mistake(
        DFT, "  amount: FT1-11.1.1\n  unit_amount: FT1-12.1.1\n", "", "SIT026", "stated", "amount", USAGE
    ),
    Mistake(
        USAGE, "when: charge.billable", "when: charge.revenue_code", "SIT016", "charge.rev", "is present"
    ),
    Mistake(USAGE, "when: class == 'P'", "when: class", "SIT016", "class", "class == "),
    Mistake(
        "mappings/tables/charges.yaml", "billable: flag", "billable: text", "SIT016", "charge.", "==", USAGE
    ),
    # read maps
    Mistake(DFT, "  lot: PRT-19", "  lott: PRT-19", "MAP040", "lott", "did you mean 'lot'?"),
    Mistake(DFT, "  lot: PRT-19", "  wing: PRT-19", "MAP040", "wing", "extra"),
    Mistake(DFT, "take: unit}", "take: unit}\n  room: department else )", "MAP001", ")"),
    Mistake(DFT, "FT1-13.1, else FT1-16.1", "FT1-13.1, else FT1-16.x", "MAP001", ".x"),
    Mistake(DFT, "by: [code],", "by: [account],", "MAP045", "account", "codes"),
    # patients
    Mistake(USAGE, "by: [code, payer_class]", "by: [code, account]", "SIT030", "account]", "codes"),
    Mistake(ISSUE, "lot?: lot", "note?: patient", "SIT031", "patient", "patient_data: allowed"),
    Mistake(ISSUE, "lot?: lot", "when?: used_at", "SIT031", "used_at", "patient_data: allowed"),
    Mistake(
        SITE,
        "limited            #",
        "refused            #",
        "SIT031",
        "serial",
        "patient_data: limited",
        CANCEL,
    ),
    # the channel as a whole
    Mistake(
        USAGE,
        "same_line: {by: source_id, changed: hold, alike: hold}\n",
        "",
        "SIT041",
        "ehr-usage",
        "same_line:",
    ),
    Mistake(
        ADT,
        "tests:",
        "deliver: {x: {to: billing, map: billing/charge, money: quantity only}}\ntests:",
        "SIT041",
        "adt",
        "[account, event, occurred_at]",
        "",
        "SIT027",
    ),
    # tables
    Mistake(f"{ITEMS}.csv", "IMP-FEM-05,1000105", "IMP-FEM-06,1000105", "TBL009", "NORTH,IMP-FEM-06,1000106"),
    Mistake(f"{ITEMS}.csv", "implant,yes,owned", "implant,maybe,owned", "TBL006", "maybe", "yes or no"),
    Mistake(
        f"{ITEMS}.csv",
        "stock_unit",
        "stockunit",
        "TBL004",
        "stockunit",
        "did you mean 'stock_unit'?",
        "",
        "TBL005",
    ),
    Mistake(
        "mappings/tables/locations.yaml", "{location: CENTRAL}", "{locaton: CENTRAL}", "TBL013", "CENTRAL"
    ),
    # environments
    Mistake(DEMO, "  cabinet: {port: 2576}\n", "", "SIT050", "listeners", "add cabinet:"),
    Mistake(DEMO, "  cabinet: {", "  cabnet: {", "SIT051", "cabnet", "did you mean 'cabinet'?", "", "SIT050"),
    Mistake(DEMO, "port: 2576", "port: 2575", "SIT052", "2575", "its own"),
    Mistake(DEMO, "secrets_in_clear: allowed\n", "", "SIT053", "demo}", "${secret:NAME}"),
    Mistake(DEMO, "password: demo", 'password: "${vault:x}"', "SIT053", '"${vault', "${env:NAME}"),
    Mistake(DEMO, ", password: demo", "", "SIT056", "hl7-http", "both"),
    Mistake(DEMO, "sqlite:var", "postgres:var", "SIT014", "postgres", "sqlite:"),
    # tests
    Mistake(
        USAGE,
        "given: samples/dft-knee.hl7",
        "given: samples/dft-nee.hl7",
        "SIT005",
        "samples/dft-nee",
        "dft-knee",
    ),
    Mistake(USAGE, "T10:15:00-06:00", "T10:15:00", "SIT014", "2026-11-20T10:15:00\n", "offset"),
    Mistake("channels/samples/cost-minutes.json", "{", "", "SIT060", "samples/cost-minutes", "", USAGE),
    Mistake(
        VENDS, "holds: [{effect: issue", "holds: [{effect: isue", "SIT025", "isue", "did you mean 'issue'?"
    ),
]

WARNINGS = [
    Mistake(
        "mappings/hl7/adt-merge-patients.yaml",
        "  occurred_at",
        "  account: PID-18.1\n  merged_account: MRG-3.1\n  occurred_at",
        "SIT035",
        "merged_account",
        "A41",
    ),
    Mistake(USAGE, "    undo: erp/goods-return\n", "", "SIT040", "issue:", "add undo:"),
    Mistake(SITE, "    amount: value\n", "", "SIT047", "far end", "amount:", VENDS),
    Mistake(VENDS, "from: cabinet", "from: ehr", "SIT048", "cabinet:", "from:", SITE),
    Mistake(
        "mappings/tables/cost-centers.csv",
        "71050,Surgery,2027-01-01",
        "71050,Surgery,2027-01-08",
        "TBL010",
        "2027-01-08",
    ),
]


def text_at(site: Site, where: str) -> str:
    file, line, column = where.rsplit(":", 2)
    lines = site.files[file].decode().split("\n")
    return "\n".join([lines[int(line) - 1][int(column) - 1 :], *lines[int(line) :]])


def only(faults: list[Fault], mistake: Mistake) -> Fault:
    fitting = [fault for fault in faults if fault.code.startswith(mistake.code)]
    assert fitting, f"told instead: {[str(fault) for fault in faults]}"
    return fitting[0]


def test_the_untouched_example_has_no_fault_and_no_warning(example: Site) -> None:
    assert [str(fault) for fault in check(example)] == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.code}-{one.at.strip() or one.new}")
def test_a_mistake_is_told_where_it_stands_with_what_mends_it(seeded: Seed, mistake: Mistake) -> None:
    site = seeded(mistake.file, mistake.old, mistake.new)
    faults = check(site)
    errors = [fault for fault in faults if fault.severity == "error"]
    fault = only(errors, mistake)
    assert fault.where.startswith(f"{mistake.told or mistake.file}:")
    assert text_at(site, fault.where).startswith(mistake.at), text_at(site, fault.where)[:40]
    assert mistake.mend in fault.mend
    assert {error.code for error in errors} <= {fault.code, mistake.also}


@pytest.mark.parametrize("mistake", WARNINGS, ids=lambda one: one.code)
def test_what_may_be_meant_is_a_warning(seeded: Seed, mistake: Mistake) -> None:
    site = seeded(mistake.file, mistake.old, mistake.new)
    faults = check(site)
    fault = only(faults, mistake)
    assert {one.severity for one in faults} == {"warning"}
    assert fault.where.startswith(f"{mistake.told or mistake.file}:")
    assert text_at(site, fault.where).startswith(mistake.at)
    assert mistake.mend in fault.mend


def with_file(example: Site, name: str, text: bytes) -> Site:
    return Site(example.folder, {**example.files, name: text}, "demo")


def without(example: Site, name: str) -> Site:
    return Site(example.folder, {file: data for file, data in example.files.items() if file != name}, "demo")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mappings/hl7/old.yml", "SIT006"),
        ("channels/old/ehr.yaml", "SIT006"),
        ("mappings/hl7/old-dft.yaml", "SIT044"),
    ],
)
def test_a_file_that_nothing_reads_or_uses_is_a_warning(example: Site, name: str, code: str) -> None:
    faults = check(with_file(example, name, example.files["mappings/hl7/ehr-dft.yaml"]))
    assert [(fault.code, fault.severity, fault.where.split(":")[0]) for fault in faults] == [
        (code, "warning", name)
    ]


def test_a_table_without_its_rows_is_a_fault(example: Site) -> None:
    faults = check(without(example, f"{ITEMS}.csv"))
    assert [(fault.code, fault.where) for fault in faults] == [("SIT005", f"{ITEMS}.yaml:1:8")]


def test_two_channels_that_write_the_same_effect_from_the_same_messages_are_warned_of(example: Site) -> None:
    copied = example.files[USAGE].replace(b"channel: ehr-usage", b"channel: copied")
    faults = check(with_file(example, "channels/copied.yaml", copied))
    assert {fault.code for fault in faults} == {"SIT043"}
    assert len(faults) == 4  # issue, bill-only, cost, charge


def test_every_fault_of_every_file_is_told_at_once(example: Site) -> None:
    site = example
    for file, old, new in (
        (USAGE, b"lane: account", b"lane: acount"),
        (VENDS, b"type == 'N'", b"typ == 'N'"),
        (DEMO, b"port: 2576", b"port: 2575"),
        (f"{ITEMS}.csv", b"implant,yes,owned", b"implant,maybe,owned"),
    ):
        site = with_file(site, file, site.files[file].replace(old, new, 1))
    assert {fault.code for fault in check(site)} == {"SIT013", "SIT027", "SIT052", "TBL006"}


def test_no_fault_of_an_environment_tells_a_secret(seeded: Seed) -> None:
    site = seeded(DEMO, "secrets_in_clear: allowed\n", "")
    assert "demo}" not in "".join(str(fault) for fault in check(site))
    site = seeded(DEMO, "password: demo", "password: [hunter2]")
    assert all("hunter2" not in str(fault) for fault in check(site))


def test_a_broken_map_is_not_told_again_as_an_unknown_one(seeded: Seed) -> None:
    site = seeded(DFT, "makes: supply-usage", "makes: nothing")
    assert {fault.code for fault in check(site)} == {"SIT013"}
