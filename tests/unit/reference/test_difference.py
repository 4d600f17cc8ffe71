"""How rows differ, and two changes of one version put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.reference.difference import merged, row_difference

HEADER = "code,item,valid_from,valid_to\n"
KEYS = ("code",)


def table(*rows: str) -> bytes:
    return (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def rows_of(csv: bytes | None) -> list[str]:
    assert csv is not None
    return sorted(csv.decode().splitlines()[1:])


def test_a_changed_row_says_which_cells_were_what():
    found = row_difference(table("A,1,,", "B,2,,", "C,3,,"), table("A,1,,", "B,9,,2026-12-31", "D,4,,"), KEYS)
    assert found.added == ("code=D item=4",)
    assert found.gone == ("code=C item=3",)
    (changed,) = found.changed
    assert (changed.row, changed.cells) == ("code=B", (("item", "2", "9"), ("valid_to", "", "2026-12-31")))
    assert list(found.lines()) == [
        "+ code=D item=4",
        "~ code=B: item 2 → 9, valid_to (empty) → 2026-12-31",
        "- code=C item=3",
    ]
    assert found.counts() == {"added": 1, "changed": 1, "gone": 1}
    assert found.tree()["changed"] == [
        {"row": "code=B", "cells": {"item": ["2", "9"], "valid_to": ["", "2026-12-31"]}}
    ]


def test_order_separators_and_columns_that_stand_elsewhere_are_no_difference():
    other = b"\xef\xbb\xbfitem;code\r\n2;B\r\n1; A \r\n"
    assert not any(row_difference(table("A,1,,", "B,2,,"), other, KEYS))


def test_periods_of_one_key_are_rows_of_their_own():
    found = row_difference(table("A,1,,2026-12-31"), table("A,1,,2026-12-31", "A,2,2027-01-01,"), KEYS)
    assert (found.added, found.changed, found.gone) == (("code=A item=2 valid_from=2027-01-01",), (), ())


def test_several_rows_of_one_key_are_compared_as_a_set():
    found = row_difference(table("A,1,,", "A,2,,", "A,3,,"), table("A,3,,", "A,9,,", "A,1,,", "A,4,,"), KEYS)
    assert [change.cells for change in found.changed] == [(("item", "2", "9"),)]
    assert (found.added, found.gone) == (("code=A item=4",), ())


def test_changes_of_other_rows_are_put_together():
    base = table("A,1,,", "B,2,,", "C,3,,")
    both = merged(base, table("A,9,,", "B,2,,", "D,4,,"), table("A,1,,", "B,8,,", "C,3,,", "E,5,,"), KEYS)
    assert both.csv == table("A,9,,", "B,8,,", "E,5,,", "D,4,,")


def test_rows_that_both_changed_otherwise_are_told_and_nothing_is_made():
    base = table("A,1,,", "B,2,,", "C,3,,")
    both = merged(base, table("A,9,,", "B,2,,", "C,7,,"), table("A,8,,", "B,2,,"), KEYS)
    assert both == (None, ("code=A", "code=C"))


def test_the_same_change_twice_is_one():
    base, after = table("A,1,,"), table("A,9,,", "B,2,,")
    assert merged(base, after, table("B,2,,", "A,9,,"), KEYS).csv == table("B,2,,", "A,9,,")


tables_of = st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from("123"), max_size=5).map(
    lambda rows: table(*(f"{code},{item},," for code, item in rows.items()))
)


@given(tables_of, tables_of, tables_of)
def test_nothing_that_either_changed_is_lost(base, mine, theirs):
    both = merged(base, mine, theirs, KEYS).csv
    if both is None:
        assert any(row_difference(base, mine, KEYS))
        assert any(row_difference(base, theirs, KEYS))
        return
    old, left, right = ({row[0]: row for row in rows_of(one)} for one in (base, mine, theirs))
    for row in "ABCDE":
        wanted = left.get(row) if left.get(row) != old.get(row) else right.get(row)
        assert {one[0]: one for one in rows_of(both)}.get(row) == wanted


@given(tables_of, tables_of)
def test_a_change_of_nothing_leaves_the_other_as_it_is(base, other):
    assert merged(base, base, other, KEYS).csv is not None
    assert rows_of(merged(base, base, other, KEYS).csv) == rows_of(other)
    assert rows_of(merged(base, other, base, KEYS).csv) == rows_of(other)
