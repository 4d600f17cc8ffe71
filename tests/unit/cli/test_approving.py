"""Changes of a code table by two persons: proposed by one, put in force by another, with no engine running."""

from __future__ import annotations

import pytest

CELLS = ("payer_class=*", "charge_code=27899999", "billable=yes", "revenue_code=0278", "factor=1")
ROW = ("code=NOBODY-MAPPED", *CELLS)


@pytest.fixture
def owned(desk, monkeypatch):
    """The charges ask for a second person, and Ann is at the desk."""
    declared = desk.site / "mappings" / "tables" / "charges.yaml"
    declared.write_text(declared.read_text() + "approval: second person\n")
    monkeypatch.setenv("LOGNAME", "ann")
    assert desk.run("reload").exit_code == 0
    return desk


def versions(desk) -> list[int]:
    return [row["version"] for row in desk.json("tables", "list") if row["name"] == "charges"]


def found(desk) -> bool:
    return desk.run("tables", "find", "charges", "code=NOBODY-MAPPED", "payer_class=X").exit_code == 0


def test_a_row_is_used_only_when_another_person_approved_it(owned, monkeypatch):
    told = owned.run("tables", "add", "charges", *ROW, "--reason", "new implant").stdout
    assert told == "proposed: another person puts it in force with `suture tables approve charges 1`\n"
    assert versions(owned) == [1]
    assert not found(owned)
    (waiting,) = owned.json("tables", "pending")
    assert (waiting["name"], waiting["actor"], waiting["reason"]) == ("charges", "ann", "new implant")
    assert waiting["added"] == [
        "code=NOBODY-MAPPED payer_class=* charge_code=27899999 billable=yes revenue_code=0278 factor=1"
    ]
    refused = owned.run("tables", "approve", "charges", "1")
    assert refused.exit_code == 2
    assert "APR001" in refused.stderr
    monkeypatch.setenv("LOGNAME", "bob")
    told = owned.run("tables", "approve", "charges", "1", "--reason", "seen").stdout
    assert told == "charges: version 2 is in force: 1 new, 0 changed, 0 gone\n"
    assert found(owned)
    newest = owned.json("tables", "list")[0]
    assert (newest["actor"], newest["reason"]) == ("ann", "new implant (approved by bob)")
    assert "APR002" in owned.run("tables", "approve", "charges", "1").stderr
    assert owned.run("tables", "pending").stdout == "nothing waits for another person\n"
    assert [act["verb"] for act in owned.json("acts", "--limit", "2")] == [
        "tables approve",
        "tables add proposed",
    ]


def test_what_waited_for_a_mapped_cause_goes_with_its_approval_and_nothing_else(owned, monkeypatch):
    (first,) = {group["cause"] for group in owned.json("worklist")}
    owned.json("map", first, "unit=EA")
    causes = {group["cause"] for group in owned.json("worklist")}
    cause = next(cause for cause in causes if "charges:" in cause)
    held = owned.json("show", "3")["effects"]
    told = owned.json("map", cause, *CELLS, "--reason", "new implant")
    assert told["proposed"] == 1
    assert owned.json("show", "3")["effects"] == held
    assert {group["cause"]: group["proposed"] for group in owned.json("worklist")} == {
        one: ([1] if one == cause else []) for one in causes
    }
    assert "proposed (1)" in owned.run("worklist").stdout
    assert "APR004" in owned.run("map", cause, *CELLS).stderr
    monkeypatch.setenv("LOGNAME", "bob")
    told = owned.json("tables", "approve", "charges", "1")
    assert told["messages"] == 1
    assert cause not in {group["cause"] for group in owned.json("worklist")}
    assert {group["cause"] for group in owned.json("worklist")} - set(causes) <= {
        effect["cause"] for effect in owned.json("show", "3")["effects"]
    }


def test_a_table_that_asks_for_nobody_is_changed_at_once(owned):
    row = ("code=NOBODY-MAPPED", "unit=EA")
    assert owned.json("tables", "add", "feed-units", *row)["version"] == 2


def test_a_rejected_proposal_is_gone_and_who_made_it_may_take_it_back(owned):
    owned.run("tables", "add", "charges", *ROW)
    assert "CTL003" in owned.run("tables", "reject", "charges", "1").stderr
    assert owned.json("tables", "reject", "charges", "1", "--reason", "mistyped")["state"] == "rejected"
    assert owned.json("tables", "pending") == []
    assert "rejected by ann" in owned.run("tables", "reject", "charges", "1", "--reason", "x").stderr
    assert "APR002" in owned.run("tables", "approve", "items", "1").stderr


def propose(desk, tmp_path, old: str, new: str) -> int:
    """A proposal of the file in the site with one edit."""
    text = (desk.site / "mappings" / "tables" / "charges.csv").read_text()
    assert old in text
    file = tmp_path / "edited.csv"
    file.write_text(text.replace(old, new))
    return int(desk.json("tables", "import", "charges", str(file), "--reason", new)["proposed"])


def test_two_proposals_that_touch_other_rows_are_both_in_force_at_last(owned, tmp_path, monkeypatch):
    first = propose(owned, tmp_path, "IMP-FEM-05,*,27810105", "IMP-FEM-05,*,1")
    second = propose(owned, tmp_path, "IMP-FEM-06,*,27810106", "IMP-FEM-06,*,2")
    monkeypatch.setenv("LOGNAME", "bob")
    owned.json("tables", "approve", "charges", str(second))
    assert "made from version 1; version 2 is in force" in owned.run("tables", "pending").stdout
    told = owned.json("tables", "approve", "charges", str(first))
    assert (told["version"], told["changed"], told["gone"]) == (3, 1, 0)
    for code, charge in (("IMP-FEM-05", "1"), ("IMP-FEM-06", "2")):
        row = owned.json("tables", "find", "charges", f"code={code}", "payer_class=X")["rows"][0]["row"]
        assert row["charge_code"] == charge


def test_what_somebody_else_changed_meanwhile_is_never_overwritten(owned, tmp_path, monkeypatch):
    first = propose(owned, tmp_path, "IMP-FEM-05,*,27810105", "IMP-FEM-05,*,1")
    second = propose(owned, tmp_path, "IMP-FEM-05,*,27810105", "IMP-FEM-05,*,2")
    monkeypatch.setenv("LOGNAME", "bob")
    owned.json("tables", "approve", "charges", str(first))
    refused = owned.run("tables", "approve", "charges", str(second))
    assert refused.exit_code == 2
    assert "APR003" in refused.stderr
    assert "code=IMP-FEM-05 payer_class=*" in refused.stderr
    assert [one["id"] for one in owned.json("tables", "pending")] == [second]
    assert versions(owned) == [2, 1]
    assert "its rows were changed there, too: it cannot be approved" in owned.run("tables", "pending").stdout
    assert owned.json("tables", "pending")[0]["conflicts"]


def test_a_proposal_that_does_not_fit_is_refused_at_once(owned, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("code,payer\nA,B\n")
    assert owned.run("tables", "import", "charges", str(file)).exit_code == 1
    wrong = ["billable=maybe" if cell == "billable=yes" else cell for cell in ROW]
    assert "TBL006" in owned.run("tables", "add", "charges", *wrong).stderr
    assert owned.json("tables", "pending") == []


def test_an_import_that_changes_nothing_asks_nobody(owned):
    path = owned.site / "mappings" / "tables" / "charges.csv"
    told = owned.json("tables", "import", "charges", str(path))
    assert (told["version"], told["same"]) == (1, True)
    assert owned.json("tables", "pending") == []


def test_the_money_that_a_proposal_would_change_is_told_before_it_is_approved(owned, tmp_path):
    propose(owned, tmp_path, "IMP-FEM-06,*,27810106,yes", "IMP-FEM-06,*,27810106,no")
    (told,) = owned.json("tables", "pending", "--money")
    assert [one["difference"] for one in told["preview"]["money"]] == ["-4200.00"]
    assert "  altogether -4,200.00" in owned.run("tables", "pending", "charges", "--money").stdout


def test_a_proposal_for_a_table_that_is_gone_can_be_seen_and_rejected(owned, monkeypatch):
    owned.run("tables", "add", "charges", *ROW)
    folder = owned.site / "mappings" / "tables"
    channels = owned.site / "channels"
    for path in (*folder.glob("charges.*"), *channels.glob("*.yaml")):
        path.unlink()
    assert owned.run("reload").exit_code == 0
    assert "there is no such table any more" in owned.run("tables", "pending").stdout
    monkeypatch.setenv("LOGNAME", "bob")
    assert "CTL005" in owned.run("tables", "approve", "charges", "1").stderr
    assert owned.run("tables", "reject", "charges", "1", "--reason", "gone").exit_code == 0


def test_no_preview_and_no_release_sees_a_proposal(owned):
    owned.run("tables", "add", "charges", *ROW)
    assert owned.run("diff").stdout.strip() == "nothing differs"
    assert "0 touched" in owned.run("preview").stdout
    assert owned.run("reload").exit_code == 0
    assert not found(owned)
    assert owned.json("release", "3")["released"] == 0


def test_a_proposal_whose_periods_overlap_with_what_was_approved_meanwhile_is_told_so(owned, monkeypatch):
    for day in ("2026-01-01", "2026-06-01"):
        assert owned.run("tables", "add", "charges", *ROW, f"valid_from={day}").exit_code == 0
    monkeypatch.setenv("LOGNAME", "bob")
    assert owned.run("tables", "approve", "charges", "1").exit_code == 0
    for words in ((), ("--money",)):
        told = owned.run("tables", "pending", *words)
        assert told.exit_code == 0, told.stderr
        assert "it does not fit what is in force by now: TBL" in told.stdout
    assert owned.json("tables", "pending")[0]["conflicts"]
