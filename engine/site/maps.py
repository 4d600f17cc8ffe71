"""Code tables, read maps and write maps: from their files to their compiled selves. Knows no channel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from engine.codecs.fhir.path_check import members
from engine.codecs.hl7v2.path import HL7Path
from engine.codecs.hl7v2.structure import is_counter
from engine.codecs.rows import Layout, Span
from engine.domain.event import FieldType, Kind
from engine.errors import Fault, SiteError
from engine.mapping.fhir_place import FhirPlace
from engine.mapping.fhir_reader import compile_reader
from engine.mapping.grammar import Else
from engine.mapping.grammar import Path as PathNode
from engine.mapping.reader import From, Literal, Lookup, ReadMap, ReadSpec
from engine.mapping.spec import SpecError
from engine.mapping.writer import WriteMap, WriteSpec
from engine.reference.spec import TableSpec, spec_faults
from engine.reference.table import Table
from engine.reference.values import ColumnType
from engine.site import placing
from engine.site.files import Site
from engine.site.hints import did_you_mean
from engine.site.names import private_fields
from engine.site.schema.mapping import (
    ExtraFile,
    FromFile,
    LiteralFile,
    LookupFile,
    ReadFile,
    TableFile,
    WriteFile,
)
from engine.site.sources import Source, Sources
from engine.site.yaml import Path

_SPAN = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
"""Of fixed width: first and last character."""

_IDS = {"FT1": "FT1-2", "OBX": "OBX-21", "RXD": "RXD-7", "OBR": "OBR-3", "RQD": "ORC-2"}
"""Where the standard has the id of what a segment tells."""

_SECRET = re.compile(r"token|password|secret|api_?key", re.IGNORECASE)

PATIENT_MERGES = frozenset({"A18", "A34", "A39", "A40"})
"""Events that merge persons; their accounts stay as they are (HL7 v2.5.1, 3.3.40)."""


OF_PERSONS = frozenset({"PID", "NK1", "GT1", "MRG"})
"""Segments that tell of persons."""

FHIR_PERSONS = frozenset({"subject", "patient", "beneficiary"})
"""Elements of FHIR that name one."""

_AUTHORITY = 4
"""Component of an identifier that says who gave it."""


@dataclass(slots=True)
class Maps:
    """What compiled. `specs` has every declared table, also those whose rows are at fault. `private`: read
    map → its extra fields that tell of a patient."""

    specs: dict[str, TableSpec] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    reads: dict[str, ReadMap] = field(default_factory=dict)
    private: dict[str, frozenset[str]] = field(default_factory=dict)
    writes: dict[str, WriteMap] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def compile_maps(
    site: Site, sources: Sources, table_csv: Mapping[str, bytes], known: Mapping[str, Table]
) -> Maps:
    """Everything under `mappings/`. `table_csv`: table → rows to use in place of its file's. `known`: tables that were
    compiled before."""
    maps = Maps()
    for table in sources.tables.sources.values():
        _compile_table(maps, site, table, table_csv, known.get(table.name))
    for read in sources.reads.sources.values():
        _compile_read(maps, sources, read)
    for write in sources.writes.sources.values():
        _compile_write(maps, write)
    return maps


def csv_file(source: Source[TableFile]) -> str:
    """Where a table's rows stand: beside its declaration."""
    return source.document.file.removesuffix(".yaml") + ".csv"


def table_spec(source: Source[TableFile]) -> TableSpec:
    """How a table is declared."""
    model = source.model
    return TableSpec(
        name=source.name,
        keys=tuple(model.keys),
        columns={name: ColumnType(kind) for name, kind in model.columns.items()},
        as_of=model.as_of,
        missing=model.missing,
        owner=model.owner,
        default=model.default,
        ranges={name: ColumnType(kind) for name, kind in model.ranges.items()},
        many=tuple(model.many or ()),
        second_person=model.approval == "second person",
        most_gone=model.most_gone,
    )


def _compile_table(
    maps: Maps,
    site: Site,
    source: Source[TableFile],
    table_csv: Mapping[str, bytes],
    known: Table | None,
) -> None:
    spec = table_spec(source)
    maps.specs[source.name] = spec
    declared = spec_faults(spec)
    for fault in declared:
        path, key = tuple(fault.where.split(".")), fault.code == "TBL013"
        maps.faults.append(source.fault(path, fault.code, fault.what, fault.mend, key=key))
    file = csv_file(source)
    rows = table_csv.get(source.name, site.files.get(file))
    if rows is None:
        mend = f"save its rows as {file}"
        maps.faults.append(source.fault(("table",), "SIT005", "the table has no CSV file", mend))
    elif not declared:
        try:
            same = known is not None and known.spec == spec and known.csv == rows
            table = known if known is not None and same else Table.compile(spec, rows, file)
            maps.tables[source.name] = table
            maps.faults += table.warnings
        except SiteError as error:
            maps.faults += error.faults


def _compile_read(maps: Maps, sources: Sources, source: Source[ReadFile]) -> None:
    model = source.model
    maps.private[source.name] = private_extras(model)
    spec = ReadSpec(
        name=source.name,
        triggers=tuple(model.read),
        kind=Kind(model.makes),
        each=model.each,
        fields={name: _origin(origin) for name, origin in model.fields.items()},
        lines=model.lines,
        version=model.version,
        extra={name: _extra_type(extra) for name, extra in model.extra.items()},
        rows=_layout(model),
        dates=model.rows.dates if model.rows else {},
    )
    maps.faults += _lookup_faults(maps, sources, source)
    if model.lines == "snapshot":
        maps.faults += _snapshot_faults(source)
    merges = sorted(PATIENT_MERGES.intersection(trigger.partition("^")[2] for trigger in model.read))
    if "merged_account" in model.fields and merges:
        what, mend = (
            f"{merges[0]} merges patients and leaves their accounts",
            "read accounts from A35, A36 and A41",
        )
        maps.faults.append(source.warning(("fields", "merged_account"), "SIT035", what, mend, key=True))
    try:
        maps.reads[source.name] = reader = compile_reader(spec)
    except SpecError as error:
        maps.faults += placing.spec_faults(source, error)
    else:
        maps.faults += _disguised(source, reader, maps.private[source.name])
        maps.faults += _counters(source, reader)


def _layout(model: ReadFile) -> Layout | None:
    rows = model.rows
    if rows is None:
        return None
    fixed = model.read[0].startswith("FIXED")
    columns: dict[str, str | Span] = {}
    for name, text in rows.columns.items():
        span = _SPAN.fullmatch(text) if fixed else None
        columns[name] = (int(span[1]), int(span[2] or span[1])) if span else text
    whole = Kind(model.makes) is Kind.MASTER
    snapshot = model.lines == "snapshot"
    return Layout(model.read[0], columns, tuple(rows.together), rows.separator, rows.skip, whole, snapshot)


def _snapshot_faults(source: Source[ReadFile]) -> Iterable[Fault]:
    """A save of a case must say of which, and what its lines are."""
    model = source.model
    if model.makes not in (Kind.USAGE, Kind.CHARGE):
        yield source.fault(
            ("lines",), "SIT036", f"a {model.makes} is no case with lines", "leave `lines` out"
        )
        return
    if "case_id" not in model.fields:
        mend = "add `case_id:` with the path of the case number"
        yield source.fault(("lines",), "SIT036", "a save is read without the number of its case", mend)
    if model.each is None:
        mend = "name the segment that begins a line under `each`"
        yield source.fault(("lines",), "SIT036", "a save of a case has no lines here", mend)


def _disguised(source: Source[ReadFile], reader: ReadMap, extra: frozenset[str]) -> list[Fault]:
    """Fields that are read from where a patient stands, under names that tell of none: nothing would keep them back."""
    faults = []
    for one in reader.sources:
        if one.name in source.model.extra or private_fields([one.name], extra):
            continue
        paths = [path.path for path in one.paths]
        told = [path for path in paths if _of_a_person(path)]
        if told:
            what = f"'{one.name}' is read from {told[0].text}, which tells of a patient"
            mend = f"read it from the line, or call it otherwise under extra: {{{one.name}_of_patient: text}}"
            faults.append(source.fault(("fields", one.name), "SIT037", what, mend))
    return faults


def _counters(source: Source[ReadFile], reader: ReadMap) -> Iterator[Fault]:
    """Ids that are said to be unique and begin again with 1 in every message: the first line of every other patient
    would be told before."""
    for one in reader.sources:
        if not isinstance(one.origin, From) or one.origin.unique_per is None:
            continue
        options = one.tree.options if isinstance(one.tree, Else) else (one.tree,)
        paths = (option.path for option in options if isinstance(option, PathNode))
        told = next((path for path in paths if isinstance(path, HL7Path) and is_counter(path)), None)
        if told is not None:
            what = f"{told.text} counts the lines of a message: it is unique per nothing"
            where = _IDS.get(told.segment, "a number that the source gives no other line")
            mend = f"read {where}, or take unique_per out: lines that look alike are then held for a person"
            yield source.warning(("fields", one.name, "from"), "SIT078", what, mend)


def _of_a_person(path: HL7Path | FhirPlace) -> bool:
    if isinstance(path, FhirPlace):
        return any(member.name in FHIR_PERSONS for member in members(path.path.tree))
    return path.segment in OF_PERSONS and path.component != _AUTHORITY


def private_extras(model: ReadFile) -> frozenset[str]:
    """The extra fields of a read map that tell of a patient; a master tells of none."""
    if Kind(model.makes) is Kind.MASTER:
        return frozenset()
    return frozenset(
        name for name, extra in model.extra.items() if not isinstance(extra, ExtraFile) or extra.patient_data
    )


def _origin(origin: str | FromFile | LookupFile | LiteralFile) -> From | Lookup | Literal:
    match origin:
        case FromFile():
            return From(origin.from_, origin.unique_per)
        case LookupFile():
            return Lookup(origin.table, tuple(origin.by), origin.take)
        case LiteralFile():
            return Literal(origin.text)
        case _:
            return From(origin)


def _extra_type(extra: str | ExtraFile) -> FieldType:
    return FieldType(extra.type if isinstance(extra, ExtraFile) else extra)


def _lookup_faults(maps: Maps, sources: Sources, source: Source[ReadFile]) -> list[Fault]:
    """Look-ups in tables that do not exist, by too few keys, or for a column that the table lacks."""
    faults = []
    for name, look in source.model.fields.items():
        if not isinstance(look, LookupFile):
            continue
        path = ("fields", name)
        spec = maps.specs.get(look.table)
        if spec is None:
            if look.table not in sources.tables.names:
                mend = did_you_mean(look.table, sources.tables.names)
                faults.append(
                    source.fault((*path, "table"), "SIT023", f"there is no table '{look.table}'", mend)
                )
            continue
        if len(look.by) != len(spec.keys):
            faults.append(keys_fault(source, (*path, "by"), spec))
        if spec.many:
            what, mend = (
                f"table {spec.name} may give several rows, a field takes one",
                "look it up in the channel",
            )
            faults.append(source.fault((*path, "table"), "SIT032", what, mend))
        if look.take not in spec.columns:
            mend = did_you_mean(look.take, spec.columns)
            what = f"table {spec.name} has no column '{look.take}'"
            faults.append(source.fault((*path, "take"), "SIT028", what, mend))
    return faults


def keys_fault(source: Source[BaseModel], path: tuple[str, ...], spec: TableSpec) -> Fault:
    what = f"table {spec.name} has {len(spec.keys)} keys"
    return source.fault(path, "SIT045", what, f"give one for each: [{', '.join(spec.keys)}]")


def _secrets_in_clear(source: Source[WriteFile], tree: object, path: Path) -> Iterator[Fault]:
    """Literals under keys that are called as secrets are: whoever reads the map has them."""
    for key, below in tree.items() if isinstance(tree, dict) else ():
        here = (*path, key)
        if isinstance(below, dict) and isinstance(below.get("text"), str) and _SECRET.search(key):
            mend = "take it out; a login stands in config/env/, as token: ${secret:NAME}"
            yield source.fault((*here, "text"), "SIT053", f"'{key}' stands here in clear", mend)
        yield from _secrets_in_clear(source, below, here)


def _compile_write(maps: Maps, source: Source[WriteFile]) -> None:
    model = source.model
    wanted, other = ("message", "to") if model.write == "hl7" else ("to", "message")
    if getattr(model, wanted) is None:
        mend = f"add {wanted}: {'DFT^P03' if wanted == 'message' else '/goods-issues'}"
        maps.faults.append(
            source.fault(("write",), "SIT011", f"a map that writes {model.write} lacks '{wanted}'", mend)
        )
    if getattr(model, other) is not None:
        what = f"'{other}' is no key of a map that writes {model.write}"
        maps.faults.append(source.fault((other,), "SIT010", what, "take it out", key=True))
    maps.faults += _secrets_in_clear(source, model.document, ("document",))
    spec = WriteSpec(
        name=source.name,
        path=model.to or "/",
        document=model.document,
        message=model.message if model.write == "hl7" else None,
    )
    try:
        maps.writes[source.name] = WriteMap.compile(spec)
    except SpecError as error:
        maps.faults += placing.spec_faults(source, error)
