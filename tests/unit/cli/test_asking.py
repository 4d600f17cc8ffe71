"""What may be asked beside a stopped engine, as text and as JSON."""

from __future__ import annotations

import json

import apsw
import pytest


def test_messages_are_listed_newest_first(desk):
    assert [row["id"] for row in desk.json("messages")] == [3, 2, 1]
    text = desk.run("messages").stdout
    assert text.count("DFT^P03") == 3
    assert "held" in text


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--state", "held"), [3]),
        (("--control-id", "C2"), [2]),
        (("--feed", "cabinet"), []),
        (("--type", "DFT^P03", "--limit", "1"), [3]),
        (("--since", "2026-11-20"), [3, 2, 1]),
        (("--since", "2026-11-21"), []),
    ],
)
def test_messages_are_found_by_what_is_asked(desk, options, found):
    assert [row["id"] for row in desk.json("messages", *options)] == found


def test_one_message_tells_its_whole_story_without_its_content(desk):
    story = desk.json("show", "1")
    assert story["message"]["state"] == "routed"
    assert {delivery["destination"] for delivery in story["deliveries"]} == {"erp", "billing"}
    text = desk.run("show", "1").stdout
    assert "M1" not in text.split()
    assert "IMP-FEM-06" not in desk.run("messages").stdout


def test_the_bytes_are_shown_to_who_asks_for_them(desk):
    assert "FT1|1|T1" in desk.run("show", "1", "--raw").stdout


def test_a_message_that_is_not_there_is_wrong_usage(desk):
    result = desk.run("show", "99")
    assert result.exit_code == 2
    assert "no message 99" in result.stderr


def with_a_unit(desk) -> None:
    """Until its unit is known, the line of message 3 waits for whoever keeps the units, and for nobody else."""
    assert {group["owner"] for group in desk.json("worklist")} == {"interface-team"}
    assert desk.run("map", "feed-units: code=NOBODY-MAPPED", "unit=EA", "--reason", "new").exit_code == 0


def test_the_worklist_is_by_owner_with_what_is_at_stake(desk):
    with_a_unit(desk)
    groups = desk.json("worklist")
    assert {group["owner"] for group in groups} == {"supply-chain", "revenue-integrity"}
    assert {str(group["at_stake"]) for group in groups} == {"4200.00"}
    assert desk.json("worklist", "--owner", "nobody") == []
    assert "NOBODY-MAPPED" in desk.run("worklist").stdout


def test_the_worklist_of_an_owner_has_nobody_else_s_holds(desk):
    with_a_unit(desk)
    assert {group["owner"] for group in desk.json("worklist", "--owner", "supply-chain")} == {"supply-chain"}
    assert "revenue-integrity" not in desk.run("worklist", "--owner", "supply-chain").stdout


def test_who_works_one_owner_s_list_sees_others_only_on_asking(desk, monkeypatch):
    with_a_unit(desk)
    place = desk.site / "config" / "env" / "demo.yaml"
    place.write_text(place.read_text() + "owners: {supply-chain: [ann]}\n")
    everyone = {group["owner"] for group in desk.json("worklist")}
    monkeypatch.setenv("LOGNAME", "ann")
    assert {group["owner"] for group in desk.json("worklist")} == {"supply-chain"} < everyone
    assert {group["owner"] for group in desk.json("worklist", "--all")} == everyone
    asked = desk.json("worklist", "--owner", "revenue-integrity")
    assert {group["owner"] for group in asked} == {"revenue-integrity"}


def test_the_worklist_says_since_when_and_which_rows_are_spelled_almost_alike(desk):
    units = ["code=NOBODY-MAPED", "unit=EA", "--reason", "a slip"]
    assert desk.run("tables", "add", "feed-units", *units).exit_code == 0
    (group, *_) = desk.json("worklist")
    assert group["first"] == group["last"] != ""
    assert group["samples"] == [3]
    assert group["nearest"][0] == {"code": "NOBODY-MAPED"}
    text = desk.run("worklist").stdout
    assert f"first seen {group['first']}, last {group['last']}; messages 3" in text
    assert "spelled almost like it: code=NOBODY-MAPED" in text


def test_the_account_closes(desk):
    account = desk.json("reconcile")
    assert account["messages"]["by_state"] == {"routed": 2, "held": 1}
    assert account["settled"] is False  # nobody delivers while no engine runs
    assert desk.run("reconcile").exit_code == 0


def test_a_folder_that_is_no_site_is_a_fault_with_a_mend(tmp_path):
    from click.testing import CliRunner

    from engine.cli.main import main

    result = CliRunner().invoke(main, ["messages", "--site", str(tmp_path)])
    assert result.exit_code == 1
    assert "mend:" in result.stderr


def test_what_is_late_is_told_and_the_command_says_so_with_its_status(desk):
    told = desk.run("alerts")
    assert told.exit_code == 1
    assert (
        "ehr-usage: 3 effects 'issue' not at erp within 15m: 1 held and 2 on the way; late since "
        in told.stdout
    )
    assert {alert["channel"] for alert in json.loads(desk.run("alerts", "--json").stdout)} <= {"ehr-usage"}


def test_a_bare_code_is_told_with_its_words(desk):
    store = apsw.Connection(str(desk.site / "var" / "suture.db"))
    store.execute("UPDATE message SET state = 5, reason = 'INT003' WHERE id = 3")
    store.close()
    assert desk.json("messages", "--state", "refused")[0]["reason"] == "INT003 MSH-12 is no HL7 version 2"
    assert "refused INT003 MSH-12 is no HL7 version 2" in " ".join(desk.run("messages").stdout.split())
    assert ": refused INT003 MSH-12 is no HL7 version 2" in desk.run("show", "3").stdout


def test_an_effect_without_a_quantity_says_so(desk):
    store = apsw.Connection(str(desk.site / "var" / "suture.db"))
    store.execute("UPDATE effect SET quantity = NULL WHERE message_id = 1")
    store.close()
    text = desk.run("show", "1").stdout
    assert "no quantity" in text
    assert "None" not in text
