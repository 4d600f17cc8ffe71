"""One channel: its file and the maps it names become a `Channel`, or faults. Knows no other channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from engine.codecs.hl7v2.path import HL7Path, PathError, compile_path
from engine.codecs.hl7v2.profile import Profile, ProfileError
from engine.domain.event import FieldType, Kind
from engine.errors import Fault
from engine.mapping.expression import Expression
from engine.mapping.fhir_reader import FhirReadMap
from engine.mapping.reader import ReadMap
from engine.mapping.sources import RESERVED
from engine.mapping.translation import Translation
from engine.reference.spec import TableSpec
from engine.reference.values import ColumnType
from engine.site.deliveries import compile_effects
from engine.site.files import CHANNELS, beside_channels
from engine.site.hints import did_you_mean
from engine.site.keeping import compile_keeps
from engine.site.maps import Maps, keys_fault
from engine.site.names import CANONICAL, DOOR_NAMES, Scope, offset_of
from engine.site.placing import condition_faults, expression_at, patient_faults, unknown_names
from engine.site.release import AfterDischarge, Channel, Nak, SameLine, Skip
from engine.site.schema.channel import ChannelFile
from engine.site.sources import Source, Sources
from engine.site.yaml import Path

_POSTING = (Kind.USAGE, Kind.CHARGE, Kind.REQUISITION)
_SAME = {
    Kind.USAGE: "source_id",
    Kind.CHARGE: "source_id",
    Kind.REQUISITION: "[requisition, requisition_line]",
    Kind.ENCOUNTER: "account",
    Kind.MERGE: "[account, merged_account, occurred_at]",
    Kind.CASE: "case_id",
}
"""What usually makes two of a kind the same one."""


@dataclass(slots=True)
class Draft:
    """A channel being compiled. `tables`: those of the translations so far, None where one is not known."""

    source: Source[ChannelFile]
    reader: ReadMap
    private: frozenset[str]
    tables: dict[str, TableSpec | None] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def scope(self, *, rows: bool = True) -> Scope:
        """The names that may be used now."""
        tables = self.tables if rows else {}
        return Scope(
            kind=self.reader.kind,
            reader=self.reader.name,
            fields=frozenset(self.reader.fields),
            private=self.private,
            rows={
                name: frozenset({*spec.keys, *spec.columns}) if spec else None
                for name, spec in tables.items()
            },
            flags=frozenset(self._flags()),
        )

    def _flags(self) -> Iterator[str]:
        for name, field_spec in self.reader.fields.items():
            if field_spec.type is FieldType.FLAG:
                yield name
        for name, spec in self.tables.items():
            for column, kind in spec.columns.items() if spec else ():
                if kind is ColumnType.FLAG:
                    yield f"{name}.{column}"

    def expression(self, path: Path, text: str, scope: Scope) -> Expression | None:
        """The expression at `path`, its names known; else None with its faults."""
        expression = expression_at(self.source, path, text, self.faults)
        if expression is not None:
            unknown = unknown_names(self.source, path, expression, scope)
            self.faults += unknown
        return expression

    def fault(self, path: Path, code: str, what: str, mend: str, *, key: bool = False) -> None:
        self.faults.append(self.source.fault(path, code, what, mend, key=key))


def compile_channel(
    source: Source[ChannelFile], sources: Sources, maps: Maps, files: Mapping[str, bytes]
) -> tuple[Channel | None, list[Fault]]:
    """The channel, None when something is at fault, and all faults."""
    model = source.model
    faults = [*_unknown_feeds(source, sources), *_unknown_read(source, sources)]
    reader = maps.reads.get(model.read)
    if reader is None:
        return None, faults
    draft = Draft(source, reader, maps.private[model.read], faults=faults)
    _check_kind(draft)
    naks, profile = _naks(draft), _profile(draft, files)
    faults += _other_feeds(source, sources, reader)
    keeps = compile_keeps(source, draft.scope(rows=False), sources, maps, faults)
    skips = _skips(draft)
    same_line = _same_line(draft)
    translations = _translations(draft, sources, maps)
    effects = compile_effects(source, draft.scope(), translations, sources, maps, draft.faults)
    for name in model.expect:
        if name not in model.deliver:
            mend = did_you_mean(name, model.deliver)
            draft.fault(("expect", name), "SIT025", f"there is no effect '{name}'", mend, key=True)
    if any(fault.severity == "error" for fault in draft.faults):
        return None, draft.faults
    channel = Channel(
        name=model.channel,
        feeds=frozenset(model.from_),
        reader=reader,
        where=source.where("channel", key=True).rsplit(":", 1)[0],
        skips=skips,
        same_line=same_line,
        credit_finds=tuple(tuple(names) for names in model.credit_finds),
        no_original=model.no_original,
        on_refused=model.on_refused,
        lane=model.lane,
        translations=translations,
        effects=effects,
        expect=dict(model.expect),
        after_discharge=_after_discharge(draft),
        naks=naks,
        profile=profile,
        account_from=model.account_from,
        keeps=keeps,
    )
    return channel, draft.faults


def _after_discharge(draft: Draft) -> AfterDischarge | None:
    model = draft.source.model.after_discharge
    if model is None:
        return None
    path = ("after_discharge", "when")
    scope = replace(draft.scope(rows=False), fields=frozenset(), others=frozenset({"encounter"}))
    when = None if model.when is None else draft.expression(path, model.when, scope)
    if when is not None:
        draft.faults += condition_faults(draft.source, path, when, scope)
    return AfterDischarge(model.within, when)


def _unknown_feeds(source: Source[ChannelFile], sources: Sources) -> Iterable[Fault]:
    if sources.site is None:
        return
    known = sources.site.model.listeners
    for place, feed in enumerate(source.model.from_):
        if feed not in known:
            yield source.fault(
                ("from", place), "SIT020", f"there is no listener '{feed}'", did_you_mean(feed, known)
            )


def _other_feeds(source: Source[ChannelFile], sources: Sources, reader: ReadMap) -> Iterable[Fault]:
    """Listeners that carry FHIR where HL7 is read, or the other way round."""
    known = sources.site.model.listeners if sources.site else {}
    reads_fhir = isinstance(reader, FhirReadMap)
    for place, feed in enumerate(source.model.from_):
        if feed in known and (known[feed].kind == "fhir") is not reads_fhir:
            what = f"listener '{feed}' carries {'HL7 v2' if reads_fhir else 'FHIR'}, {reader.name} reads the other"
            mend = f"name a listener of kind {'fhir' if reads_fhir else 'mllp or hl7-http'}"
            yield source.fault(("from", place), "SIT090", what, mend)


def _unknown_read(source: Source[ChannelFile], sources: Sources) -> Iterable[Fault]:
    name = source.model.read
    if name not in sources.reads.names:
        mend = did_you_mean(name, sources.reads.names)
        yield source.fault(("read",), "SIT021", f"there is no read map '{name}'", mend)


def _check_kind(draft: Draft) -> None:
    """Usage, charges and requisitions are delivered; encounters and merges are remembered, and may be delivered as
    well. What is delivered is told apart."""
    model, kind = draft.source.model, draft.reader.kind
    if model.account_from is not None and "case_id" not in draft.reader.fields:
        mend = f"add case_id to fields of mappings/{draft.reader.name}.yaml"
        draft.fault(("account_from",), "SIT026", "'case_id' is not read: no line names its case", mend)
    if kind is Kind.CASE and model.deliver:
        what, mend = "a case that is scheduled is remembered, and not delivered", "leave `deliver` out"
        draft.fault(("deliver",), "SIT034", what, mend, key=True)
        return
    if kind is Kind.MASTER:
        return  # it keeps tables: `keeping` looks at it
    if kind not in _POSTING and not model.deliver:
        return
    if not model.deliver:
        what, mend = f"{kind} is read but nothing is delivered", "say `deliver`, or skip with a reason"
        draft.faults.append(draft.source.warning(("channel",), "SIT042", what, mend))
    elif model.same_line is None:
        what = "the channel delivers, but does not say what makes a line the same line twice"
        draft.fault(("channel",), "SIT041", what, f"add it: same_line: {{by: {_SAME[kind]}}}")
    elif kind is Kind.ENCOUNTER and model.same_line.by != ["account"]:
        what = "a stay is told by its account, whatever else its messages say"
        draft.fault(("same_line", "by"), "SIT038", what, "write same_line: {by: account}")
    if "lane" in model.model_fields_set and model.lane not in draft.reader.fields:
        mend = f"add {model.lane} to fields of mappings/{draft.reader.name}.yaml"
        draft.fault(("lane",), "SIT026", f"'{model.lane}' is not read", mend)


def _naks(draft: Draft) -> tuple[Nak, ...]:
    naks = []
    for place, nak in enumerate(draft.source.model.nak):
        path, scope = ("nak", place, "when"), replace(draft.scope(rows=False), others=DOOR_NAMES)
        when = draft.expression(path, nak.when, scope)
        known = when is not None and not any(scope.unknown(name) for name in when.names)
        where = _place_of_nak(draft, place, when if known else None)
        if when is not None and where is not None:
            draft.faults += condition_faults(draft.source, path, when, scope)
            naks.append(Nak(when, nak.code, where, nak.because, "lines" in when.roots))
    return tuple(naks)


def _place_of_nak(draft: Draft, place: int, when: Expression | None) -> HL7Path | None:
    """As it is said, else where the first field of the condition is read."""
    said = draft.source.model.nak[place].where
    if said is not None:
        try:
            return compile_path(said)
        except PathError as error:
            where = draft.source.document.within(("nak", place, "where"), error.column - 1)
            draft.faults.append(Fault(where, "SIT014", f"'where' is no place: {error.what}", "write PID-18"))
            return None
    if when is None:
        return None
    for name in sorted(when.names, key=lambda name: offset_of(when, name)):
        field_name = name.removeprefix("lines.")
        for source in draft.reader.sources:
            if field_name in source.names and source.paths:
                return source.paths[0].path
    what = "the condition names no field with a place of its own"
    draft.fault(("nak", place), "SIT039", what, "say which place ERR names: where: PID-18")
    return None


def _profile(draft: Draft, files: Mapping[str, bytes]) -> Profile | None:
    name = draft.source.model.profile
    if name is None:
        return None
    full = beside_channels(name)
    if full not in files or not full.startswith(CHANNELS):
        near = [file.removeprefix(CHANNELS) for file in files if file.endswith(".xml")]
        close = did_you_mean(name, near)
        mend = close if close.startswith("did") else "save it in a folder beside the channel"
        draft.fault(("profile",), "SIT005", f"there is no file {full}", mend)
        return None
    try:
        return Profile.parse(files[full])
    except ProfileError as error:
        mend = "export it as an HL7 v2 conformance profile (HL7v2xConformanceProfile)"
        draft.fault(("profile",), "SIT061", f"the file is no conformance profile: {error}", mend)
        return None


def _skips(draft: Draft) -> tuple[Skip, ...]:
    skips = []
    for place, skip in enumerate(draft.source.model.skip):
        path, scope = ("skip", place, "when"), draft.scope(rows=False)
        when = draft.expression(path, skip.when, scope)
        if when is not None:
            draft.faults += condition_faults(draft.source, path, when, scope)
            skips.append(Skip(when, skip.because))
    return tuple(skips)


def _same_line(draft: Draft) -> SameLine:
    model = draft.source.model
    for place, finds in enumerate(model.credit_finds):
        _check_fields(draft, ("credit_finds", place), finds)
    same = model.same_line
    if same is None:
        return SameLine((), (), "hold", "hold")
    _check_fields(draft, ("same_line", "by"), same.by)
    _check_fields(draft, ("same_line", "otherwise"), same.otherwise or ())
    return SameLine(tuple(same.by), tuple(same.otherwise or ()), same.changed, same.alike)


def _check_fields(draft: Draft, path: Path, names: Iterable[str]) -> None:
    """Keys are made of fields, by their plain names."""
    scope = draft.scope(rows=False)
    for place, name in enumerate(names):
        if name in draft.reader.fields:
            continue
        here = (*path, place)
        if name in CANONICAL[draft.reader.kind]:
            code, what, mend = scope.unknown(name) or ("SIT026", f"'{name}' is not read", "")
        else:
            code, what, mend = (
                "SIT026",
                f"there is no field '{name}'",
                did_you_mean(name, draft.reader.fields),
            )
        draft.fault(here, code, what, mend)


def _translations(draft: Draft, sources: Sources, maps: Maps) -> tuple[Translation, ...]:
    """The look-ups, in order: each may use those before it."""
    found = []
    for name in draft.source.model.translate:
        translation = _translation(draft, name, sources, maps)
        draft.tables[name] = maps.specs.get(draft.source.model.translate[name].table)
        if translation is not None:
            found.append(translation)
    return tuple(found)


def _translation(draft: Draft, name: str, sources: Sources, maps: Maps) -> Translation | None:
    path, model = ("translate", name), draft.source.model.translate[name]
    if name in CANONICAL[draft.reader.kind] or name in draft.reader.fields or name in RESERVED:
        what = f"'{name}' is already the name of a field or of what every document has"
        draft.fault(path, "SIT029", what, "call the look-up otherwise", key=True)
    by = _by(draft, (*path, "by"), model.by)
    spec = maps.specs.get(model.table)
    if spec is None:
        if model.table not in sources.tables.names:
            mend = did_you_mean(model.table, sources.tables.names)
            draft.fault((*path, "table"), "SIT023", f"there is no table '{model.table}'", mend)
        return None
    if len(by) != len(spec.keys):
        draft.faults.append(keys_fault(draft.source, (*path, "by"), spec))
    if model.missing == "default" and spec.default is None:
        mend = f"give the table a default, or write missing: {spec.missing}"
        draft.fault((*path, "missing"), "SIT049", f"table {spec.name} has no default row", mend)
    table = maps.tables.get(model.table)
    return Translation(
        name=name,
        table=model.table,
        by=by,
        as_of=model.as_of or spec.as_of,
        missing=model.missing or spec.missing,
        default=table.default if table else None,
        owner=model.owner or spec.owner,
        parts=spec.many,
    )


def _by(draft: Draft, path: Path, texts: list[str]) -> tuple[Expression, ...]:
    """Key expressions. What tells of a patient has no place in a code table: causes of holds show its
    keys."""
    scope, by = draft.scope(), []
    for place, text in enumerate(texts):
        expression = draft.expression((*path, place), text, scope)
        if expression is None:
            continue
        by.append(expression)
        mend = "look up by codes, departments, classes and units"
        draft.faults += patient_faults(draft.source, (*path, place), expression, scope, mend)
    return tuple(by)
