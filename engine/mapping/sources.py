"""Where the fields of a read map come from, as its YAML says it, checked and put in the order to read them.

`reader` and `reading` take it from here. Knows no message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from engine.codecs.hl7v2.group import Each
from engine.codecs.hl7v2.segments import SEGMENTS, is_segment
from engine.codecs.hl7v2.structure import beyond
from engine.codecs.rows import TYPE, Layout
from engine.domain.event import FIELDS, SERVICE_DAYS, UDI_PARTS, FieldType, Kind
from engine.mapping import fields
from engine.mapping.columns import column_path, date_form, with_columns
from engine.mapping.emitter import names_in, walk
from engine.mapping.faults import EvaluationFault, ExpressionError
from engine.mapping.grammar import WORDS, Name, Node, Path, parse
from engine.mapping.spec import NodePath, SpecError, SpecFault

PATIENT_FIELDS = frozenset(
    {"account", "visit", "patient", "case_id", "serial", "source_id", "reverses_id", "udi", "udi_serial"}
    | {"merged_account", "merged_patient", "merged_visit", "from_patient", "from_account"}
)
"""Fields that tell of a patient: no keys of a table, since the causes on worklists show keys."""

RESERVED = frozenset(
    {"number", "encounter", "case", "feed", "channel", "currency", "received_at", "posting_date", "reference"}
    | {"lines", "original"}
)
"""Names that stand for something else where fields are used."""

FACILITY = "MSH-4.1"
"""Where the facility is read when a map does not say."""

_OF_MASTERS = {"change": "MFE-1", "effective_on": "MFE-3", "whole": "MFI-3 == 'REP'"}
"""Where the fields of every MFN are read when a map does not say."""

_ENDS = "change in ['MDL', 'MDC']"

_TRIGGER = re.compile(r"[A-Z][A-Z0-9]{2}(\^[A-Z0-9]{3})?")
_EACH = re.compile(r"([A-Z][A-Z0-9]{2})(?: (of|in) ([A-Z][A-Z0-9]{2}))?")
"""The segment that begins a line, and the one at the head of its order, or of its record."""


@dataclass(frozen=True, slots=True)
class From:
    """A path or expression. `unique_per`: facility | feed | day, or None."""

    text: str
    unique_per: str | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """The column `take` of a table, by fields of this map that are its keys, as of the table's day."""

    table: str
    by: tuple[str, ...]
    take: str = "value"


@dataclass(frozen=True, slots=True)
class Literal:
    """Always this text."""

    text: str


Origin = From | Lookup | Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """A read map as its YAML says it. `triggers`: `DFT^P03`, or `DFT` of a type without triggers. `each`:
    segment that begins a line, or `RXA of ORC`; None: the message is one. `lines`: delta | snapshot. `version`: of HL7,
    None: any. `extra`: fields beyond the kind's. `rows`: of a file of rows; `dates`: how dates stand in its columns."""

    name: str
    triggers: tuple[str, ...]
    kind: Kind
    each: str | None
    fields: Mapping[str, Origin]
    lines: str = "delta"
    version: str | None = None
    extra: Mapping[str, FieldType] = field(default_factory=dict)
    rows: Layout | None = None
    dates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """One field: its type and where it comes from. `tree`: of a `From`. `needs`: fields to read before it."""

    name: str
    type: FieldType
    origin: Origin
    tree: Node | None
    needs: frozenset[str]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The HL7 paths it is read from, as written."""
        return tuple(node for node in walk(self.tree) if isinstance(node, Path)) if self.tree else ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a line has from it: its own, that of a moment's local day, those of what a UDI says."""
        return names_of(self.name, self.type)


def each_of(each: str | None) -> Each | None:
    """`FT1`, `RXA of ORC` or `PKG in MFE`; None where there are no lines, or no segments."""
    found = _EACH.fullmatch(each or "")
    return Each(found[1], found[3], strict=found[2] == "in") if found else None


def names_of(name: str, kind: FieldType) -> tuple[str, ...]:
    """`used_at` of a moment gives `used_on` as well, `udi` gives `udi_di`, `udi_lot` and so on."""
    match kind:
        case FieldType.MOMENT:
            return (name, f"{name.removesuffix('_at')}_on")
        case FieldType.UDI:
            return (name, *(f"{name}_{part}" for part in UDI_PARTS))
        case _:
            return (name,)


def sources_of(spec: ReadSpec) -> tuple[Source, ...]:
    """The fields of a map, each after those it needs, else as written. Raises `SpecError` with all faults."""
    return checked(Checker(spec))


def checked(checker: Checker) -> tuple[Source, ...]:
    """Raises `SpecError` with all faults that the checker finds."""
    sources = checker.sources()
    if checker.faults:
        raise SpecError(checker.faults)
    return sources


class Checker:
    """Finds every fault of a read map."""

    def __init__(self, spec: ReadSpec) -> None:
        self.spec = spec
        self.faults: list[SpecFault] = []
        canonical = {name: field_spec.type for name, field_spec in FIELDS[spec.kind].items()}
        self._types: dict[str, FieldType] = {**spec.extra, **canonical}
        if spec.kind is Kind.MASTER:
            plain = {name: FieldType.TEXT for name in spec.fields if name not in RESERVED | WORDS}
            self._types = {**plain, **self._types}
        self._owners = {name: owner for owner, kind in self._types.items() for name in names_of(owner, kind)}
        self._given_anyway = self.defaults().keys() - {"saved_at"}

    def sources(self) -> tuple[Source, ...]:
        self.check_message()
        for name, kind in self.spec.extra.items():
            self._check_extra(name, kind)
        origins: dict[str, Origin] = dict(self.spec.fields)
        for name, origin in self.defaults().items():
            origins.setdefault(name, origin)
        found = {name: self._source(name, origin) for name, origin in origins.items()}
        return self._ordered({name: source for name, source in found.items() if source})

    def defaults(self) -> dict[str, Origin]:
        """Where fields are read that a map need not say; rows of files have no header."""
        if self.spec.kind is Kind.MASTER:
            return self._of_a_master()
        if self.spec.rows is not None:
            return {}
        saved: dict[str, Origin] = {"saved_at": From("MSH-7")} if self.spec.lines == "snapshot" else {}
        told: dict[str, Origin] = {"occurred_at": From("MSH-7")} if self.spec.kind is Kind.CASE else {}
        return {"facility": From(FACILITY), **saved, **told}

    def _of_a_master(self) -> dict[str, Origin]:
        mfn = all(trigger.startswith("MFN") for trigger in self.spec.triggers)
        found: dict[str, Origin] = {"facility": From(FACILITY)} if mfn else {}
        found |= {name: From(text) for name, text in _OF_MASTERS.items() if mfn}
        return {**found, "ends": From(_ENDS)} if mfn or "change" in self.spec.fields else found

    def check_message(self) -> None:
        if self.spec.rows is not None or any(TYPE.fullmatch(trigger) for trigger in self.spec.triggers):
            self._check_rows(self.spec.rows)
            return
        for trigger in self.spec.triggers:
            if not _TRIGGER.fullmatch(trigger):
                self.fault(("read",), "MAP042", f"'{trigger}' is no message type", "write DFT^P03")
        if self.spec.each is not None:
            each = each_of(self.spec.each)
            named = [name for name in (each.anchor, each.head) if name is not None] if each else []
            for name in named or [self.spec.each]:
                if not (named and is_segment(name)):
                    mend = _nearest_segment(name) or "write FT1, RXA of ORC, or PKG in MFE"
                    self.fault(("each",), "MAP043", f"'{name}' is no segment", mend)

    def _check_rows(self, rows: Layout | None) -> None:
        if len(self.spec.triggers) != 1 or not TYPE.fullmatch(self.spec.triggers[0]):
            what, mend = "rows are of one type, CSV or FIXED with a name", "write read: CSV usage"
            self.fault(("read",), "MAP060", what, mend)
        if self.spec.each != "row":
            self.fault(
                ("each",) if self.spec.each else ("read",), "MAP060", "a line is a row", "write each: row"
            )
        if rows is not None and rows.together and self.spec.kind is Kind.MASTER:
            what, mend = "a file of a master is one message, whole", "take `together` out"
            self.fault(("rows", "together"), "MAP060", what, mend)
        if rows is None:
            what, mend = (
                "it is not said which columns the rows have",
                "add rows: {columns: {code: Item, qty: Qty}}",
            )
            self.fault(("read",), "MAP060", what, mend)
            return
        for name, column in rows.columns.items():
            if rows.fixed and not isinstance(column, tuple):
                what, mend = f"'{name}' is no span of characters", "write its first and last, such as 1-12"
                self.fault(("rows", "columns", name), "MAP061", what, mend)
        for index, name in enumerate(rows.together):
            if name not in rows.columns:
                mend = _did_you_mean(name, rows.columns) or "add it to columns"
                self.fault(("rows", "together", index), "MAP062", f"there is no column '{name}'", mend)
        for name, dates in self.spec.dates.items():
            if name not in rows.columns:
                mend = _did_you_mean(name, rows.columns) or "add it to columns"
                self.fault(("rows", "dates", name), "MAP062", f"there is no column '{name}'", mend)
            elif date_form(dates) is None:
                what, mend = (
                    "this is no form of a date",
                    "write it with YYYY, MM and DD, such as DD.MM.YYYY hh:mm",
                )
                self.fault(("rows", "dates", name), "MAP061", what, mend)

    def _column(self, path: NodePath, text: str, name: Name) -> Node:
        """`row.qty` as a place in the message; any other name is a field."""
        rows = self.spec.rows
        if rows is None or name.parts[0] != "row":
            return name
        column = ".".join(name.parts[1:])
        if column not in rows.columns:
            mend = _did_you_mean(column, rows.columns) or "add it to columns"
            at = text.find(f"row.{column}") + 1
            self.faults.append(SpecFault(path, "MAP062", f"there is no column '{column}'", mend, at))
            return Path(column_path(column, (1, 1)))
        dates = self.spec.dates.get(column)
        return Path(column_path(column, rows.columns[column], dates, self.spec.kind is Kind.MASTER))

    def _check_extra(self, name: str, kind: FieldType) -> None:
        path = ("extra", name)
        if name in FIELDS[self.spec.kind]:
            self.fault(
                path, "MAP044", f"'{name}' is a field of every {self.spec.kind}", "leave it out of extra"
            )
        elif name in WORDS | RESERVED or self._is_day_of_another(name):
            self.fault(path, "MAP044", f"'{name}' means something else already", "call it otherwise")
        elif kind is FieldType.MOMENT and not name.endswith("_at"):
            mend = f"call it {name}_at; the day is then {name}_on"
            self.fault(path, "MAP044", "the name of a moment ends in _at", mend)
        elif name not in self.spec.fields:
            self.fault(path, "MAP044", f"'{name}' is never read", "add it to fields")

    def _is_day_of_another(self, name: str) -> bool:
        return any(name in names_of(owner, kind)[1:] for owner, kind in self._types.items())

    def _source(self, name: str, origin: Origin) -> Source | None:
        """The field, or None with its faults."""
        kind, path = self._types.get(name), ("fields", name)
        if kind is None:
            owner = self._owners.get(name)
            mend = f"read {owner}: it gives {name} as well" if owner else _did_you_mean(name, self._types)
            mend = mend or "declare it under extra"
            self.fault(path, "MAP040", f"there is no field '{name}' in a map of {self.spec.kind}", mend)
            return None
        match origin:
            case From():
                tree = self.tree((*path, "from"), origin.text)
                return Source(name, kind, origin, tree, self._needs(path, tree)) if tree else None
            case Lookup():
                return Source(name, kind, origin, None, self._keys(path, origin))
            case Literal():
                self._check_literal((*path, "text"), kind, origin.text)
                return Source(name, kind, origin, None, frozenset())

    def tree(self, path: NodePath, text: str) -> Node | None:
        try:
            tree = parse(text, paths=True)
        except ExpressionError as error:
            self.faults.append(SpecFault(path, error.code, error.what, error.mend, error.column))
            return None
        if self.spec.rows is not None:
            for node in walk(tree):
                if isinstance(node, Path):
                    what = "a row has no segments"
                    self.faults.append(SpecFault(path, "MAP062", what, "name its columns: row.code"))
            return with_columns(tree, lambda name: self._column(path, text, name))
        for node in walk(tree):
            if isinstance(node, Path) and not is_segment(node.path.segment):
                what = f"HL7 has no segment '{node.path.segment}'"
                mend = _nearest_segment(node.path.segment) or "local segments begin with Z"
                column = text.find(node.path.text) + 1
                self.faults.append(SpecFault(path, "MAP048", what, mend, column))
            elif isinstance(node, Path) and (told := beyond(node.path, self.spec.version)) is not None:
                column = text.find(node.path.text) + 1
                self.faults.append(SpecFault(path, "MAP049", *told, column))
        return tree

    def _needs(self, path: NodePath, tree: Node) -> frozenset[str]:
        """Fields that an expression names."""
        needs = set()
        for parts in names_in(tree):
            name = ".".join(parts)
            if self._read(name):
                needs.add(self._owners[name])
            else:
                mend = _did_you_mean(name, self._given()) or "write a path such as FT1-7.1, or a text: 'EA'"
                self.fault((*path, "from"), "MAP041", f"'{name}' is no field of this map", mend)
        return frozenset(needs)

    def _keys(self, path: NodePath, origin: Lookup) -> frozenset[str]:
        """Fields that a look-up needs: its keys, and the day it is as of."""
        needs = {self._owners[name] for name in SERVICE_DAYS if self._read(name)}
        for index, name in enumerate(origin.by):
            if name in PATIENT_FIELDS:
                mend = "look it up by codes; causes on worklists show keys"
                self.fault((*path, "by", index), "MAP045", f"'{name}' tells of a patient", mend)
            elif self._read(name):
                needs.add(self._owners[name])
            else:
                mend = _did_you_mean(name, self._given()) or "add it to fields"
                self.fault((*path, "by", index), "MAP041", f"'{name}' is no field of this map", mend)
        return frozenset(needs)

    def _check_literal(self, path: NodePath, kind: FieldType, text: str) -> None:
        try:
            fields.constant(kind, text)
        except EvaluationFault as fault:
            self.fault(path, "MAP046", fault.what, f"write it as a {kind}")

    def _ordered(self, sources: dict[str, Source]) -> tuple[Source, ...]:
        """Depth first, so that each field stands behind what it needs."""
        done: dict[str, Source] = {}

        def visit(source: Source, waiting: tuple[str, ...]) -> None:
            if source.name in waiting:
                circle = " → ".join((*waiting[waiting.index(source.name) :], source.name))
                self.fault(
                    ("fields", source.name), "MAP047", f"a circle: {circle}", "read one from the message"
                )
            elif source.name not in done:
                for name in sorted(source.needs & sources.keys()):
                    visit(sources[name], (*waiting, source.name))
                done[source.name] = source

        for source in sources.values():
            visit(source, ())
        return tuple(done.values())

    def _read(self, name: str) -> bool:
        """Whether this map gives `name`."""
        owner = self._owners.get(name)
        return owner is not None and (owner in self.spec.fields or owner in self._given_anyway)

    def _given(self) -> list[str]:
        return [name for name in self._owners if self._read(name)]

    def fault(self, path: NodePath, code: str, what: str, mend: str, column: int = 0) -> None:
        self.faults.append(SpecFault(path, code, what, mend, column))


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else ""


def _nearest_segment(name: str) -> str:
    """The same letters in another order first: names of three letters are all alike."""
    same = [known for known in sorted(SEGMENTS) if sorted(known) == sorted(name)]
    return f"did you mean '{same[0]}'?" if same else _did_you_mean(name, SEGMENTS)
