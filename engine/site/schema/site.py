"""`config/suture.yaml`: what the site is, the same in every environment."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints, ValidationInfo, field_validator

from engine.site.schema.base import Duration, Model, Name, Path, Size, Text, mistake, setting
from engine.site.schema.destination import DestinationFile
from engine.site.schema.folder import FilesFile
from engine.site.schema.rate import Rate, RequestRate


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise mistake(
            "is not a time zone", "use a name of the tz database, such as America/Chicago"
        ) from None
    return name


Zone = Annotated[Text, AfterValidator(_zone)]


_OVER_HTTP = ("hl7-http", "fhir")


class ListenerFile(Model):
    """A door where messages come in. Its port stands in `config/env/`."""

    about: Text | None = setting(
        "What comes in here, in a sentence.", example="Charges of the EHR", default=None
    )
    kind: Literal["mllp", "hl7-http", "fhir", "folder"] = setting("How messages are carried.", example="mllp")
    sends: list[Text] = setting(
        "Message types that come in here; a channel that reads others is told. Left out: it is not known.",
        example="[DFT^P03, ADT^A01]",
        default=[],
    )
    acks: Literal["original", "enhanced", "by header"] = setting(
        "Which acknowledgment the sender waits for: AA (original), CA (enhanced), or as MSH-15 and -16 ask.",
        example="original",
        default="original",
    )
    answers: Literal["ACK", "typed"] = setting(
        "What an order is answered with: a plain ACK, or the answer of its own kind (ORS, ORN, ORR, RRD).",
        example="typed",
        default="ACK",
    )
    nak_within: Duration = setting(
        "How long the channels' `nak` may take for one message; when it runs out, the message is taken and held.",
        example="200ms",
        unit="ms, s, m, h or d",
        default=0.2,
    )
    accepts_test: bool = setting(
        "Whether messages marked as test or training (MSH-11 T or D) are taken; otherwise they get AR.",
        example="false",
        default=False,
    )
    limit: Size = setting(
        "The longest message taken, of a folder the longest file.",
        example="16 MiB",
        unit="KiB or MiB",
        default=16 * 1024 * 1024,
    )
    rate: RequestRate | None = setting(
        "Of hl7-http and fhir: how many requests each sender may make; one beyond it gets 429 and when to come again. "
        "Left out: nobody is counted.",
        example="100/s",
        unit="/s or /min",
        default=None,
    )
    tolerant: bool = setting(
        "Whether loose MLLP framing is taken: an end block without its carriage return, or both swapped.",
        example="true",
        default=False,
    )
    when_unable: Literal["close", "AR"] = setting(
        "What a sender meets while the store cannot commit: no answer and a closed door, or AR.",
        example="close",
        default="close",
    )
    charset: Text | None = setting(
        "How a message is read whose MSH-18 is empty; left out: UTF-8, else Windows 1252.",
        example="8859/1",
        default=None,
    )
    path: Path = setting(
        "Below which path hl7-http takes messages, and fhir its resources.", example="/hl7", default="/hl7"
    )
    files: FilesFile = setting(
        "Of a folder: when a file is whole, and what its counts and ids are worth.",
        example="{quiet: 30s, counts: take}",
        default=FilesFile(),
    )

    @field_validator("rate")
    @classmethod
    def _where_requests_come(cls, rate: Rate | None, told: ValidationInfo) -> Rate | None:
        kind = told.data.get("kind")
        if rate is not None and kind is not None and kind not in _OVER_HTTP:
            raise mistake(
                f"has no meaning where kind is {kind}", "take it out: hl7-http and fhir have a rate"
            )
        return rate


class CorrectionsFile(Model):
    """How what was posted may be taken back and posted anew."""

    second_person: bool = setting(
        "Whether another person approves a correction or an undo before it goes.",
        example="true",
        default=False,
    )


class SiteFile(Model):
    """What the site is. Its hash, with the channels and mappings, is the release."""

    site: Name = setting("Name of the site.", example="north-general")
    about: Text | None = setting("What it is, in a sentence.", example="North General Hospital", default=None)
    time_zone: Zone = setting(
        "Time zone of message times that carry none, and of posting dates.", example="Europe/Berlin"
    )
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = setting(
        "Currency of money that names none.", example="USD", unit="ISO 4217"
    )
    corrections: CorrectionsFile = setting(
        "Who may take back what was posted.", example="{second_person: true}", default=CorrectionsFile()
    )
    listeners: dict[Name, ListenerFile] = setting("The doors, by name.", example="{ehr: {kind: mllp}}")
    destinations: dict[Name, DestinationFile] = setting(
        "The far ends, by name.", example="{erp: {kind: http, settle: 30s}}"
    )
