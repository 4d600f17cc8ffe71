"""What a site was and what people did to it, as the store has it: editions, versions of tables, proposals, acts."""

from __future__ import annotations

import orjson

from engine.domain.message import MessageId
from engine.domain.views import ActView, EditionView, ProposalView, TableTold, TableVersionView
from engine.store.connections import Connections


class History(Connections):
    """That part of the `Reader` port."""

    async def editions(self, limit: int) -> list[EditionView]:
        return [_edition(*row) for row in self._rows("editions", limit)]

    async def edition(self, edition: int) -> EditionView | None:
        rows = self._rows("edition", edition)
        return _edition(*rows[0]) if rows else None

    async def edition_at(self, at_us: int) -> EditionView | None:
        rows = self._rows("edition_at", at_us)
        return _edition(*rows[0]) if rows else None

    async def release_files(self, release_hash: str) -> bytes | None:
        return self._body("release_files", release_hash)

    async def table_versions(self, name: str | None = None) -> list[TableVersionView]:
        return [TableVersionView(*row) for row in self._rows("table_versions", name)]

    async def tables_of(self, message: MessageId) -> list[TableTold]:
        rows = self._rows("tables_of_message", message)
        return [TableTold(name, number, bool(proposed), why, at) for name, number, proposed, why, at in rows]

    async def table_csv(self, name: str, version: int) -> bytes | None:
        return self._body("table_csv", name, version)

    async def proposals(self, name: str | None = None) -> list[ProposalView]:
        return [ProposalView(*row) for row in self._rows("proposals", name)]

    async def proposal(self, proposal: int) -> ProposalView | None:
        rows = self._rows("proposal", proposal)
        return ProposalView(*rows[0]) if rows else None

    async def proposal_csv(self, proposal: int) -> bytes | None:
        return self._body("proposal_csv", proposal)

    async def act(self, act: int) -> ActView | None:
        rows = self._rows("act", act)
        return _act(*rows[0]) if rows else None

    async def acts_on(self, verb: str, target: str) -> list[ActView]:
        return [_act(*row) for row in self._rows("acts_on", verb, target)]

    async def acts_without(self, verb: str, ending: str) -> list[ActView]:
        return [_act(*row) for row in self._rows("acts_without", verb, ending)]

    async def acts(self, limit: int) -> list[ActView]:
        return [_act(*row) for row in self._rows("acts", limit)]


def _edition(number: int, release: str, tables: str, activated_us: int, actor: str) -> EditionView:
    return EditionView(number, release, orjson.loads(tables), activated_us, actor)


def _act(act: int, at_us: int, actor: str, verb: str, target: str, reason: str, detail: str) -> ActView:
    return ActView(act, at_us, actor, verb, target, reason, orjson.loads(detail))
