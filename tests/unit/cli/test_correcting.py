"""`correct`, `undo`, `approve`, `acts`, `replay`: what they say, plainly and as JSON, with no engine running."""

from __future__ import annotations

import pytest

WRONG = "IMP-FEM-06,*,27810106"


@pytest.fixture
def mended(desk):
    """The charge row of a code that was posted is another one now."""
    text = (desk.site / "mappings" / "tables" / "charges.csv").read_text()
    file = desk.site.parent / "charges.csv"
    file.write_text(text.replace(WRONG, WRONG.replace("106", "105")))
    assert desk.run("tables", "import", "charges", str(file)).exit_code == 0
    return desk


def test_a_dry_run_says_what_would_change_in_money_and_does_nothing(mended):
    assert mended.run("correct", "1", "--dry-run").stdout.splitlines() == [
        "message 1 line 1, charge at billing: cancel and post, 4200.00 → 4200.00",
        "billing charge: 1 changed, 4,200.00 taken back, 4,200.00 posted, difference +0.00",
        "nothing was done: this was a dry run",
    ]
    assert len(mended.json("show", "1")["effects"]) == 2


def test_a_correction_needs_a_reason_and_says_which_messages(mended):
    assert "CTL003" in mended.run("correct", "1").stderr
    assert "CTL014" in mended.run("correct", "--reason", "x").stderr
    answer = mended.json("correct", "--feed", "ehr", "--reason", "wrong code")
    assert (answer["changed"], answer["lost"]) == ([1], [])
    assert [one["what"] for one in answer["changes"]] == ["cancel and post"]
    assert mended.run("correct", "1", "--reason", "again").stdout == "nothing changes\n"
    (act,) = mended.json("acts", "--limit", "1")
    assert (act["verb"], act["target"], act["reason"]) == ("correct", "message 1", "wrong code")
    assert "wrong code" in mended.run("acts").stdout


def test_an_undo_of_what_never_left_cancels_it(desk):
    answer = desk.json("undo", "1", "--reason", "never used")
    assert {one["what"] for one in answer["changes"]} == {"cancel"}
    assert desk.json("show", "1")["message"]["state"] == "filtered"


def test_where_the_site_asks_a_second_person_lets_it_go(mended, monkeypatch):
    site = mended.site / "config" / "suture.yaml"
    site.write_text(
        site.read_text().replace("currency: USD", "currency: USD\ncorrections: {second_person: true}")
    )
    mended.run("reload")
    monkeypatch.setenv("LOGNAME", "ann")
    said = mended.run("correct", "1", "--reason", "wrong code").stdout.splitlines()
    number = said[-1].split()[-1].rstrip("`")
    assert said[-1] == f"asked for: another person lets it go with `suture approve {number}`"
    assert "CTL012" in mended.run("approve", number).stderr
    assert "CTL011" in mended.run("approve", "99").stderr
    monkeypatch.setenv("LOGNAME", "bob")
    assert mended.json("approve", number, "--reason", "seen")["changed"] == [1]
    assert "CTL011" in mended.run("approve", number).stderr


def test_what_would_do_something_else_by_now_is_not_approved(mended, monkeypatch):
    site = mended.site / "config" / "suture.yaml"
    site.write_text(
        site.read_text().replace("currency: USD", "currency: USD\ncorrections: {second_person: true}")
    )
    mended.run("reload")
    monkeypatch.setenv("LOGNAME", "ann")
    asked = mended.json("correct", "1", "--reason", "wrong code")["asked"]
    right = mended.site / "mappings" / "tables" / "charges.csv"
    assert mended.run("tables", "import", "charges", str(right)).exit_code == 0
    monkeypatch.setenv("LOGNAME", "bob")
    assert "CTL013" in mended.run("approve", str(asked)).stderr


def test_a_replay_is_tried_with_the_tables_of_then_and_of_now(mended):
    assert mended.run("replay", "3", "--dry-run").stdout.startswith("message 3 would be held (")
    assert mended.run("replay", "1", "--dry-run").stdout == (
        "message 1 would be duplicate (every line was told before): 1 duplicate; documents: none\n"
    )
    assert "CTL014" in mended.run("replay").stderr
    assert "CTL007" in mended.run("replay", "1", "--to", "nowhere").stderr
    assert mended.run("replay", "1", "--from", "outbox").stdout == "0 documents are sent again as they were\n"


def test_an_edited_message_takes_the_place_of_a_held_one(desk, tmp_path):
    raw = desk.run("show", "3", "--raw").stdout.replace("NOBODY-MAPPED", "IMP-FEM-05")
    file = tmp_path / "mended.hl7"
    file.write_text(raw)
    assert desk.json("replay", "3", "--edit", str(file)) == {"replayed": {"3": 4}}
    assert "CTL015" in desk.run("replay", "1", "2", "--edit", str(file)).stderr
