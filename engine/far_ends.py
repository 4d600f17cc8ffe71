"""Adapters, lane policies and masters of destinations, by their kind: what a site says of a far end, made to work."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.adapters.file import FileAdapter, FileEndpoint
from engine.adapters.http import HttpAdapter, HttpEndpoint
from engine.adapters.mllp import MllpAdapter, MllpEndpoint
from engine.adapters.transport import NotSent, Unanswered
from engine.adapters.tryton.adapter import TrytonAdapter, TrytonEndpoint
from engine.adapters.tryton.rest import Busy, Misled, Refused, Unclear
from engine.delivery.retry import LanePolicy
from engine.domain.ports import Adapter
from engine.errors import UsageError
from engine.site.release import DestinationPlace
from engine.site.schema.destination import Destination, FolderFile, HttpFile, MllpFile, TrytonFile
from engine.site.schema.origin import OriginFile, TakenFile


def adapter_of(end: Destination, place: DestinationPlace) -> Adapter:
    """How documents are carried to a destination."""
    match end:
        case HttpFile():
            return HttpAdapter(_http(end, place))
        case MllpFile():
            address = urlsplit(place.url)
            host, port = address.hostname or "", address.port or 0
            return MllpAdapter(MllpEndpoint(host, port, end.timeout, tuple(end.tried_again)))
        case FolderFile():
            folder = Path(place.url.removeprefix("file:"))
            return FileAdapter(FileEndpoint(folder, end.suffix, end.control))
        case TrytonFile():
            return TrytonAdapter(_tryton(end, place))


async def masters_of(end: Destination, place: DestinationPlace, source: OriginFile) -> list[dict[str, Any]]:
    """The records that a far end tells of its masters. Raises `UsageError` when it does not."""
    try:
        if isinstance(end, TrytonFile):
            return await _tryton_masters(TrytonAdapter(_tryton(end, place)), source)
        assert isinstance(end, HttpFile)
        return await _http_masters(HttpAdapter(_http(end, place)), source)
    except (NotSent, Unanswered, Misled, Refused, Busy, Unclear) as why:
        what = f"'{source.destination}' did not tell its masters: {why.args[0]}"
        raise UsageError("MST004", what, "see `suture doctor`, and the names under `source`") from None


async def _tryton_masters(adapter: TrytonAdapter, source: OriginFile) -> list[dict[str, Any]]:
    fields = [taken.from_ if isinstance(taken, TakenFile) else taken for taken in source.columns.values()]
    try:
        return await adapter.masters(source.of or "", dict.fromkeys(fields))
    finally:
        await adapter.close()


async def _http_masters(adapter: HttpAdapter, source: OriginFile) -> list[dict[str, Any]]:
    try:
        reply = await adapter.read(source.path or "/")
    finally:
        await adapter.close()
    if reply.status != 200:
        raise Unclear(f"HTTP {reply.status}")
    try:
        told = json.loads(reply.body, parse_float=Decimal)  # prices as they were written
    except ValueError:
        raise Unclear("no JSON") from None
    for name in (source.list_ or "").split(".") if source.list_ else ():
        told = told.get(name) if isinstance(told, dict) else None
    if not isinstance(told, list) or not all(isinstance(record, dict) for record in told):
        raise Unclear("no list of records")
    return told


def keys_target(name: str, end: Destination, place: DestinationPlace) -> str:
    """What was shown of a far end is true of it at that address, with the key where it was."""
    key = (end.idempotency_header or "the document's reference") if isinstance(end, HttpFile) else "MSH-10"
    return f"{name} at {place.url} by {key}"


def policy_of(end: Destination, keys_shown: bool) -> LanePolicy:
    """How its lanes treat it. `keys_shown`: that it honours keys was not only said (rules of money, 8), of documents
    sent one by one: where that is relied upon, none goes in a batch."""
    common = LanePolicy(
        settle=0.0,
        first=end.retry.first,
        ceiling=end.retry.ceiling,
        give_up_after=end.retry.give_up_after,
        concurrency=1,
        rate=end.rate,
        parks=end.on_hold == "park",
    )
    match end:
        case HttpFile():
            repeats = end.honours_idempotency and keys_shown
            return replace(
                common,
                settle=end.settle,
                concurrency=end.concurrency,
                batch_most=1 if (repeats and end.probe is None) or end.batch is None else end.batch.most,
                asks=end.probe is not None,
                repeats=repeats,
            )
        case MllpFile():
            return replace(
                common,
                settle=end.settle,
                concurrency=end.concurrency,
                asks=False,
                repeats=end.honours_idempotency and keys_shown,
            )
        case TrytonFile():
            return replace(common, settle=end.settle, concurrency=end.concurrency)
        case FolderFile():
            return common


def _http(end: HttpFile, place: DestinationPlace) -> HttpEndpoint:
    credentials = place.credentials
    return HttpEndpoint(
        url=place.url,
        timeout=end.timeout,
        token=place.token,
        user=credentials.user if credentials else None,
        password=credentials.password if credentials else None,
        idempotency_header=end.idempotency_header,
        probe_path=end.probe,
        batch_path=end.batch.path if end.batch else None,
        already_exists=tuple(end.already_exists),
        document_field=end.document,
        amount_field=end.amount,
    )


def _tryton(end: TrytonFile, place: DestinationPlace) -> TrytonEndpoint:
    return TrytonEndpoint(
        url=place.url,
        timeout=end.timeout,
        key=place.token,
        company=end.company,
        payment_term=end.payment_term,
        receivable=end.receivable,
        values_stock=end.values_stock,
    )
