"""Tables, editions and the audit."""

from __future__ import annotations

from engine.domain.changes import Acted, Activated, ProposalDecided, TableProposed, TableRecorded
from engine.domain.views import ActView, EditionView, ProposalView, TableVersionView


def table(csv: bytes, **fields) -> TableRecorded:
    made = TableRecorded("items", csv.decode(), "file", csv, 10, "ann", "new price")
    return made._replace(**fields)


def activated(tables: dict[str, int], **fields) -> Activated:
    return Activated("hash-1", b"files", tables, 20, "ann")._replace(**fields)


async def test_a_table_gets_a_new_version_only_when_something_in_it_changed(store):
    assert await store.submit([table(b"one"), table(b"one"), table(b"two")]) == [1, 1, 2]
    assert await store.submit([table(b"two"), table(b"one"), table(b"x", name="charges")]) == [2, 3, 1]
    versions = await store.table_versions("items")
    assert [view.version for view in versions] == [3, 2, 1]
    assert versions[-1] == TableVersionView(
        versions[-1].id, "items", 1, "one", "file", 10, "ann", "new price"
    )
    assert len(await store.table_versions()) == 4
    assert await store.table_csv("items", 2) == b"two"
    assert await store.table_csv("items", 9) is None


async def test_an_activation_is_an_edition_and_a_release_is_kept_once(store):
    (first,) = await store.submit([activated({"items": 1})])
    (second,) = await store.submit([activated({"items": 2, "charges": 1}, files=b"not kept again")])
    assert await store.editions(10) == [
        EditionView(second, "hash-1", {"items": 2, "charges": 1}, 20, "ann"),
        EditionView(first, "hash-1", {"items": 1}, 20, "ann"),
    ]
    assert await store.editions(1) == [EditionView(second, "hash-1", {"items": 2, "charges": 1}, 20, "ann")]
    assert await store.release_files("hash-1") == b"files"
    assert await store.release_files("hash-2") is None


async def test_what_people_did_is_told_newest_first(store):
    await store.submit([Acted("ann", "release", "items", "row added", {"released": 3}, 10)])
    await store.submit([Acted("bob", "hold", "erp", "month end", {}, 20), table(b"one")])
    first = ActView(1, 10, "ann", "release", "items", "row added", {"released": 3})
    assert await store.acts(10) == [ActView(2, 20, "bob", "hold", "erp", "month end", {}), first]
    assert await store.acts(1) == [ActView(2, 20, "bob", "hold", "erp", "month end", {})]
    assert (await store.act(1), await store.act(3)) == (first, None)
    assert await store.acts_on("release", "items") == [first]
    assert await store.acts_on("release", "charges") == []


async def test_a_proposal_stands_apart_from_versions_until_it_is_decided(store):
    await store.submit([table(b"one")])
    asked = TableProposed("items", 1, "worklist", b"two", "items: code=X", 30, "ann", "new")
    first, second = await store.submit([asked, asked._replace(name="charges", cause="")])
    waiting = ProposalView(
        first, "items", 1, "worklist", "items: code=X", 30, "ann", "new", "pending", None, "", ""
    )
    assert await store.proposals("items") == [waiting]
    assert [view.id for view in await store.proposals()] == [first, second]
    assert await store.proposal_csv(first) == b"two"
    assert [view.version for view in await store.table_versions("items")] == [1]
    await store.submit(
        [ProposalDecided(first, True, 40, "bob", "seen"), ProposalDecided(first, False, 50, "eve", "")]
    )
    decided = waiting._replace(state="approved", decided_us=40, decided_by="bob", decision="seen")
    assert await store.proposal(first) == decided
    assert [view.id for view in await store.proposals()] == [second]
    assert (await store.proposal(9), await store.proposal_csv(9)) == (None, None)


async def test_what_was_active_at_a_moment_is_known(store):
    (first,) = await store.submit([activated({"items": 1})])
    (second,) = await store.submit([activated({"items": 2}, at_us=30)])
    assert [await store.edition_at(at) for at in (19, 20, 29, 30)] == [
        None,
        await store.edition(first),
        await store.edition(first),
        await store.edition(second),
    ]
