"""Mistakes that analysts make in a site's files, one at a time, and what `check` says of each.

The unit tests seed them in the example, `prove check` in a site of thirty channels.
"""

from __future__ import annotations

from typing import NamedTuple

SITE = "config/suture.yaml"
DEMO = "config/env/demo.yaml"
DISCHARGES = "channels/discharges.yaml"
CASES = "channels/case-usage.yaml"
BOOKINGS = "channels/cases.yaml"
USAGE = "channels/ehr-usage.yaml"
VENDS = "channels/cabinet-vends.yaml"
DFT = "mappings/hl7/ehr-dft.yaml"
ISSUE = "mappings/erp/goods-issue.yaml"
CANCEL = "mappings/erp/bill-only-cancellation.yaml"
ITEMS = "mappings/tables/items"
UNITS = "mappings/tables/units"
PRICES = "mappings/tables/contract-prices.csv"
MERGE = "mappings/hl7/adt-merge-accounts.yaml"
READ_ADT = "mappings/hl7/adt.yaml"
VENDS_READ = "mappings/hl7/cabinet-oms.yaml"
CHARGE = "mappings/billing/charge.yaml"


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
    Mistake(
        VENDS,
        "\ntranslate:",
        "\ntables: {locations: {row: {facility: facility, place: station, location: station}}}\ntranslate:",
        "SIT099",
        "tables:",
        "makes: master",
    ),
    Mistake(
        VENDS,
        "\ntranslate:",
        "\ntables: {cost-centers: {row: {facility: facility, department: department}}}\ntranslate:",
        "SIT100",
        "row:",
        "new_rows",
        also="SIT099",
    ),
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
    Mistake(VENDS, "code: 101,", "code: 108,", "SIT014", "108", "101 (required field missing)"),
    Mistake(
        VENDS,
        "when: station is missing",
        "when: staton is missing",
        "SIT027",
        "staton",
        "did you mean 'station'?",
    ),
    Mistake(VENDS, "when: station is missing", "when: encounter is missing", "SIT027", "encounter"),
    Mistake(
        VENDS, "when: station is missing", "when: number == 3", "SIT039", "{when: number", "where: PID-18"
    ),
    Mistake(VENDS, "when: station is missing", "when: station", "SIT016", "station", "station is present"),
    Mistake(
        VENDS, "code: 101, because", "code: 101, where: zpm-3, because", "SIT014", "zpm-3", "write PID-18"
    ),
    Mistake(VENDS, "lane: account", "profile: oms.xml\nlane: account", "SIT005", "oms.xml", "save it"),
    Mistake(
        VENDS,
        "lane: account",
        "profile: samples/oms-vends.hl7\nlane: account",
        "SIT061",
        "samples/oms-vends",
        "HL7v2xConformanceProfile",
    ),
    Mistake(VENDS, "lane: account", "lane: patience", "SIT013", "patience", "did you mean 'patient'?"),
    Mistake(
        USAGE, "by: [code, payer_class]", "by: [code, payerclass]", "SIT027", "payerclass", "'payer_class'"
    ),
    Mistake(USAGE, "when: class == 'P'", "when: klass == 'P'", "SIT027", "klass", "did you mean 'class'?"),
    Mistake(
        USAGE,
        "when: item.issued_by",
        "when: itm.issued_by",
        "SIT027",
        "itm.issued_by",
        "did you mean 'item'?",
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
        "many: [componnet",
        "'component'",
    ),
    Mistake(
        "mappings/tables/kit-parts.yaml",
        "many:",
        "ranges: {cod: text}\nmany:",
        "TBL013",
        "cod: text}",
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
        "mappings/tables/charges.yaml", "billable: flag", "billable: text", "SIT016", "charge.", "==", CASES
    ),
    # read maps
    Mistake(DFT, "  lot: agreed(PRT-19", "  lott: agreed(PRT-19", "MAP040", "lott", "did you mean 'lot'?"),
    Mistake(DFT, "  lot: agreed(PRT-19", "  wing: agreed(PRT-19", "MAP040", "wing", "extra"),
    Mistake(DFT, "take: unit}", "take: unit}\n  room: department else )", "MAP001", ")"),
    Mistake(DFT, "FT1-13.1, else FT1-16.1", "FT1-13.1, else FT1-16.x", "MAP001", ".x"),
    Mistake(DFT, "by: [code],", "by: [account],", "MAP045", "account", "codes"),
    Mistake(DFT, "lines: delta", "lines: snapshot", "SIT036", "snapshot", "add `case_id:`"),
    # cases
    Mistake(
        CASES, "case.room]}\n  place", "case.rom]}\n  place", "SIT028", "case.rom", "did you mean 'room'?"
    ),
    Mistake(
        CASES, "same: [case_id, serial]", "same: [case, serial]", "SIT028", "case, serial", "write case_id"
    ),
    Mistake(
        BOOKINGS,
        "read: hl7/siu\n",
        "read: hl7/siu\ndeliver:\n  told: {to: billing, map: billing/discharge, money: quantity only}\n",
        "SIT034",
        "deliver",
        "leave `deliver` out",
    ),
    Mistake(USAGE, "lane: account", "account_from: case\nlane: account", "SIT026", "case", "add case_id"),
    # stays
    Mistake(DISCHARGES, "by: account", "by: [account, event]", "SIT038", "[account, event", "by: account"),
    # patients
    Mistake(
        DFT,
        "  lot: agreed(PRT-19",
        "  lot: agreed(PID-5.1",
        "SIT037",
        "agreed(PID-5.1",
        "read it from the line",
    ),
    Mistake(
        DFT,
        "FT1-13.1, else FT1-16.1",
        "FT1-13.1, else PID-11.3",
        "SIT037",
        "FT1-13.1",
        "read it from the line",
    ),
    Mistake(USAGE, "by: [code, payer_class]", "by: [code, account]", "SIT030", "account]", "codes"),
    Mistake(USAGE, "by: [facility, item.item]", "by: [facility, patient]", "SIT030", "patient]", "codes"),
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
        "channels/adt-merge-accounts.yaml",
        "same_line: {by: [account, merged_account, occurred_at]}\n",
        "",
        "SIT041",
        "adt-merge-accounts",
        "[account, merged_account, occurred_at]",
    ),
    # tables
    Mistake(
        f"{ITEMS}.csv",
        "IMP-FEM-05,1000105",
        "IMP-FEM-06,1000105",
        "TBL009",
        "NORTH,IMP-FEM-06,1000106",
        "mend the key",
    ),
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
        "mappings/tables/locations.yaml", "{location: CENTRAL}", "{locaton: CENTRAL}", "TBL013", "locaton"
    ),
    # environments
    Mistake(
        DEMO,
        '  billing: {url: "http://127.0.0.1:9802"}\n',
        "",
        "SIT050",
        "destinations",
        "add below destinations: billing: {url:",
    ),
    Mistake(
        DEMO,
        "store: sqlite:var/suture.db",
        "store: sqlite:var/suture.db\ncontrol: [x]",
        "SIT012",
        "[x]",
        "put it in quotes",
    ),
    Mistake(
        DEMO,
        "  cabinet: {port: 2576}\n",
        "",
        "SIT050",
        "listeners",
        "add below listeners: cabinet: {port: 8082}",
    ),
    Mistake(DEMO, "  cabinet: {", "  cabnet: {", "SIT051", "cabnet", "did you mean 'cabinet'?", "", "SIT050"),
    Mistake(DEMO, "port: 2576", "port: 2575", "SIT052", "2575", "its own"),
    Mistake(DEMO, "{port: 2576}", "{folder: var/in}", "SIT095", "cabinet", "write {port: "),
    Mistake(SITE, "path: /hl7", "path: /hl7\n    rate: 0/s", "SIT014", "0/s", "1/min"),
    Mistake(SITE, "path: /hl7", "path: /hl7\n    rate: -1", "SIT014", "-1", "100/s"),
    Mistake(SITE, "path: /hl7", "path: /hl7\n    rate: often", "SIT014", "often", "600/min"),
    Mistake(SITE, "path: /hl7", "path: /hl7\n    rate: 100/hour", "SIT014", "100/hour", "600/min"),
    Mistake(SITE, "kind: mllp\n", "kind: mllp\n    rate: 100/s\n", "SIT014", "100/s", "take it out"),
    Mistake(
        SITE,
        "kind: hl7-http\n",
        "kind: folder\n    rate: 600/min\n",
        "SIT014",
        "600/min",
        "hl7-http and fhir",
        also="SIT095",
    ),
    Mistake(SITE, "kind: hl7-http", "kind: folder", "SIT095", "hl7-http: {", "hl7-http: {folder: ", DEMO),
    Mistake(
        DEMO,
        "{port: 2576}",
        "{port: 2576, fetch: {from: 'sftp://a@b/c', known_hosts: k, key: k}}",
        "SIT095",
        "fetch",
        "take `fetch` out",
    ),
    Mistake(
        DEMO,
        "{port: 2576}",
        "{port: 2576, fetch: {from: 'sftp://a@b/c', known_hosts: k}}",
        "SIT056",
        "fetch",
        "give one of them",
        "",
        "SIT095",
    ),
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
    # YAML that means something else than it looks
    Mistake(USAGE, "    to: billing", "\tto: billing", "SIT001", "\tto", "blanks in the place of the tab"),
    Mistake(
        SITE, "    path: /hl7", "    path: /hl7\n    accepts_test: NO", "SIT012", "NO", "write true or false"
    ),
    Mistake(SITE, "concurrency: 8", "concurrency: 08", "SIT012", "08", "whole number"),
    Mistake(SITE, "settle: 2s", "settle: 2 seconds", "SIT014", "2 seconds", "30s"),
    # places that no message of the version has
    Mistake(DFT, "reverses_id: FT1-31", "reverses_id: FT1-131", "MAP049", "FT1-131", "look at a message"),
    Mistake(MERGE, "MRG-3.1", "MRG-13.1", "MAP049", "MRG-13.1", "look at a message"),
    Mistake(READ_ADT, "class: PV1-2", "class: PV1-2.2", "MAP049", "PV1-2.2", "version: 2.7"),
    Mistake(READ_ADT, "version: 2.5.1", "version: 2.51", "SIT013", "2.51", "did you mean '2.5.1'?"),
    # documents that a destination would refuse
    Mistake(ISSUE, "  posting_date: posting_date\n", "", "SIT059", "document:", "add posting_date:"),
    Mistake(ISSUE, "      unit: item.stock_unit\n", "", "SIT059", "lines:", "add unit:"),
    Mistake(ISSUE, "location: place", "location?: place", "SIT059", "location?", "write location: without"),
    Mistake(
        ISSUE,
        "to: /goods-issues",
        "to: /goods-isues",
        "SIT058",
        "/goods-isues",
        "did you mean '/goods-issues'?",
    ),
    Mistake(
        ISSUE,
        "  reference: reference",
        "  token: {text: abc}\n  reference: reference",
        "SIT053",
        "abc",
        "take it out",
    ),
    # codes that nobody knows, units that cannot all be true
    Mistake(
        PRICES,
        '2000112,"Hip stem, cementless, size 12",2480.00',
        "20001122,Stem,2480.00",
        "SIT070",
        "20001122",
        "did you mean",
    ),
    Mistake(f"{UNITS}.csv", "3000330,BX", "NO-ITEM,BX", "SIT070", "NO-ITEM", "mappings/tables/items.csv"),
    Mistake(f"{UNITS}.yaml", "items.item", "items.itm", "SIT028", "items.itm", "did you mean 'item'?"),
    Mistake(f"{UNITS}.yaml", "items.item", "item.item", "SIT023", "item.item", "did you mean 'items'?"),
    Mistake(
        f"{UNITS}.yaml",
        "to: stock_unit",
        "to: stockunit",
        "SIT028",
        "stockunit",
        "did you mean 'stock_unit'?",
    ),
    Mistake(
        f"{ITEMS}.csv",
        "NORTH,IMP-FEM-06,1000106",
        "NORTH,FEM-5,1000105,Femoral 5,implant,yes,owned,ehr,BX,V100,,\nNORTH,IMP-FEM-06,1000106",
        "SIT071",
        "BX",
        "write EA, or mend line 2",
    ),
    Mistake(f"{UNITS}.csv", "*,BX,BX,1,,", "*,BX,BX,2,,", "SIT072", "2,,", "write 1"),
    Mistake(
        f"{UNITS}.csv",
        "3000330,BX,EA,36,,",
        "3000330,BX,EA,36,,\n3000330,EA,BX,36,,",
        "SIT072",
        "36,,\n3000340",
        "write 1/36",
    ),
    # rows
    Mistake(
        f"{UNITS}.csv",
        "*,PR,PR,1,,",
        "*,PR,PR,1,2027-01-01,2026-01-01",
        "TBL008",
        "2026-01-01",
        "last valid day",
    ),
    Mistake(f"{UNITS}.csv", "*,PR,PR,1,,", "*,,PR,1,,", "TBL007", ",PR,1", "fill 'unit'"),
    Mistake(f"{UNITS}.csv", "*,PR,PR,1,,", "*,PR,PR,1,,2026-12-31,late", "TBL003", "*,PR,PR", "quote cells"),
    Mistake(
        f"{ITEMS}.csv",
        '"Femoral component, cemented, size 5"',
        "Femoral component cemented, size 5",
        "TBL003",
        "NORTH,IMP-FEM-05",
        "quote cells",
    ),
    Mistake(
        f"{ITEMS}.csv",
        "V100,,\nNORTH,IMP-FEM-07",
        "V100,01/02/2026,\nNORTH,IMP-FEM-07",
        "TBL006",
        "01/02",
        "write YYYY-MM-DD",
    ),
    Mistake(USAGE, "when: class == 'P'", "when: class == P-1", "SIT027", "P-1", "write it in quotes: 'P-1'"),
    Mistake(
        ISSUE,
        "location: place.location",
        "location: OR-CORE",
        "SIT027",
        "OR-CORE",
        "write it in quotes: 'OR-CORE'",
    ),
    Mistake(f"{UNITS}.csv", "*,PR,PR,1,,", '*,"PR,PR,1,,', "TBL002", '*,"PR', "end a quoted cell"),
    Mistake(f"{UNITS}.csv", "*,PR,PR,1,,", "*,PR,PR,0,,", "TBL006", "0,,", "above zero"),
    # expressions
    Mistake(
        USAGE,
        "quantity * activity.rate",
        "rond(quantity * activity.rate, 2)",
        "MAP002",
        "rond",
        "did you mean round()?",
    ),
    Mistake(USAGE, "quantity * activity.rate", "round()", "MAP001", ")", ""),
    Mistake(USAGE, "item.kind == 'time'", "item.kind = 'time'", "MAP001", "= 'time'", "compare with =="),
    # secrets
    Mistake(
        DEMO,
        '"http://127.0.0.1:9802"',
        '"http://suture:hunter2@127.0.0.1:9802"',
        "SIT053",
        "://suture",
        "${secret:NAME}",
    ),
    Mistake(
        DEMO,
        '"http://127.0.0.1:9802"',
        '"http://127.0.0.1:9802/?api_key=hunter2"',
        "SIT053",
        "?api_key",
        "token:",
    ),
]

WARNINGS = [
    Mistake(DFT, "{from: FT1-2, unique_per", "{from: FT1-1, unique_per", "SIT078", "FT1-1", "read FT1-2"),
    Mistake(
        DFT,
        "{from: FT1-2, unique_per",
        '{from: "FT1-2, else FT1-1", unique_per',
        "SIT078",
        '"FT1-2',
        "read FT1-2",
    ),
    Mistake(
        "mappings/tables/charges.csv",
        "*,27810105,",
        "*,2.78E+07,",
        "TBL016",
        "2.78E+07",
        "write all its digits",
    ),
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
    Mistake(
        SITE,
        "patient_data: limited ",
        "patient_data: allowed ",
        "SIT075",
        "allowed",
        "write patient_data: limited",
    ),
    Mistake(CHARGE, "      department: department", "      who?: performer", "SIT075", "who?", "take it out"),
    Mistake(VENDS_READ, "read: OMS^O05", "read: OMS^O50", "SIT074", "OMS^O50", "did you mean 'OMS^O05'?"),
    Mistake(USAGE, "item.kind == 'time'", "item.kind == 'times'", "SIT076", "times", "did you mean 'time'?"),
    Mistake(
        USAGE,
        "when: item.ownership == 'consigned'",
        "when: item.ownership == 'consigned' and item.kind == 'time'",
        "SIT073",
        "item.ownership",
        "no row",
    ),
    Mistake(
        USAGE,
        "when: charge.billable",
        "when: charge.billable and class == 'P'",
        "SIT073",
        "charge.",
        "skip fewer",
    ),
    Mistake(
        VENDS,
        "type not in ['V', 'I', 'R', 'W']",
        "account is present or account is missing",
        "SIT073",
        '"account is',
        "skip fewer",
    ),
    Mistake(
        VENDS, "when: type == 'N'", "when: type == 'L' and quantity > 0", "SIT073", "type ==", "take it out"
    ),
    Mistake(USAGE, "    undo: billing/credit\n", "", "SIT040", "charge:", "add undo:"),
]
