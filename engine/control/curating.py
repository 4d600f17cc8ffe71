"""`add_row`, `map_code`, `import_table`, `approve_table`, `reject_table`: who owns a code table changes its rows.

Where a table asks for a second person, a change is a proposal: it stands apart from the versions, no step sees it, and
another person puts it in force. What happened to the table meanwhile is never overwritten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.activation import current_version, record_table, release_with
from engine.clock import Clock
from engine.control.acts import Answer, audit
from engine.control.causes import as_held, missing_row
from engine.domain.changes import Acted, Change, ProposalDecided, TableProposed
from engine.domain.ports import Store
from engine.domain.views import ProposalView
from engine.errors import Bug, UsageError
from engine.pipeline.stepper import Stepper
from engine.reference.difference import RowDifference, merged, row_difference
from engine.reference.filing import ANY
from engine.reference.spec import TableSpec
from engine.reference.table import Table
from engine.site.files import Site

SHOWN = 5
"""Rows that a fault names."""


class _Current(NamedTuple):
    """Of a table: how it is declared, and the version in force."""

    spec: TableSpec
    version: int
    csv: bytes


class Curator:
    """Five verbs. `release`: the verb that lets go what waited for a cause. `site`: whose release is in force."""

    def __init__(
        self,
        store: Store,
        stepper: Stepper,
        clock: Clock,
        site: Callable[[], Site],
        release: Callable[..., Awaitable[Answer]],
    ) -> None:
        self._store = store
        self._stepper = stepper
        self._clock = clock
        self._site = site
        self._release = release

    def verbs(self) -> dict[str, Callable[..., Awaitable[Answer]]]:
        return {
            "add_row": self.add_row,
            "map_code": self.map_code,
            "import_table": self.import_table,
            "approve_table": self.approve_table,
            "reject_table": self.reject_table,
        }

    async def add_row(
        self, *, actor: str, table: str, rows: list[dict[str, str]], reason: str = ""
    ) -> Answer:
        """Rows for a code table: a new version of it, used from the next message on, or a proposal of one."""
        return await self._add(actor, table, rows, reason, "")

    async def map_code(
        self, *, actor: str, cause: str, cells: dict[str, str], reason: str = "", dry_run: bool = False
    ) -> Answer:
        """The row that a cause of the worklist lacks is added, and what waited for it goes: exactly those lines. Where
        a crash cut it short in between, the same again goes on."""
        worklist = await self._store.worklist()
        cause = as_held(cause, {group.cause for group in worklist})
        groups = [group for group in worklist if group.cause == cause]
        table, row = self._missing_row(cause)
        row |= cells
        waiting = {
            "effects": sum(group.effects for group in groups),
            "lines": max(group.lines for group in groups),
            "at_stake": str(
                max((group.at_stake for group in groups if group.at_stake is not None), default="none")
            ),
        }
        if dry_run:
            _whole(self._spec(table), [row])
            return {"table": table, "row": row, "waiting": waiting}
        there = self._stepper.edition.release.tables[table].has_row(row)
        added = await (self._there(table) if there else self._add(actor, table, [row], reason, cause))
        if "proposed" in added:
            return {**added, "waiting": waiting}
        return {**added, "waiting": waiting, **await self._release(actor=actor, cause=cause, reason=reason)}

    async def import_table(
        self,
        *,
        actor: str,
        table: str,
        csv: str,
        reason: str = "",
        shrinks: bool = False,
        base: int | None = None,
    ) -> Answer:
        """All rows of a code table: a new version of it, used from the next message on, or a proposal of one. A table
        that is what it was keeps its version. `shrinks`: rows may be gone. `base`: the version that `csv` was made
        from; what changed since then stays."""
        async with self._stepper.lock:
            now = await self._current(table)
            rows = csv.encode()
            if base is not None and base != now.version:
                rows = await self._onto(now, base, rows)
            compiled = await asyncio.to_thread(Table.compile, now.spec, rows, f"{table}.csv")
            difference = await asyncio.to_thread(row_difference, now.csv, rows, now.spec.keys)
            _refuse_shrinking(table, difference, shrinks)
            detail = {"rows": len(compiled.rows), **difference.counts()}
            same = not any(difference)
            put = {"version": now.version} if same else await self._put(now, rows, actor, reason, "import")
        await audit(self._store, self._clock, actor, _verb("tables import", put), table, reason, detail)
        return {"table": table, **put, "same": same, **detail}

    # A second person -----------------------------------------------------------------------------------------

    async def approve_table(self, *, actor: str, table: str, proposal: int, reason: str = "") -> Answer:
        """What another person proposed is in force; what waited for its cause goes."""
        async with self._stepper.lock:
            asked = await self._pending(table, proposal)
            if asked.actor == actor:
                raise UsageError(
                    "APR001",
                    "who proposed a change of a table cannot approve it",
                    "let another person approve it",
                )
            now = await self._current(table)
            rows = await self._store.proposal_csv(proposal)
            if rows is None:
                raise Bug(f"proposal {proposal} has lost its rows")
            if asked.base != now.version:
                rows = await self._onto(now, asked.base, rows)
            difference = await asyncio.to_thread(row_difference, now.csv, rows, now.spec.keys)

            def decided(version: int) -> tuple[Change, ...]:
                detail: dict[str, int | str] = {
                    "proposal": proposal,
                    "version": version,
                    "asked by": asked.actor,
                    **difference.counts(),
                }
                at_us = self._clock.now_us()
                return (
                    ProposalDecided(proposal, True, at_us, actor, reason),
                    Acted(actor, "tables approve", table, reason, detail, at_us),
                )

            why = f"{asked.reason} (approved by {actor})".strip()
            version = await self._record(table, rows, asked.actor, why, asked.source, decided)
        answer = {"table": table, "proposal": proposal, "version": version, **difference.counts()}
        if asked.cause:
            answer |= await self._release(actor=actor, cause=asked.cause, reason=reason or asked.reason)
        return answer

    async def reject_table(self, *, actor: str, table: str, proposal: int, reason: str = "") -> Answer:
        """What was proposed is not to be; who proposed it may take it back, too."""
        if not reason:
            raise UsageError("CTL003", "rejecting a proposal needs a reason", "say why with --reason")
        async with self._stepper.lock:
            asked = await self._pending(table, proposal)
            at_us = self._clock.now_us()
            detail: dict[str, int | str] = {"proposal": proposal, "asked by": asked.actor}
            await self._store.submit(
                (
                    ProposalDecided(proposal, False, at_us, actor, reason),
                    Acted(actor, "tables reject", table, reason, detail, at_us),
                )
            )
        return {"table": table, "proposal": proposal, "state": "rejected"}

    async def _pending(self, table: str, proposal: int) -> ProposalView:
        found = await self._store.proposal(proposal)
        if found is None or found.name != table:
            what = f"there is no proposal {proposal} for table {table}"
            raise UsageError("APR002", what, "see `suture tables pending`")
        if found.state != "pending":
            raise UsageError("APR002", f"proposal {proposal} was {found.state} by {found.decided_by} already")
        return found

    async def _onto(self, now: _Current, base: int, rows: bytes) -> bytes:
        """What `rows` changed of an older version, put into the one in force."""
        was = await self._store.table_csv(now.spec.name, base)
        if was is None:
            what = f"there is no version {base} of table {now.spec.name}"
            raise UsageError("CTL005", what, "see `suture tables list`")
        both = await asyncio.to_thread(merged, was, rows, now.csv, now.spec.keys)
        if both.csv is not None:
            return both.csv
        shown = "; ".join(both.conflicts[:SHOWN])
        what = (
            f"table {now.spec.name} has changed since version {base}, and so have {len(both.conflicts)} of these rows: "
            f"{shown}"
        )
        raise UsageError(
            "APR003", what, "look at them with `suture tables history`, reject it, and propose it anew"
        )

    # One table -----------------------------------------------------------------------------------------------

    async def _add(
        self, actor: str, table: str, rows: list[dict[str, str]], reason: str, cause: str
    ) -> Answer:
        """`cause`: what an approval is to release."""
        async with self._stepper.lock:
            now = await self._current(table)
            _whole(now.spec, rows)
            await self._refuse_again(table, cause)
            csv = Table.compile(now.spec, now.csv, f"{table}.csv").with_rows(rows)
            put = await self._put(now, csv, actor, reason, "worklist", cause)
        await audit(
            self._store, self._clock, actor, _verb("tables add", put), table, reason, {"rows": len(rows)}
        )
        return {"table": table, **put, "rows": len(rows)}

    async def _there(self, table: str) -> Answer:
        return {"table": table, "version": (await self._current(table)).version, "rows": 0}

    async def _refuse_again(self, table: str, cause: str) -> None:
        for waiting in await self._store.proposals(table) if cause else ():
            if waiting.cause == cause:
                what = f"{waiting.actor} has proposed a row for it already"
                mend = f"`suture tables approve {table} {waiting.id}`, or reject it first"
                raise UsageError("APR004", what, mend)

    async def _put(
        self, now: _Current, csv: bytes, actor: str, reason: str, source: str, cause: str = ""
    ) -> Answer:
        """A version, or a proposal of one, where the table asks for a second person."""
        table = now.spec.name
        if not now.spec.second_person:
            return {"version": await self._record(table, csv, actor, reason, source)}
        await release_with(self._store, self._site(), table, csv)
        proposed = TableProposed(table, now.version, source, csv, cause, self._clock.now_us(), actor, reason)
        (number,) = await self._store.submit((proposed,))
        return {"proposed": number}

    async def _record(
        self,
        table: str,
        csv: bytes,
        actor: str,
        reason: str,
        source: str,
        then: Callable[[int], Sequence[Change]] = lambda version: (),
    ) -> int:
        """The version that steps run with from here on."""
        self._stepper.edition = await record_table(
            self._store, self._site(), table, csv, self._clock, actor, reason, source, then
        )
        return (await self._current(table)).version

    async def _current(self, table: str) -> _Current:
        spec = self._spec(table)
        found = await current_version(self._store, table)
        if found is None:
            raise Bug(f"table {table} is in force without a version")
        return _Current(spec, *found)

    def _spec(self, table: str) -> TableSpec:
        tables = self._stepper.edition.release.tables
        if table not in tables:
            known = ", ".join(sorted(tables))
            raise UsageError("CTL005", f"there is no table '{table}'", f"tables are {known}")
        return tables[table].spec

    def _missing_row(self, cause: str) -> tuple[str, dict[str, str]]:
        """(table, the keys that it lacks a row for)."""
        missing = missing_row(cause, self._stepper.edition.release.tables)
        if missing is None:
            raise UsageError("CTL022", "that cause is mended by no row of a table", "see `suture worklist`")
        return missing.table.name, missing.cells()


def mends(keys: Iterable[str], row: Mapping[str, str], values: Iterable[str]) -> bool:
    """Whether a row is one for these values of its keys."""
    return all(row.get(key) in (value, ANY) for key, value in zip(keys, values, strict=True))


def _verb(verb: str, put: Answer) -> str:
    return f"{verb} proposed" if "proposed" in put else verb


def _refuse_shrinking(table: str, difference: RowDifference, shrinks: bool) -> None:
    if difference.gone and not shrinks:
        more = len(difference.gone) - SHOWN
        shown = "; ".join(difference.gone[:SHOWN]) + (f"; and {more} more" if more > 0 else "")
        count = "1 row" if len(difference.gone) == 1 else f"{len(difference.gone)} rows"
        mend = "export it and merge, or say --shrinks when they are to go"
        raise UsageError("CTL021", f"{count} of table {table} would be gone: {shown}", mend)


def _whole(spec: TableSpec, rows: Sequence[dict[str, str]]) -> None:
    """An empty cell may decide that a line is not stocked, or not charged: it is said, not forgotten."""
    columns = (*spec.keys, *spec.columns)
    missing = sorted({column for row in rows for column in columns if column not in row})
    if missing:
        mend = (
            f"say them too: {' '.join(f'{column}=' for column in missing)}, empty where nothing belongs there"
        )
        raise UsageError("CTL020", f"a row of table {spec.name} lacks {', '.join(missing)}", mend)
