"""`mappings/`: read maps (`read:`), write maps (`write:`) and declarations of code tables (`table:`).

What stands in a path, an expression or a document is understood by `engine.mapping`, not here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from engine.site.schema.base import CommaList, ExpressionText, Model, Name, Path, Text, Texts, Word, setting
from engine.site.schema.origin import OriginFile
from engine.site.schema.rows import RowsFile

FieldTypeName = Literal["text", "number", "money", "moment", "date", "flag"]
Version = Literal[
    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2", "R4", "R5"
]  # those of engine.codecs.hl7v2.structure, and releases of engine.codecs.fhir.elements
ColumnTypeName = Literal["text", "number", "money", "ratio", "flag", "date"]
AsOf = Literal["service", "posting", "received"]
Missing = Literal["hold", "default", "skip"]
Approval = Literal["none", "second person"]


class FromFile(Model):
    """A field read from the message."""

    from_: ExpressionText = setting("Path or expression.", example="FT1-2", alias="from")
    unique_per: Literal["facility", "feed", "day"] | None = setting(
        "Where the sender never gives this value twice: makes the key strong.",
        example="facility",
        default=None,
    )


class LookupFile(Model):
    """A field looked up in a code table by other fields of this map."""

    table: Name = setting("Code table.", example="feed-units")
    by: Texts = setting("Fields that are its keys, in its order.", example="[code]")
    take: Word = setting("Column to take.", example="unit", default="value")


class LiteralFile(Model):
    """A field that is always the same."""

    text: Text = setting("The text.", example="EA")


# Tags begin with ~ so that none is mistaken for a key of the file in the place of a fault.


def _form_of_field(value: Any) -> str:
    if not isinstance(value, dict):
        return "~short"
    return next((f"~{key}" for key in ("table", "text") if key in value), "~from")


FieldSource = Annotated[
    Annotated[ExpressionText, Tag("~short")]
    | Annotated[FromFile, Tag("~from")]
    | Annotated[LookupFile, Tag("~table")]
    | Annotated[LiteralFile, Tag("~text")],
    Discriminator(_form_of_field),
]


class ExtraFile(Model):
    """A field beyond the canonical ones."""

    type: FieldTypeName = setting("How its text is understood.", example="text")
    about: Text | None = setting("What it is.", example="Wing of the building", default=None)
    patient_data: bool = setting(
        "Whether it tells of a patient: then only a destination that allows it gets it.",
        example="false",
        default=True,
    )


Extra = Annotated[
    Annotated[FieldTypeName, Tag("~short")] | Annotated[ExtraFile, Tag("~long")],
    Discriminator(lambda value: "~long" if isinstance(value, dict) else "~short"),
]


class ReadFile(Model):
    """How the messages of a feed are read into events."""

    read: CommaList = setting(
        "Message types, as MSH-9 says them; of FHIR, `FHIR` and the resource; of rows in files, CSV or FIXED and a "
        "name.",
        example="DFT^P03, DFT^P11",
    )
    about: Text | None = setting("Which feed, in a sentence.", example="Charges of the EHR", default=None)
    version: Version | None = setting(
        "Version of HL7 whose segments and fields the messages have; a path that it cannot have is a fault. Left out: "
        "any version's. Z segments are local and always may be read. Of FHIR: R4 or R5.",
        example="2.5.1",
        default=None,
    )
    makes: Literal["supply-usage", "charge", "requisition", "encounter", "merge", "case", "master"] = setting(
        "Kind of event.", example="supply-usage"
    )
    each: Text | None = setting(
        "Segment that begins a line; `RXA of ORC` is each RXA with the ORC of its order, `PKG in MFE` each PKG with "
        "the MFE of its record, and none without one; `row` of rows in files; left "
        "out: the message is one event without lines. "
        "Of FHIR: a FHIRPath that chooses the lines of a resource; left out: the resource is one.",
        example="FT1",
        default=None,
    )
    lines: Literal["delta", "snapshot"] = setting(
        "delta: a message tells what is new. snapshot: it tells the whole case again.",
        example="delta",
        default="delta",
    )
    rows: RowsFile | None = setting(
        "Of files of rows: which columns they have, and which rows belong together.",
        example="{columns: {account: Account No, code: Item, qty: Qty}, together: [account]}",
        default=None,
    )
    fields: dict[Word, FieldSource] = setting(
        "Where each field stands: a path or expression (of FHIR, a FHIRPath), a look-up in a table, or a literal text.",
        example="{account: PID-18.1, code: FT1-7.1}",
    )
    extra: dict[Word, Extra] = setting(
        "Types of fields beyond the canonical ones. Of a master every other field is text unless it is said here.",
        example="{wing: {type: text, patient_data: false}}",
        default={},
    )


MessageType = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{3}\^[A-Z][A-Z0-9]{2}(\^[A-Z]{3}_[A-Z0-9]{3})?$")
]


class WriteFile(Model):
    """How a document for a destination is written."""

    write: Literal["json", "hl7"] = setting("What it is written as.", example="json")
    about: Text | None = setting(
        "What the document does.", example="Takes used items out of stock", default=None
    )
    to: Path | None = setting(
        "Where JSON is posted, below the destination's url.", example="/goods-issues", default=None
    )
    message: MessageType | None = setting(
        "Type of the HL7 message that is written.", example="DFT^P03", default=None
    )
    document: dict[str, Any] = setting(
        "The document: texts are expressions, `{text: …}` is a literal, a key ending in ? is left out when "
        "its value is missing. Keys of an HL7 message are places: PID-3.1, or the segment that repeats.",
        example="{reference: reference, lines: {each: lines, give: {item: item.item}}}",
    )


class ConvertsFile(Model):
    """Which columns say that so many of one unit are one of another."""

    from_: Word = setting("Column of the unit that is converted.", example="unit", alias="from")
    to: Word = setting("Column of the unit that it becomes.", example="stock_unit")
    by: Word = setting("Column of how many of the one are in the other.", example="factor")


ColumnOf = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[a-z][a-z0-9_]*$")]


class TableFile(Model):
    """A code table; its rows stand in the CSV file of the same name beside it."""

    table: Name = setting("Name of the table: that of the file.", example="items")
    about: Text | None = setting(
        "What it says, in a sentence.", example="Item of the ERP for a code", default=None
    )
    keys: Texts = setting("Key columns. A cell `*` matches anything.", example="[facility, code]")
    columns: dict[Word, ColumnTypeName] = setting(
        "Value columns with their types. Text is never guessed at; a ratio is 12 or 1/50.",
        example="{item: text, stocked: flag}",
    )
    ranges: dict[Word, Literal["number", "text"]] = setting(
        "Key columns whose cells are ranges, both ends in them: `1..9`, `10..` or `5` of numbers, `0270..0279` of text "
        "with as many characters.",
        example="{quantity: number}",
        default={},
    )
    many: Texts | None = setting(
        "A key may have several rows at once, told apart by these columns: the parts of a kit, the charges that one "
        "explodes into. An effect that looks up here is posted once for each row.",
        example="[component]",
        default=None,
    )
    as_of: AsOf = setting(
        "The day on which a row must be valid: of service, of posting, or of receipt.",
        example="service",
        default="service",
    )
    missing: Missing = setting(
        "What happens without a row: hold the line for the owner, take the default row, or skip the effect.",
        example="hold",
        default="hold",
    )
    owner: Text = setting("Whose worklist gets what no row is found for.", example="supply-chain")
    default: dict[Word, Text] | None = setting(
        "The row taken when none is found.", example='{factor: "1"}', default=None
    )
    refers: dict[Word, ColumnOf] = setting(
        "Columns whose values another table knows, as TABLE.COLUMN: a value that it does not have is a fault.",
        example="{item: items.item}",
        default={},
    )
    agree: dict[Word, Texts] = setting(
        "What is the same in all rows with the same value of a column: an item has one stock unit.",
        example="{item: [stock_unit]}",
        default={},
    )
    converts: ConvertsFile | None = setting(
        "That rows convert units: those that contradict each other are faults.",
        example="{from: unit, to: stock_unit, by: factor}",
        default=None,
    )
    approval: Approval = setting(
        "Whether another person approves rows that are added, mapped, imported or told by a master, before any step "
        "uses them.",
        example="second person",
        default="none",
    )
    most_gone: Annotated[int, Field(ge=0, le=100)] = setting(
        "How many of its rows a changed file may drop, or one master message may end, before a person is asked. Of "
        "fewer than ten rows any may go.",
        example="5",
        unit="percent",
        default=50,
    )
    source: OriginFile | None = setting(
        "A far end that says some of its columns.",
        example="{destination: erp, path: /items, columns: {item: number, description: description}, match: [item]}",
        default=None,
    )
