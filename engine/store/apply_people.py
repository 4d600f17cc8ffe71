"""What people do to tables and releases, and the audit of what they did."""

from __future__ import annotations

import orjson

from engine.domain.changes import Acted, Activated, ProposalDecided, Recovered, TableProposed, TableRecorded
from engine.store.batch import Batch
from engine.store.rows import ContentKind


def table_recorded(batch: Batch, change: TableRecorded) -> int:
    """The latest version again, when nothing in it changed."""
    latest = batch.ask("latest_table", change.name)
    version = 1
    if latest:
        number, known = latest[0]
        if known == change.hash:
            return int(number)
        version = int(number) + 1
    content = batch.keep(ContentKind.TABLE, change.csv)
    batch.do(
        "insert_table",
        change.name,
        version,
        change.hash,
        change.source,
        content,
        change.at_us,
        change.actor,
        change.reason,
    )
    return version


def table_proposed(batch: Batch, change: TableProposed) -> int:
    content = batch.keep(ContentKind.TABLE, change.csv)
    said = (change.name, change.base, change.source, content, change.cause)
    ((number,),) = batch.ask("insert_proposal", *said, change.at_us, change.actor, change.reason)
    return int(number)


def proposal_decided(batch: Batch, change: ProposalDecided) -> None:
    state = "approved" if change.approved else "rejected"
    batch.do("decide_proposal", state, change.at_us, change.actor, change.reason, change.proposal)


def activated(batch: Batch, change: Activated) -> int:
    """A new edition every time; a release that was active before is known by its hash."""
    found = batch.ask("find_release", change.hash)
    if not found:
        content = batch.keep(ContentKind.SITE, change.files)
        found = batch.ask("insert_release", change.hash, content, change.at_us)
    tables = orjson.dumps(change.tables, option=orjson.OPT_SORT_KEYS).decode()
    ((edition,),) = batch.ask("insert_edition", found[0][0], tables, change.at_us, change.actor)
    return int(edition)


def recovered(batch: Batch, change: Recovered) -> None:
    batch.do("drop_meta", "recovering_us")
    acted(batch, Acted(change.actor, "recovered", "store", change.reason, {}, change.at_us))


def acted(batch: Batch, change: Acted) -> int:
    detail = orjson.dumps(change.detail).decode()
    said = (change.at_us, change.actor, change.verb, change.target, change.reason, detail)
    ((act,),) = batch.ask("insert_act", *said)
    return int(act)
