"""Which messages an edit touches: whole channels, or who asks for a row that is another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.preview.touching import Edit, Watch, edit_of
from engine.reference.spec import TableSpec
from engine.reference.table import Table
from engine.reference.values import ColumnType
from engine.site.compile import compile_release, load_site
from engine.site.digests import Parts

RELEASE = compile_release(load_site(Path(__file__).parents[3], "demo"))
SPEC = TableSpec(name="t", keys=("a", "b"), columns={"value": ColumnType.TEXT})
BEGAN = date(2026, 11, 1)

keys = st.tuples(st.sampled_from("xyz*"), st.sampled_from("xyz*"))
rows = st.dictionaries(keys, st.tuples(st.sampled_from("12"), st.integers(0, 4)), max_size=6)


def table(found: dict) -> Table:
    """Each row from a day of its own on."""
    lines = [f"{a},{b},{value},{BEGAN + timedelta(day)}," for (a, b), (value, day) in found.items()]
    return Table.compile(SPEC, "\n".join(["a,b,value,valid_from,valid_to", *lines]).encode(), "t.csv")


@given(rows, rows, keys, st.integers(0, 4))
def test_a_look_up_that_is_answered_otherwise_is_met(before, after, key, day):
    was, now = table(before), table(after)
    watch = Watch(replace(RELEASE, tables={"t": was}), replace(RELEASE, tables={"t": now}), frozenset({"t"}))
    on = BEGAN + timedelta(day)
    assert watch.release.tables["t"].find(key, on) == was.find(key, on)
    assert watch.met == (was.find(key, on) != now.find(key, on))


def test_a_row_that_only_stands_elsewhere_is_the_same():
    was, now = table({("x", "y"): ("1", 0)}), table({("z", "y"): ("2", 0), ("x", "y"): ("1", 0)})
    watch = Watch(replace(RELEASE, tables={"t": was}), replace(RELEASE, tables={"t": now}), frozenset({"t"}))
    watch.release.tables["t"].find(("x", "y"), BEGAN)
    assert not watch.met
    watch.release.tables["t"].find(("z", "y"), BEGAN)
    assert watch.met


def test_a_channel_is_touched_by_its_files_or_by_rows():
    before = {"same": Parts("1", {"t": "r"}), "files": Parts("1", {"t": "r"}), "rows": Parts("1", {"t": "r", "u": "r"}),
              "gone": Parts("1", {})}  # fmt: skip
    after = {**before, "files": Parts("2", {"t": "r"}), "rows": Parts("1", {"t": "r", "u": "s"}),
             "new": Parts("1", {})}  # fmt: skip
    del after["gone"]
    remade = frozenset({"files", "gone", "new"})
    assert edit_of(before, after) == Edit(remade | {"rows"}, remade, frozenset({"u"}))
