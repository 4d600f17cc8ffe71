"""Destinations of `config/suture.yaml`: the far ends, by how documents are carried to them.

Adding a kind: its model here, its address in `engine/site/schema/environment.py`, its adapter in `engine/far_ends.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from engine.site.schema.base import Duration, Model, Path, Text, mistake, setting


def _with_reference(path: str) -> str:
    if "{reference}" not in path:
        raise mistake("asks for no document", "put {reference} where the document's reference belongs")
    return path


ProbePath = Annotated[Path, AfterValidator(_with_reference)]
Already = Annotated[str, StringConstraints(pattern=r"^[1-5][0-9][0-9]( [A-Za-z0-9_.-]+)?$")]


Document = Annotated[str, StringConstraints(pattern=r"^(/[^\s]*|[A-Z]{3}\^[A-Z][A-Z0-9]{2})$")]
"""A document as write maps name it: the path that it is posted to, or the type of an HL7 message."""


class BatchFile(Model):
    """Many documents in one request."""

    path: Path = setting("Where batches are posted.", example="/batch")
    most: Annotated[int, Field(ge=2, le=1000)] = setting(
        "The most documents in one batch.", example="50", unit="documents"
    )


class RetryFile(Model):
    """How long to wait between tries. Waits double from `first` up to `ceiling`."""

    first: Duration = setting("The first wait.", example="2s", unit="ms, s, m, h or d", default=2.0)
    ceiling: Duration = setting("The longest wait.", example="15m", unit="ms, s, m, h or d", default=900.0)
    give_up_after: Annotated[int, Field(ge=1)] | None = setting(
        "After how many tries a person is asked; left out: never.", example="50", unit="tries", default=None
    )


class FarEndFile(Model):
    """What every destination has, however documents are carried to it. Its address stands in `config/env/`."""

    about: Text | None = setting("What it is, in a sentence.", example="Materials management", default=None)
    timeout: Duration = setting(
        "How long to wait for an answer.", example="10s", unit="ms, s, m, h or d", default=10.0
    )
    rate: Annotated[int, Field(ge=1)] | None = setting(
        "The most documents in a second; left out: no limit.",
        example="200",
        unit="documents a second",
        default=None,
    )
    patient_data: Literal["refused", "limited", "allowed"] = setting(
        "What may be sent to it: nothing of a patient; limited: serial numbers of devices; or all that its "
        "write maps name.",
        example="allowed",
        default="refused",
    )
    takes: dict[Document, list[Text]] = setting(
        "Its documents, by path or message type, with the parts that each must have; a part that may be left out ends "
        "in ?. A write map that lacks one, or tells of a patient beyond them, is told. Left out: it is not known.",
        example="{/charges: [reference, account, lines.code, lines.amount?]}",
        default={},
    )
    on_hold: Literal["steps aside", "park"] = setting(
        "What a held line or a refused document does to what comes after it in its lane: it steps aside, or all waits "
        "until a person has decided.",
        example="steps aside",
        default="steps aside",
    )
    after_merge: Literal["survivor", "as sent"] = setting(
        "Under which number it gets what is about an account, visit or patient that was merged: the one that "
        "survived, or the one in the message, where it does its merges itself.",
        example="as sent",
        default="survivor",
    )
    retry: RetryFile = setting("When to try again.", example="{first: 2s, ceiling: 15m}", default=RetryFile())


class HttpFile(FarEndFile):
    """A far end that documents are posted to."""

    kind: Literal["http"] = setting("How documents are carried.", example="http")
    settle: Duration = setting(
        "How long to wait before asking after an unknown outcome; never less than its longest processing.",
        example="30s",
        unit="ms, s, m, h or d",
    )
    concurrency: Annotated[int, Field(ge=1, le=256)] = setting(
        "How many requests may be under way at once.", example="8", unit="requests", default=8
    )
    probe: ProbePath | None = setting(
        "Where to ask for a document by our reference: 200 applied, 404 absent; left out: nowhere.",
        example="/documents/{reference}",
        default=None,
    )
    batch: BatchFile | None = setting(
        "How many documents go in one request; left out: one by one.",
        example="{path: /batch, most: 50}",
        default=None,
    )
    idempotency_header: Text | None = setting(
        "Header that carries our reference.", example="Idempotency-Key", default=None
    )
    honours_idempotency: bool = setting(
        "Whether it books the same reference once only, as `suture doctor` has shown. Then an unknown "
        "outcome may be settled by sending again.",
        example="true",
        default=False,
    )
    already_exists: list[Already] = setting(
        "Refusals that prove success: a status, or a status and the error code in the reply.",
        example="[409 duplicate_reference]",
        default=[],
    )
    document: Text = setting(
        "Field of the reply with its document number.", example="document", default="document"
    )
    amount: Text | None = setting(
        "Field of the reply with the money it booked; left out: it does not say.",
        example="value",
        default=None,
    )


class MllpFile(FarEndFile):
    """A far end that takes HL7 messages over MLLP and acknowledges each."""

    kind: Literal["mllp"] = setting("How documents are carried.", example="mllp")
    settle: Duration = setting(
        "How long to wait after an unknown outcome before a repeated control id may be sent again.",
        example="30s",
        unit="ms, s, m, h or d",
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] = setting(
        "How many connections may be in use at once.", example="1", unit="connections", default=1
    )
    honours_idempotency: bool = setting(
        "Whether it takes a repeated control id for the same message and answers it again. Without it an "
        "unknown outcome awaits a person, since nobody can be asked over MLLP.",
        example="true",
        default=False,
    )
    tried_again: list[Literal["AE", "AR", "CE", "CR"]] = setting(
        "Acknowledgments that mean `not now` and were certainly not applied; every other refusal is final.",
        example="[AR]",
        default=[],
    )


class FolderFile(FarEndFile):
    """A folder that somebody else empties: one file for each document, named by its reference."""

    kind: Literal["file"] = setting("How documents are carried.", example="file")
    suffix: Annotated[str, StringConstraints(pattern=r"^\.[A-Za-z0-9.]{1,20}$")] = setting(
        "How names of files end.", example=".hl7", default=".hl7"
    )
    control: bool = setting(
        "Whether NAME.ctl stands beside each file, with its documents, bytes and SHA-256.",
        example="true",
        default=False,
    )


class TrytonFile(FarEndFile):
    """A Tryton ERP, spoken to over its REST interface. Write maps hand over business documents: `/internal-shipments`,
    `/customer-invoices`, `/journals` and `/purchases`."""

    kind: Literal["tryton"] = setting("How documents are carried.", example="tryton")
    settle: Duration = setting(
        "How long to wait before asking after an unknown outcome; never less than its longest processing.",
        example="30s",
        unit="ms, s, m, h or d",
    )
    concurrency: Annotated[int, Field(ge=1, le=32)] = setting(
        "How many documents may be under way at once. Those of one item and location wait for one another.",
        example="2",
        unit="documents",
        default=2,
    )
    company: Text = setting("Name of the company's party.", example="North General Hospital")
    payment_term: Text = setting("Payment term of invoices and purchases.", example="Direct")
    receivable: Text = setting("Code of the account that customers owe on.", example='"1.2.1"')
    values_stock: bool = setting(
        "Whether the ERP posts the value of stock moves itself, by its fiscal year's stock accounting. Then effects "
        "with `value_of` are not posted. It is compared with the ERP before anything is sent.",
        example="false",
        default=False,
    )


DestinationFile = Annotated[HttpFile | MllpFile | FolderFile | TrytonFile, Field(discriminator="kind")]
Destination = HttpFile | MllpFile | FolderFile | TrytonFile
