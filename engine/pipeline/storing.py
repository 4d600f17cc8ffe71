"""Stores what one request of FHIR brings: a message for each resource, all in one commit, handed on when durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from engine.clock import Clock, to_datetime
from engine.codecs.fhir.answers import Stored, Trouble
from engine.codecs.fhir.document import PREFIX, Target, stored
from engine.domain.changes import Interaction, Received, Together
from engine.domain.resources import Notified, Write
from engine.domain.status import MessageState
from engine.pipeline.intake import Intake
from engine.pipeline.interactions import Operation, Planner, Surroundings, in_order

TRIES = 5
"""How often an interaction is decided anew when others changed the same resources meanwhile."""

Plan = Callable[[], Awaitable[Sequence[Operation]]]


class Storing:
    """For one request. `version`: of FHIR, as 4.0."""

    def __init__(self, intake: Intake, clock: Clock, planner: Planner, version: str) -> None:
        self._intake = intake
        self._clock = clock
        self._planner = planner
        self._version = version

    async def all(self, word: str, plan: Plan) -> list[Stored]:
        """What is planned, in one commit; planned anew while others change the same resources."""
        for _ in range(TRIES):
            operations = await plan()
            now_us = self._clock.now_us()
            interaction = await self._interaction(word, operations, now_us)
            if not interaction.messages or isinstance(await self._intake.take(interaction), Together):
                return [_told(operation, now_us) for operation in operations]
        raise _contested()

    async def notified(
        self, plan: Plan, notified: Notified, notification: Callable[[Sequence[Operation]], Received]
    ) -> None:
        """What a notification brings, and beside it the notification itself."""
        for _ in range(TRIES):
            operations = await plan()
            interaction = await self._interaction("notification", operations, notified.at_us)
            messages = (*interaction.messages, notification(operations))
            told = interaction._replace(messages=messages, notified=notified)
            if isinstance(await self._intake.take(told), Together):
                return
        raise _contested()

    async def heard(self, notified: Notified) -> None:
        """A notification of which nothing is kept but that it came."""
        await self._intake.take(Interaction((), (), (), notified))

    async def kept(self, message: Received) -> None:
        """A message without a resource."""
        await self._intake.take(Interaction((message,), ()))

    async def one(self, word: str, plan: Callable[[], Awaitable[Operation]]) -> Stored:
        async def planned() -> list[Operation]:
            return [await plan()]

        (told,) = await self.all(word, planned)
        return told

    async def _interaction(self, word: str, operations: Sequence[Operation], now_us: int) -> Interaction:
        around = Surroundings(self._planner, [one.resource for one in operations if not one.deletes])
        messages, writes, absent = [], [], []
        for index in in_order(operations):
            operation = operations[index]
            if operation.found is not None:
                continue
            resource, target = operation.resource, operation.target
            how = "delete" if operation.deletes else word
            raw = stored(self._version, how, [resource, *await around.of(resource)])
            messages.append(self._received(target, raw, operation.status, now_us))
            writes.append(self._write(operation))
            if operation.absent is not None:
                absent.append(operation.absent)
        return Interaction(tuple(messages), tuple(writes), tuple(absent))

    def _write(self, operation: Operation) -> Write:
        target, key = operation.target, self._planner.key(operation.target.type, operation.target.id)
        if operation.deletes:
            return Write(key, target.version, (), deleted=True)
        return Write(key, target.version, self._planner.identifiers(target.type, operation.resource.tree))

    def _received(self, target: Target, raw: bytes, status: int, now_us: int) -> Received:
        return Received(
            self._planner.feed,
            now_us,
            f"{PREFIX}{target.type}",
            str(target),
            raw,
            None,
            MessageState.PENDING,
            "",
            str(status),
            None,
        )


def _contested() -> Trouble:
    return Trouble(409, "conflict", "FHR026", "others change the same resources")


def _told(operation: Operation, now_us: int) -> Stored:
    target = operation.target
    if operation.found is not None:
        return Stored(operation.status, *target, to_datetime(operation.found.at_us))
    tree = None if operation.deletes else operation.resource.tree
    return Stored(operation.status, *target, to_datetime(now_us), tree)
