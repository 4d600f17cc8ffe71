"""JSON lines on standard error: ids, codes, states and sizes. No field values, no bodies, no patient data.

At info level one line for the end of each message and each fault; moves of deliveries at debug. Source: house rule
that logs are read by people who may not see patients.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog

from engine.domain.changes import Kept, Received
from engine.domain.message import Inbound
from engine.domain.outcome import Outcome
from engine.domain.posting import Stepped
from engine.domain.status import DeliveryState, MessageState
from engine.domain.views import Outgoing
from engine.errors import Fault

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Once per process. `level`: debug | info | warning | error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )


def _json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=repr).decode()


class EngineLog:
    """The observer of intake, stepper and lanes."""

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    def received(self, feed: str, kept: Kept, received: Received) -> None:
        if kept.state is MessageState.REFUSED:
            self._log.warning(
                "refused", message=kept.id, feed=feed, code=received.reason, answered=received.answered
            )
        elif kept.state is MessageState.HELD:
            self._log.warning("held", message=kept.id, feed=feed, code=received.reason)
        elif kept.state is MessageState.DUPLICATE and kept.first:
            self._log.info("duplicate", message=kept.id, feed=feed, first=kept.first[0])
        elif kept.reused:
            self._log.warning("control_id_reused", message=kept.id, feed=feed)

    def garbled(self, feed: str, size: int, reason: str) -> None:
        self._log.warning("garbled", feed=feed, bytes=size, reason=reason)

    def unjudged(self, feed: str, error: Exception) -> None:
        self._log.error("refusals_failed", feed=feed, error=type(error).__name__, at=_places(error))

    def filed(self, feed: str, file: int, messages: int, held: str) -> None:
        self._log.info("file", file=file, feed=feed, messages=messages, held=held)

    def stepped(self, inbound: Inbound, stepped: Stepped) -> None:
        self._log.info(
            stepped.state.word,
            message=inbound.id,
            feed=inbound.feed,
            lines=len(stepped.lines),
            documents=len(stepped.documents),
        )

    def failed(self, inbound: Inbound, error: Exception) -> None:
        self._log.error("step_failed", message=inbound.id, error=type(error).__name__, at=_places(error))

    def broken(self, destination: str, error: Exception) -> None:
        self._log.error(
            "delivery_failed", destination=destination, error=type(error).__name__, at=_places(error)
        )

    def settled(self, delivery: Outgoing, outcome: Outcome, state: DeliveryState, seconds: float) -> None:
        quiet = state is DeliveryState.DELIVERED
        self._log.log(
            logging.DEBUG if quiet else logging.WARNING,
            state.word,
            delivery=delivery.id,
            reference=delivery.reference,
            destination=delivery.destination,
            code=outcome.code,
            seconds=round(seconds, 4),
        )

    def stopped(self, destination: str, code: str) -> None:
        self._log.error(
            "destination_stopped", destination=destination, code=code, mend="mend it, then resume it"
        )

    def fault(self, fault: Fault) -> None:
        self._log.warning("fault", code=fault.code, what=fault.what, where=fault.where)


def _places(error: Exception) -> list[str]:
    """Where in the code a fault of ours happened, not what it held."""
    trace, places = error.__traceback__, []
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}")
        trace = trace.tb_next
    return places[-4:]
