"""A code that is known and has no item: its row says so, and no line of it is held or asked about again."""

from __future__ import annotations

NOTHING = {
    "feed-units": ("unit=",),
    "items": (
        "item=", "description=", "kind=", "stocked=no", "ownership=none", "issued_by=none", "stock_unit=", "supplier=",
    ),
    "charges": ("payer_class=*", "charge_code=", "billable=no", "revenue_code=", "factor="),
}  # fmt: skip


def table_of(cause: str) -> str:
    return cause.split(":")[0].rsplit(" ", 1)[-1]


def test_a_row_that_says_no_ends_the_question_and_the_line_is_filtered(desk):
    asked = []
    while groups := desk.json("worklist"):
        table = table_of(groups[0]["cause"])
        assert table not in asked
        asked.append(table)
        desk.json("map", groups[0]["cause"], *NOTHING[table], "--reason", "no item, never will be")
    assert sorted(asked) == sorted(NOTHING)
    story = desk.json("show", "3")
    assert story["message"]["state"] == "filtered"
    assert [line["state"] for line in story["lines"]] == ["filtered"]
    assert story["deliveries"] == []


def test_a_later_message_with_the_code_is_not_held_either(desk):
    while groups := desk.json("worklist"):
        desk.json("map", groups[0]["cause"], *NOTHING[table_of(groups[0]["cause"])])
    told = desk.run("replay", "3", "--dry-run", "--tables", "now").stdout
    assert "held" not in told
    assert "documents: none" in told
