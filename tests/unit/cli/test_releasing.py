"""What was in force, what an edit changes, and the way back; and where each field of a posting came from."""

from __future__ import annotations


def edit(desk) -> None:
    """Another charge code for the femoral component, and a condition."""
    table = desk.site / "mappings" / "tables" / "charges.csv"
    table.write_text(table.read_text().replace("IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810107"))
    cases = desk.site / "channels" / "case-usage.yaml"
    cases.write_text(cases.read_text().split("\ntests:")[0] + "\n")
    channel = desk.site / "channels" / "ehr-usage.yaml"
    text = channel.read_text().split("\ntests:")[0] + "\n"
    channel.write_text(
        text.replace(
            "because: pre-admission}",
            "because: pre-admission}\n  - {when: code == 'IMP-FEM-07', because: recalled}",
        )
    )


def test_a_diff_says_which_lines_and_rows_are_others(desk):
    assert desk.run("diff").stdout.strip() == "nothing differs"
    edit(desk)
    said = desk.run("diff").stdout
    assert "channels/ehr-usage.yaml" in said
    assert "+  - {when: code == 'IMP-FEM-07', because: recalled}" in said
    assert "table charges" in said
    assert "~ code=IMP-FEM-06 payer_class=*: charge_code 27810106 → 27810107" in said


def test_a_name_that_is_gone_is_told_while_something_stands_under_it(desk):
    assert desk.json("diff")["warnings"] == []
    (desk.site / "channels" / "case-usage.yaml").unlink()  # it posted nothing
    channel = desk.site / "channels" / "ehr-usage.yaml"
    text = channel.read_text().split("\ntests:")[0] + "\n"
    text = text.replace("\n  charge:\n    to: billing", "\n  bill:\n    to: billing")
    channel.write_text(text.replace("charge: 15m}", "bill: 15m}"))
    told = "ACT005 channel 'ehr-usage' posts no 'charge' to billing any more"
    for verb in ("diff", "preview", "reload"):
        said = desk.run(verb)
        assert said.exit_code == 0, said.output
        assert [line.startswith(told) for line in said.stdout.splitlines() if "ACT005" in line] == [True]
        assert "the newest by message 2" in said.stdout
    assert desk.json("diff")["warnings"] == []


def test_a_preview_tells_the_lines_and_the_money_that_an_edit_changes(desk):
    assert "0 touched" in desk.run("preview").stdout
    edit(desk)
    told = desk.json("preview")
    assert (told["messages"], told["touched"], told["differing"]) == (3, 3, 2)
    assert told["lines"] == {"changed": 1, "added": 0, "lost": 2, "newly held": 0, "newly mapped": 0}
    assert told["samples"] == {"changed": [1], "lost": [2]}
    (moved,) = told["money"]
    assert (moved["effect"], moved["code"], moved["difference"]) == ("charge", "IMP-FEM-07", "-4200.00")
    assert "altogether -4,200.00" in desk.run("diff", "--money").stdout


def test_an_edit_of_rows_touches_only_messages_that_ask_for_one_of_them(desk):
    table = desk.site / "mappings" / "tables" / "charges.csv"
    table.write_text(table.read_text().replace("IMP-FEM-06,*,27810106", "IMP-FEM-06,*,27810107"))
    told = desk.json("preview")
    assert (told["messages"], told["touched"], told["differing"]) == (3, 1, 1)
    assert told["samples"] == {"changed": [1]}


def test_a_row_that_was_missing_shows_what_it_would_let_go(desk):
    table = desk.site / "mappings" / "tables" / "feed-units.csv"
    table.write_text(table.read_text() + "NOBODY-MAPPED,EA,,\n")
    table = desk.site / "mappings" / "tables" / "charges.csv"
    table.write_text(table.read_text() + "NOBODY-MAPPED,*,27899999,yes,0278,1,,\n")
    told = desk.json("preview")
    assert told["lines"]["newly mapped"] == 1
    assert told["samples"]["newly mapped"] == [3]


def test_a_site_at_fault_is_not_previewed(desk):
    channel = desk.site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text().replace("lane: account", "lane: acount"))
    for verb in ("preview", "diff"):
        result = desk.run(verb)
        assert result.exit_code == 1
        assert "channels/ehr-usage.yaml:" in result.stderr


def test_going_back_puts_the_release_before_in_force_until_somebody_asks_for_the_files(desk):
    first = desk.json("releases")[0]
    edit(desk)
    second = desk.json("reload")
    assert second["release"] != first["release_hash"]
    assert "CTL003" in desk.run("rollback").stderr
    back = desk.json("rollback", "--reason", "wrong code")
    assert back["release"] == first["release_hash"]
    assert desk.json("status")["release"] == first["release_hash"]
    assert len(desk.json("releases")) == 3
    assert desk.json("reload")["release"] == second["release"]


def test_going_back_further_names_the_edition(desk):
    edit(desk)
    desk.run("reload")
    assert "CTL016" in desk.run("rollback", "77", "--reason", "x").stderr
    assert desk.json("rollback", "1", "--reason", "x")["to"] == 1


def test_each_field_tells_where_it_came_from(desk):
    (charge,) = [one for one in desk.json("explain", "1") if one["effect"] == "charge"]
    assert charge["same"]
    told = {field["place"]: field for field in charge["fields"]}
    quantity = told["lines[1].quantity"]
    assert quantity["value"] == "1"
    assert quantity["where"].startswith("mappings/billing/charge.yaml:13:")
    (effect_quantity,) = quantity["of"]
    assert effect_quantity["rule"] == "quantity * charge.factor"
    assert effect_quantity["where"].startswith("channels/ehr-usage.yaml:")
    factor, sent = effect_quantity["of"]
    assert factor["where"] == "table charges, version 1, line 3"
    assert sent["of"][0]["name"] == "FT1[1]-10"
    (code,) = told["lines[1].code"]["of"]
    assert code["rule"] == "by code=IMP-FEM-06 payer_class="


def test_one_field_can_be_asked_for_and_a_wrong_name_is_told(desk):
    said = desk.run("explain", "1", "amount").stdout
    assert "FT1[1]-11.1.1 = 4200.00" in said
    assert "lines[1].item" not in said
    assert "CLI010" in desk.run("explain", "1", "amuont").stderr
    assert "CLI010 message 3 posted nothing" in desk.run("explain", "3").stderr
    assert "CTL004" in desk.run("explain", "99").stderr


def test_a_number_that_no_message_can_have_is_told(desk):
    result = desk.run("explain", "99999999999999999999")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert not isinstance(result.exception, OverflowError)


def test_the_doctor_of_a_site_at_fault_still_says_the_rest(desk):
    channel = desk.site / "channels" / "ehr-usage.yaml"
    channel.write_text(channel.read_text().replace("lane: account", "lane: acount"))
    said = desk.run("doctor").stdout
    assert "amiss  site: 1 faults" in said
    assert "destination erp: nobody listens there" in said
