"""The channels' own tests: what they do not touch, and accepting what was written."""

from __future__ import annotations

import json


def test_coverage_names_rules_and_rows_that_no_test_touches(desk):
    told = json.loads(desk.run("test", str(desk.site), "--coverage", "--json", site=False).stdout)["coverage"]
    assert "ehr-usage: charge is never taken back" in told["rules"]
    assert "ehr-usage: nothing is skipped as 'pre-admission'" in told["rules"]
    assert not any("charge is never written" in rule for rule in told["rules"])
    met, rows = told["rows"]["charges"]
    assert 0 < met < rows


def test_what_was_written_is_accepted_into_the_files_that_a_failed_test_expects(desk):
    table = desk.site / "mappings" / "tables" / "charges.csv"
    table.write_text(table.read_text().replace("IMP-FEM-07,*,27810107", "IMP-FEM-07,*,27810199"))
    failed = desk.run("test", str(desk.site), site=False)
    assert failed.exit_code == 1
    assert "charge[1].lines[1].code: expected '27810107', got '27810199'" in failed.stdout
    accepted = desk.run("test", str(desk.site), "--update", site=False)
    assert "updated channels/samples/charge-femoral.json" in accepted.stdout
    document = json.loads((desk.site / "channels/samples/charge-femoral.json").read_text())
    assert document["lines"][0]["code"] == "27810199"
    assert document["reference"] == "*"
    assert desk.run("test", str(desk.site), site=False).exit_code == 0


def test_what_is_expected_in_the_channel_itself_is_not_updated_and_said_so(desk):
    channel = desk.site / "channels" / "ehr-usage.yaml"
    channel.write_text(
        channel.read_text().replace("items: facility=NORTH code=IMP-NEW-01", "items: code=OTHER", 1)
    )
    told = desk.run("test", str(desk.site), "--update", site=False).stdout
    assert (
        "issue: expected to be held for 'items: code=OTHER', it is held for items: facility=NORTH code=IMP-NEW-01"
        in told
    )
    assert "'a new implant waits for its rows, the screw beside it goes on' fails still" in told


def test_documents_that_did_not_come_out_are_not_written_over_those_expected(desk):
    table = desk.site / "mappings" / "tables" / "charges.csv"
    table.write_text(table.read_text().replace("IMP-FEM-07,*,27810107,yes", "IMP-FEM-07,*,27810107,no"))
    before = (desk.site / "channels/samples/charge-case-femoral.json").read_text()
    desk.run("test", str(desk.site), "--update", site=False)
    assert (desk.site / "channels/samples/charge-case-femoral.json").read_text() == before


def test_an_hl7_document_is_compared_segment_by_segment(desk):
    (desk.site / "mappings" / "billing" / "charge.yaml").write_text(
        "write: hl7\nmessage: DFT^P03\ndocument:\n  MSH-3: {text: SUTURE}\n  PID-18: account\n"
        "  FT1: {each: lines, give: {FT1-1: number, FT1-7.1: charge.charge_code, FT1-10: quantity}}\n"
    )
    site = desk.site / "config" / "suture.yaml"
    site.write_text(
        site.read_text().replace("/charges: [", "DFT^P03: [MSH-3, PID-18, FT1-7.1]\n      /charges: [")
    )
    channel = desk.site / "channels" / "ehr-usage.yaml"
    text = channel.read_text()
    names = "[samples/charge-femoral.json, samples/charge-tibial.json, samples/charge-cement.json]"
    assert names in text
    channel.write_text(text.replace(names, "[samples/one.hl7, samples/two.hl7, samples/three.hl7]", 1))
    for name, code, quantity, line in (
        ("one", "27810107", 1, 1), ("two", "27810115", 1, 2), ("three", "27830140", 5, 3),
    ):  # fmt: skip
        (desk.site / "channels" / "samples" / f"{name}.hl7").write_text(
            f"MSH|^~\\&|SUTURE||||*||DFT^P03|*|P|2.5.1||||||UNICODE UTF-8\nPID{'|' * 18}ACC7001\n"
            f"FT1|{line}||||||{code}|||{quantity}\n"
        )
    result = desk.run("test", str(desk.site), site=False)
    mine = [line for line in result.stdout.splitlines() if "ehr-usage.yaml:67" in line]
    assert mine == ["       channels/ehr-usage.yaml:67: charge[3].3 FT1.FT1-10: expected '5', got '2'"]
