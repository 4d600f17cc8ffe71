"""`channels/NAME.yaml`: one interface, from its feed to its deliveries, with its tests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from engine.codecs.hl7v2.ack import CONDITIONS
from engine.site.schema.base import Duration, ExpressionText, Model, Name, Text, Texts, Word, mistake, setting
from engine.site.schema.mapping import AsOf, Missing

State = Literal["routed", "filtered", "held", "duplicate", "refused"]


class SkipFile(Model):
    """Lines that are left out, and counted with their money."""

    when: ExpressionText = setting("Which lines: an expression over fields.", example="class == 'P'")
    because: Text = setting("The reason they are counted under.", example="pre-admission")


def _known(code: int) -> int:
    if code in CONDITIONS and code != 0:
        return code
    raise mistake(
        "is no code of HL7 table 0357",
        "write 101 (required field missing), 103 (table value not found) or 207",
    )


Code = Annotated[int, AfterValidator(_known)]


class NakFile(Model):
    """Messages that are refused at the door, so that their sender mends them."""

    when: ExpressionText = setting(
        "Which messages: an expression over fields, asked of each line; over `lines`, asked once of the message.",
        example="account is missing",
    )
    code: Code = setting("What is wrong, as ERR says it.", example="101", unit="HL7 table 0357")
    where: Text | None = setting(
        "The place that ERR names; left out: where the first field of `when` is read.",
        example="PID-18",
        default=None,
    )
    because: Text = setting("What the sender is told. Never a value.", example="the account is missing")


class SameLineFile(Model):
    """What makes a line the same line twice."""

    by: Texts = setting("Fields that identify a line.", example="source_id")
    otherwise: Texts | None = setting(
        "Fields that identify a line which lacks one of `by`; left out: all that the line says, with "
        "account, visit and patient.",
        example="[account, code, used_at, quantity]",
        default=None,
    )
    changed: Literal["hold", "correct", "new"] = setting(
        "The same id comes with other content: ask a person, correct what was posted, or take it as new.",
        example="hold",
        default="hold",
    )
    alike: Literal["hold", "new"] = setting(
        "A line without an id looks like an earlier one: ask a person, or take it as a second one.",
        example="hold",
        default="hold",
    )


class TranslateFile(Model):
    """A look-up in a code table. Its columns are used as NAME.COLUMN."""

    table: Name = setting("Code table.", example="items")
    by: Annotated[list[ExpressionText], Field(min_length=1)] = setting(
        "Expressions for its keys, in its order; earlier translations may be used.",
        example="[facility, code]",
    )
    as_of: AsOf | None = setting(
        "Day to look up on; left out: as the table says.", example="posting", default=None
    )
    missing: Missing | None = setting(
        "What happens without a row; left out: as the table says.", example="hold", default=None
    )
    owner: Text | None = setting(
        "Whose worklist; left out: as the table says.", example="finance", default=None
    )


class OwnedFile(Model):
    """Which feed an effect is taken from, where several tell of the same use."""

    when: ExpressionText = setting(
        "For which lines this channel's feed is the one that counts; any other line corroborates: nothing is posted.",
        example="item.issued_by == 'ehr'",
    )
    by: list[ExpressionText] = setting(
        "What the feeds are compared by, in sums for each day of use: no patient data.",
        example="[facility, item.item]",
    )
    same: list[ExpressionText] = setting(
        "What shows that two lines are one and the same thing, where both have all of it.",
        example="[case_id, serial]",
        default=[],
    )


class DeliverFile(Model):
    """What a line does at a destination."""

    to: Name = setting("Destination.", example="erp")
    when: ExpressionText | None = setting(
        "For which lines it is due; left out: for all.", example="item.stocked", default=None
    )
    owned: OwnedFile | None = setting(
        "Where another feed tells of the same use: which one counts; left out: all that is due.",
        example="{when: item.issued_by == 'ehr', by: [facility, item.item]}",
        default=None,
    )
    map: Text = setting("Write map of the document.", example="erp/goods-issue")
    undo: Text | None = setting(
        "Write map of the document that takes it back; left out: a credit waits for a person.",
        example="erp/goods-return",
        default=None,
    )
    per: Literal["message", "line"] = setting(
        "One document for the lines of a message that agree in its head, or one for each line.",
        example="line",
        default="message",
    )
    bad_line: Literal["waits alone", "holds document"] = setting(
        "A line that cannot be written waits alone, or holds the whole document.",
        example="holds document",
        default="waits alone",
    )
    quantity: ExpressionText | None = setting(
        "Quantity of this effect; left out: the line's.", example="quantity * pack.factor", default=None
    )
    money: ExpressionText = setting(
        "Where the money is said: `far end` (in the reply), `stated` (in the message), `quantity only`, or "
        "an expression that prices it here; there `quantity` is this effect's.",
        example="quantity * price.price",
    )
    value_of: Name | None = setting(
        "The effect whose value this one posts. Where that one's ERP posts the value of stock moves itself, this "
        "one is not posted: it would count twice.",
        example="issue",
        default=None,
    )
    owner: Text | None = setting(
        "Whose worklist gets holds that no table row mends; left out: the channel's owner.",
        example="supply-chain",
        default=None,
    )


class KeepFile(Model):
    """What the records of a master say of the rows of a code table."""

    when: ExpressionText | None = setting(
        "Which records: an expression over fields; left out: all.", example="price is present", default=None
    )
    row: dict[Word, ExpressionText] = setting(
        "Column → what the record says of it: an expression over fields. Its keys must be among them. What is not sent "
        "stays as it is.",
        example="{facility: facility, code: item, description: description, stocked: stocked == 'Y'}",
    )
    new_rows: dict[Word, str] = setting(
        "What columns hold in the row of a key that is new, where the record does not say it.",
        example="{issued_by: ehr, supplier: ''}",
        default={},
    )
    within: list[Word] = setting(
        "Where a message tells all there is: key columns in which rows must agree with one of its records, to end when "
        "it does not name them; left out: all rows of the table.",
        example="[facility]",
        default=[],
    )


class AfterDischargeFile(Model):
    """What a discharge is expected to bring."""

    within: Duration = setting(
        "How soon after the discharge a line of this channel must have come for the account.",
        example="24h",
        unit="ms, s, m, h or d",
    )
    when: ExpressionText | None = setting(
        "For which stays: an expression over `encounter`; left out: for all.",
        example="encounter.class == 'I'",
        default=None,
    )


class HoldFile(Model):
    """An effect, or a record of a master, that a test expects to wait for a person or a row."""

    effect: Name | None = setting(
        "Effect of the channel; left out: a record of a master.", example="issue", default=None
    )
    cause: Text = setting("How the cause begins.", example="items")


class RefusedFile(Model):
    """The refusal that a test expects."""

    code: Code = setting("Code of ERR.", example="101", unit="HL7 table 0357")
    where: Text = setting("Place that ERR names.", example="PID-18")


class TestFile(Model):
    """A message and what must come of it."""

    name: Text = setting("What the test shows, as a sentence.", example="three implants make one issue")
    given: Text = setting("File with the message, from this folder.", example="samples/dft-implants.hl7")
    before: list[Text] = setting(
        "Files with messages that came before, of stays and cases: what they told is known.",
        example="[samples/siu-s12.hl7]",
        default=[],
    )
    received: Text | None = setting(
        "When it comes in; left out: now.",
        example="2026-11-20T10:15:00-06:00",
        unit="ISO 8601 with offset",
        default=None,
    )
    expect: dict[Name, Any] = setting(
        "For each effect the documents it must write, in order: files, or documents in place. `*` stands for "
        "any value. Effects that are not named must write nothing.",
        example="{issue: samples/goods-issue.json}",
        default={},
    )
    rows: dict[Name, list[dict[Word, str]]] = setting(
        "Of a master: for each code table the rows that are new or other than before, in their order, without empty "
        "cells. `*` stands for any text. Tables that are not named must stay as they are.",
        example='{items: [{facility: NORTH, code: SCREW-24, item: "2000124", stocked: "yes", valid_from: 2026-12-01}]}',
        default={},
    )
    holds: list[HoldFile] = setting(
        "Effects, and records of masters, that must be held.",
        example="[{effect: issue, cause: items}]",
        default=[],
    )
    state: State | None = setting(
        "Where the message must stand in the end.", example="filtered", default=None
    )
    nak: RefusedFile | None = setting(
        "The refusal that the sender must get.", example="{code: 101, where: PID-18}", default=None
    )


class ChannelFile(Model):
    """One interface."""

    channel: Name = setting("Name of the channel: that of the file.", example="or-usage")
    about: Text = setting(
        "What it is for, in a sentence.", example="What was used in theatre leaves stock, once."
    )
    owner: Text = setting(
        "Whose worklist gets what no table row mends.", example="supply-chain", default="interface-team"
    )
    from_: Texts = setting("Listener or listeners it takes messages from.", example="ehr", alias="from")
    read: Text = setting("Read map.", example="hl7/ehr-dft")
    nak: list[NakFile] = setting(
        "Messages to refuse at the door: what only the sender can mend.",
        example="[{when: account is missing, code: 101, where: PID-18, because: the account is missing}]",
        default=[],
    )
    profile: Text | None = setting(
        "Conformance profile (XML), from this folder: messages that do not fit are refused at the door.",
        example="profiles/dft-p03.xml",
        default=None,
    )
    skip: list[SkipFile] = setting(
        "Lines to leave out.", example="[{when: class == 'P', because: pre-admission}]", default=[]
    )
    same_line: SameLineFile | None = setting(
        "What makes a line the same line twice; every channel that delivers says it.",
        example="{by: source_id}",
        default=None,
    )
    credit_finds: list[Texts] = setting(
        "How a credit finds what it takes back: sets of fields, tried in order.",
        example="[[reverses_id], [account, code, used_on]]",
        default=[],
    )
    no_original: Literal["hold", "post alone"] = setting(
        "A credit whose original is not known here: ask a person, or post it alone.",
        example="hold",
        default="hold",
    )
    on_refused: Literal["hold", "undo others"] = setting(
        "A destination refuses for good what others of the same line applied: ask a person, or undo the others.",
        example="undo others",
        default="hold",
    )
    account_from: Literal["case"] | None = setting(
        "Whose a line is that names no account: `case`, whose its case is by what was told of its schedule, and the "
        "line waits until that is known. Left out: it has no account.",
        example="case",
        default=None,
    )
    lane: Literal["account", "visit", "patient", "station"] = setting(
        "What must stay in order: documents of the same lane leave one after the other.",
        example="account",
        default="account",
    )
    translate: dict[Word, TranslateFile] = setting(
        "Look-ups, in order.", example="{item: {table: items, by: [facility, code]}}", default={}
    )
    deliver: dict[Name, DeliverFile] = setting(
        "Effects, by name.", example="{issue: {to: erp, map: erp/goods-issue, money: far end}}", default={}
    )
    tables: dict[Name, KeepFile] = setting(
        "Code tables that the records of a master keep, by name: the read map `makes: master`, nothing is delivered.",
        example="{items: {row: {facility: facility, code: item, description: description}}}",
        default={},
    )
    expect: dict[Name, Duration] = setting(
        "How soon after receipt each effect must be delivered; later is an alert.",
        example="{issue: 15m}",
        unit="ms, s, m, h or d",
        default={},
    )
    after_discharge: AfterDischargeFile | None = setting(
        "Lines that a discharge is expected to bring; a stay that ended and brought none is an alert.",
        example="{within: 24h}",
        default=None,
    )
    tests: list[TestFile] = setting(
        "Messages and what must come of them.",
        example="[{name: a vend leaves stock, given: samples/vend.hl7, expect: {issue: samples/vend.json}}]",
        default=[],
    )
