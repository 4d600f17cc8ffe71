"""From a value in a payload back to the message, the tables and what was remembered: a tree of steps.

lines[1].quantity = 2             mappings/erp/goods-issue.yaml:14   quantity
  quantity = 2                    channels/ehr-usage.yaml:39         quantity * pack.factor
    quantity = 2                  mappings/hl7/ehr-dft.yaml:24       FT1-10, else 1
      FT1[1]-10 = 2               the message
    pack.factor = 1               table units, version 1, line 2     item=1000106 unit=EA stock_unit=EA
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from engine.codecs.hl7v2.group import Group
from engine.codecs.hl7v2.lexer import Message
from engine.domain.event import SERVICE_DAYS
from engine.domain.posting import Measure, Original
from engine.mapping.emitter import walk
from engine.mapping.expression import EvaluationFault, Expression
from engine.mapping.functions import text_of
from engine.mapping.grammar import Name, Path
from engine.mapping.reading import taken
from engine.mapping.sources import From, Lookup
from engine.mapping.sources import Source as Field
from engine.mapping.translation import Dates
from engine.pipeline.numbers import PERSONS
from engine.reference.spec import Row
from engine.site.release import Channel, EffectRule, Release
from engine.site.sources import Source, Sources
from engine.site.yaml import Path as NodePath

THE_MESSAGE = "the message"


class Step(NamedTuple):
    """`name` = `value`, by `rule`, which stands at `where` (`file:line:col`, or table, version and line); made of `of`.
    The repr shows no value: it may be a patient's."""

    name: str
    value: str
    rule: str
    where: str
    of: tuple[Step, ...] = ()

    def __repr__(self) -> str:
        return f"Step({self.name}, {self.where})"


@dataclass(frozen=True, slots=True)
class Told:
    """One line as one effect told it. `names`: what its write map saw; `base`: what was known before the effect's own
    quantity and amount; `original`: of a reversal."""

    group: Group | None
    rule: EffectRule
    names: Mapping[str, object]
    base: Mapping[str, object]
    original: Original | None


class Lineage:
    """One channel, one message, one edition. `versions`: of the tables."""

    def __init__(
        self,
        release: Release,
        sources: Sources,
        versions: Mapping[str, int],
        channel: Channel,
        message: Message,
        dates: Dates,
    ) -> None:
        self._release = release
        self._sources = sources
        self._versions = versions
        self._channel = channel
        self._message = message
        self._dates = dates
        self._fields = {name: field for field in channel.reader.sources for name in field.names}
        self._translations = {translation.name: translation for translation in channel.translations}

    def of_expression(self, expression: Expression, told: Told) -> tuple[Step, ...]:
        """A step for each name that an expression of a write map uses."""
        return tuple(self._name(name, told) for name in sorted(expression.names))

    # Names -----------------------------------------------------------------------------------------------------

    def _name(self, name: str, told: Told) -> Step:
        root = name.partition(".")[0]
        value = _shown(name, told.names)
        if root == "lines":
            return Step(name, "", "of every line of the document", "")
        if told.original is not None and root == "original":
            return Step(name, value, "the document that this one takes back", _posted(told.original))
        if told.original is not None and root in told.original.fields and root not in ("quantity", "amount"):
            return Step(name, value, "as it was posted", _posted(told.original))
        match root:
            case "quantity":
                return self._quantity(value, told)
            case "amount":
                return self._amount(value, told)
            case "reference":
                return Step(name, value, "made of the keys and versions of its lines", "")
            case "posting_date":
                received = told.names.get("posting_date") == self._dates.posting
                day = "day of receipt" if received else "day on which it was corrected,"
                return Step(name, value, f"{day} in {self._release.zone}", "config/suture.yaml")
            case "received_at":
                return Step(name, value, "when the message came in", "the inbox")
            case "number":
                return Step(name, value, "place of the line in its message", THE_MESSAGE)
            case "encounter":
                return Step(
                    name, value, "what encounters told of the stay before", "remembered with the step"
                )
            case "case":
                return Step(
                    name, value, "what was told of the schedule of its case", "remembered with the step"
                )
            case "currency":
                return Step(name, value, "the site's currency", "config/suture.yaml")
            case "feed" | "channel":
                return Step(name, value, f"the {root} of the message", "config/suture.yaml")
        if root in self._translations:
            return self._translated(name, told)
        return self._field(name, told)

    def _quantity(self, value: str, told: Told) -> Step:
        if told.original is not None:
            rule = "what the credit says, in the unit of what was posted"
            return Step("quantity", value, rule, _posted(told.original), (self._field("quantity", told),))
        if told.rule.quantity is None:
            return self._field("quantity", told)
        return self._computed("quantity", value, told.rule.quantity, "quantity", told)

    def _amount(self, value: str, told: Told) -> Step:
        if told.original is not None:
            return Step("amount", value, "its share of what was posted", _posted(told.original))
        if told.rule.measure is Measure.PRICED_HERE and told.rule.price is not None:
            return self._computed("amount", value, told.rule.price, "money", told)
        stated = [name for name in ("amount", "unit_amount", "quantity") if name in self._fields]
        kept = stated[:1] if told.base.get("amount") is not None else stated[1:]
        return Step(
            "amount", value, "stated in the message", "", tuple(self._field(name, told) for name in kept)
        )

    def _computed(self, name: str, value: str, expression: Expression, key: str, told: Told) -> Step:
        """An expression of the channel's `deliver`; a `quantity` in a price is the effect's own."""
        where = self._place(
            self._sources.channels.sources[self._channel.name], ("deliver", told.rule.name, key)
        )
        of = tuple(
            self._quantity(_shown("quantity", told.names), told)
            if part == "quantity" and key == "money"
            else self._of_base(part, told)
            for part in sorted(expression.names)
        )
        return Step(name, value, expression.text, where, of)

    def _of_base(self, name: str, told: Told) -> Step:
        root = name.partition(".")[0]
        if root in self._translations:
            return self._translated(name, told)
        return self._field(name, told) if root in self._fields else self._name(name, told)

    # Tables ----------------------------------------------------------------------------------------------------

    def _translated(self, name: str, told: Told) -> Step:
        root, _, column = name.partition(".")
        translation = self._translations[root]
        row = told.base.get(root)
        value = _text(row.get(column)) if isinstance(row, Row) and column else ""
        columns = self._release.tables[translation.table].spec.keys
        shown = " ".join(
            f"{column}={_evaluated(key, told.base)}"
            for column, key in zip(columns, translation.by, strict=True)
        )
        keys = (name for key in translation.by for name in sorted(key.names))
        of = tuple(self._of_base(key, told) for key in keys)
        return Step(name, value, f"by {shown}", self._row_place(translation.table, row), of)

    def _row_place(self, table: str, row: object) -> str:
        version = self._versions.get(table)
        which = f"table {table}, version {version}" if version is not None else f"table {table}"
        if isinstance(row, Row) and row.line:
            return f"{which}, line {row.line}"
        return f"{which}, its default row"

    # Fields ----------------------------------------------------------------------------------------------------

    def _field(self, name: str, told: Told) -> Step:
        field = self._fields.get(name)
        value = _shown(name, told.base)
        if field is None:
            return Step(name, value, "known of the message", "")
        if name in PERSONS and told.base.get("case") and not any(self._read(field, told)):
            return Step(name, value, "whose its case is", "remembered with the step")
        source = self._sources.reads.sources[self._channel.reader.name]
        match field.origin:
            case From(text, _):
                where = self._place(source, ("fields", field.name, "from"), ("fields", field.name))
                return Step(name, value, text, where, tuple(self._read(field, told)))
            case Lookup(table, by, take):
                where = self._place(source, ("fields", field.name))
                keys = tuple(self._field(key, told) for key in by)
                row = self._looked_up(field, told)
                found = Step(take, value, " ".join(by), self._row_place(table, row), keys)
                return Step(name, value, f"{table} by {', '.join(by)}", where, (found,))
            case literal:
                return Step(name, value, f"'{literal.text}'", self._place(source, ("fields", field.name)))

    def _looked_up(self, field: Field, told: Told) -> Row | None:
        origin = field.origin
        assert isinstance(origin, Lookup)
        table = self._release.tables[origin.table]
        service = next((day for name in SERVICE_DAYS if (day := told.base.get(name))), None)
        on = service if table.spec.as_of == "service" and isinstance(service, date) else self._dates.received
        return table.find(tuple(text_of(told.base.get(key)) or "" for key in origin.by), on)

    def _read(self, field: Field, told: Told) -> Iterator[Step]:
        """The places in the message that the field was read from, and the fields that it was made of."""
        known = {name: value for name, value in told.base.items() if name in self._fields}
        tree = taken(field.tree, self._message, told.group, known) if field.tree is not None else None  # type: ignore[arg-type]
        for node in walk(tree) if tree is not None else ():
            if isinstance(node, Path):
                read = node.path.read(self._message, told.group)
                text = read if isinstance(read, str) else ""
                yield Step(node.path.place(told.group), text, "", THE_MESSAGE)
            elif isinstance(node, Name):
                yield self._field(".".join(node.parts), told)

    @staticmethod
    def _place(source: Source, *paths: NodePath) -> str:  # type: ignore[type-arg]
        """The first of the paths that the file has; a field that stands in no file is the engine's own default."""
        for path in paths:
            if path in source.document.values:
                return source.document.within(path, 0)
        return "by default"


def _shown(name: str, names: Mapping[str, object]) -> str:
    value: object = names
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping | Row) else None
    return _text(value)


def _text(value: object) -> str:
    try:
        return text_of(value) or ""
    except EvaluationFault:
        return ""


def _evaluated(expression: Expression, names: Mapping[str, object]) -> str:
    try:
        return _text(expression(names))
    except EvaluationFault:
        return ""


def _posted(original: Original) -> str:
    return f"message {original.message_id}, line {original.number}"
