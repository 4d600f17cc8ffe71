"""A channel's `deliver`: effects with their conditions, money and write maps. Faults say where, all at
once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from engine.domain.posting import Measure
from engine.errors import Fault
from engine.mapping.expression import Expression
from engine.mapping.translation import Translation
from engine.mapping.writer import Leaf, WriteMap
from engine.site.forms import form_faults, part_of, wanted_parts
from engine.site.hints import did_you_mean
from engine.site.maps import Maps
from engine.site.names import DOCUMENT_NAMES, MESSAGE_NAMES, ORIGINAL, Privacy, Scope
from engine.site.placing import condition_faults, expression_at, patient_faults, place_of, unknown_names
from engine.site.release import EffectRule, Owned
from engine.site.schema.channel import ChannelFile, DeliverFile, OwnedFile
from engine.site.schema.destination import FarEndFile, HttpFile, TrytonFile
from engine.site.sources import Source, Sources
from engine.site.yaml import Path

COMPUTED = frozenset(
    {
        "number",
        "quantity",
        "amount",
        "original",
        "reference",
        "posting_date",
        "received_at",
        "feed",
        "channel",
    }
)
"""Names that every document gets anew: they say nothing of how a line was translated. Quantity and money stand with
the effect itself."""

MEASURES = {"far end": Measure.FAR_END, "stated": Measure.STATED, "quantity only": Measure.QUANTITY_ONLY}
"""Words of `money`; anything else is an expression that prices the effect here."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every effect of a channel is compiled with."""

    source: Source[ChannelFile]
    scope: Scope
    by_name: dict[str, Translation]
    sources: Sources
    maps: Maps
    faults: list[Fault]

    def fault(self, path: Path, code: str, what: str, mend: str) -> None:
        self.faults.append(self.source.fault(path, code, what, mend))

    def warn(self, path: Path, code: str, what: str, mend: str, *, key: bool = False) -> None:
        self.faults.append(self.source.warning(path, code, what, mend, key=key))

    def expression(self, path: Path, text: str | None) -> Expression | None:
        if text is None:
            return None
        expression = expression_at(self.source, path, text, self.faults)
        if expression is not None:
            self.faults.extend(unknown_names(self.source, path, expression, self.scope))
        return expression


def compile_effects(
    source: Source[ChannelFile],
    scope: Scope,
    translations: Sequence[Translation],
    sources: Sources,
    maps: Maps,
    faults: list[Fault],
) -> tuple[EffectRule, ...]:
    """The effects of a channel, in order. Those at fault are left out and told in `faults`, and those that say a value
    which the ERP posts itself."""
    desk = _Desk(
        source, scope, {translation.name: translation for translation in translations}, sources, maps, faults
    )
    rules = [(_effect(desk, name, model), model) for name, model in source.model.deliver.items()]
    return tuple(rule for rule, model in rules if rule is not None and not _posted_there(desk, model))


def _effect(desk: _Desk, name: str, model: DeliverFile) -> EffectRule | None:
    path = ("deliver", name)
    when = desk.expression((*path, "when"), model.when)
    if when is not None:
        desk.faults.extend(condition_faults(desk.source, (*path, "when"), when, desk.scope))
    owned = _owned(desk, (*path, "owned"), model.owned) if model.owned else None
    quantity = desk.expression((*path, "quantity"), model.quantity)
    destination = _destination(desk, path, model)
    _check_value_of(desk, path, name, model)
    measure, price = _money(desk, path, model, destination)
    write = _write_map(desk, (*path, "map"), model.map, model, destination)
    undo = _write_map(desk, (*path, "undo"), model.undo, model, destination, ORIGINAL)
    if model.undo is None and "credit" in desk.scope.fields:
        mend = f"add undo: with a write map that takes '{name}' back"
        desk.warn(path, "SIT040", "credits come in, but nothing undoes this effect", mend, key=True)
    if write is None:
        return None
    own = (*(leaf.expression for leaf in write.leaves), when, quantity, price, owned.when if owned else None)
    needs = _needs(desk, [expression for expression in own if expression is not None])
    return EffectRule(
        name=name,
        destination=model.to,
        when=when,
        write=write,
        undo=undo,
        per=model.per,
        holds_document=model.bad_line == "holds document",
        measure=measure,
        price=price,
        quantity=quantity,
        needs=needs,
        owner=model.owner or desk.source.model.owner,
        head=_head(desk.scope, write.leaves) if model.per == "message" else (),
        says=tuple(sorted(name for name in _said(write) if _root(name) not in COMPUTED)),
        keeps=tuple(sorted(_kept_roots(write, undo))),
        explodes=_explodes(desk, path, needs, measure),
        as_sent=destination is not None and destination.after_merge == "as sent",
        owned=owned,
    )


def _owned(desk: _Desk, path: Path, model: OwnedFile) -> Owned | None:
    when = desk.expression((*path, "when"), model.when)
    if when is None:
        return None
    desk.faults.extend(condition_faults(desk.source, (*path, "when"), when, desk.scope))
    by = [(text, desk.expression((*path, "by", place), text)) for place, text in enumerate(model.by)]
    same = [desk.expression((*path, "same", place), text) for place, text in enumerate(model.same)]
    for place, (_, expression) in enumerate(by):
        if expression is not None:
            mend = "compare by codes, departments, items and days"
            desk.faults.extend(
                patient_faults(desk.source, (*path, "by", place), expression, desk.scope, mend)
            )
    return Owned(
        when,
        tuple((text, expression) for text, expression in by if expression is not None),
        tuple(expression for expression in same if expression is not None),
    )


def _explodes(desk: _Desk, path: Path, needs: frozenset[str], measure: Measure) -> str | None:
    """The look-up that gives the effect its parts. One at most; and what the message states is of the whole line."""
    several = [name for name in desk.by_name if name in needs and desk.by_name[name].parts]
    if len(several) > 1:
        what, mend = (
            f"'{several[0]}' and '{several[1]}' both give several rows",
            "let each effect use one of them",
        )
        desk.faults.append(desk.source.fault(path, "SIT032", what, mend, key=True))
    if several and measure is Measure.STATED:
        what = f"'{several[0]}' gives several rows, and each would state the money of the whole line"
        mend = "price them: money: quantity * price.price, or money: quantity only"
        desk.fault((*path, "money"), "SIT033", what, mend)
    return several[0] if several else None


def _said(write: WriteMap) -> set[str]:
    return {name.removeprefix("lines.") for leaf in write.leaves for name in leaf.expression.names}


def _root(name: str) -> str:
    return name.partition(".")[0]


def _kept_roots(write: WriteMap, undo: WriteMap | None) -> frozenset[str]:
    """First names that the documents of an effect use, and that only its own step can tell."""
    undone = undo.roots | undo.line_roots if undo else frozenset()
    return (write.roots | write.line_roots | undone) - COMPUTED - {"lines"}


def _destination(desk: _Desk, path: Path, model: DeliverFile) -> FarEndFile | None:
    if desk.sources.site is None:
        return None
    known = desk.sources.site.model.destinations
    if model.to not in known:
        what = f"there is no destination '{model.to}'"
        desk.fault((*path, "to"), "SIT024", what, did_you_mean(model.to, known))
    return known.get(model.to)


def _check_value_of(desk: _Desk, path: Path, name: str, model: DeliverFile) -> None:
    others = desk.source.model.deliver.keys() - {name}
    if model.value_of is not None and model.value_of not in others:
        what, mend = (
            f"no other effect here is called '{model.value_of}'",
            did_you_mean(model.value_of, others),
        )
        desk.fault((*path, "value_of"), "SIT025", what, mend)


def _posted_there(desk: _Desk, model: DeliverFile) -> bool:
    """Whether it says the value of an effect whose ERP posts the value of its stock itself: ours would be a second."""
    if desk.sources.site is None or model.value_of is None:
        return False
    valued = desk.source.model.deliver.get(model.value_of)
    end = desk.sources.site.model.destinations.get(valued.to) if valued else None
    return isinstance(end, TrytonFile) and end.values_stock


def _money(
    desk: _Desk, path: Path, model: DeliverFile, destination: FarEndFile | None
) -> tuple[Measure, Expression | None]:
    """Where the effect's money is said, and its price when that is here."""
    here = (*path, "money")
    measure = MEASURES.get(model.money)
    if measure is None:
        close = get_close_matches(model.money.replace("_", " "), MEASURES, 1, 0.8)
        if close:
            mend = f"did you mean '{close[0]}'?"
            desk.fault(here, "SIT013", "'money' is neither of its words nor an expression", mend)
            return Measure.PRICED_HERE, None
        return Measure.PRICED_HERE, desk.expression(here, model.money)
    if measure is Measure.FAR_END and destination is not None and not _says_amounts(destination):
        mend = f"say amount: for destination {model.to} in config/suture.yaml, or price it here"
        desk.warn(here, "SIT047", f"'{model.to}' never says what a document is worth", mend)
    if measure is Measure.STATED and not {"amount", "unit_amount"} & desk.scope.fields:
        mend = f"add amount to fields of mappings/{desk.scope.reader}.yaml, or price it otherwise"
        desk.fault(here, "SIT026", "no stated money is read", mend)
    return measure, None


def _says_amounts(destination: FarEndFile) -> bool:
    return isinstance(destination, TrytonFile) or (
        isinstance(destination, HttpFile) and destination.amount is not None
    )


def _write_map(
    desk: _Desk,
    path: Path,
    name: str | None,
    model: DeliverFile,
    destination: FarEndFile | None,
    *more: str,
) -> WriteMap | None:
    """A write map with every name provided and no more of the patient than the destination allows."""
    if name is None:
        return None
    if name not in desk.sources.writes.names:
        mend = did_you_mean(name, desk.sources.writes.names)
        desk.fault(path, "SIT022", f"there is no write map '{name}'", mend)
    write = desk.maps.writes.get(name)
    if write is None:
        return None
    scope = replace(desk.scope, others=MESSAGE_NAMES | DOCUMENT_NAMES | {*more})
    if destination is not None:
        desk.faults.extend(form_faults(desk.sources.writes.sources[name], destination, model.to))
    for leaf in write.leaves:
        _check_leaf(desk, name, leaf, scope)
        if destination is not None:
            _check_privacy(desk, name, leaf, model.to, destination)
    return write


def _check_leaf(desk: _Desk, name: str, leaf: Leaf, scope: Scope) -> None:
    """Names that nothing provides. A canonical field that this feed does not send is no fault where the key
    may be left out or something stands in for it: write maps are shared by feeds."""
    source = desk.sources.writes.sources[name]
    optional = any(isinstance(part, str) and part.endswith("?") for part in leaf.node)
    alone = leaf.expression.names == {leaf.expression.text.strip()}
    for unknown in sorted(leaf.expression.names):
        told = scope.unknown_in(leaf.expression, unknown)
        if told is None or (scope.merely_unread(unknown) and (optional or not alone)):
            continue
        code, what, mend = told
        what += f" in channel {desk.source.name}"
        desk.faults.append(Fault(place_of(source, leaf.node, leaf.expression, unknown), code, what, mend))


def _check_privacy(desk: _Desk, name: str, leaf: Leaf, to: str, destination: FarEndFile) -> None:
    allowed = Privacy[destination.patient_data.upper()]
    source = desk.sources.writes.sources[name]
    parts = wanted_parts(source.model, destination)
    for used in sorted(leaf.expression.names):
        needed = desk.scope.privacy(used)
        if needed > allowed:
            where = place_of(source, leaf.node, leaf.expression, used)
            mend = f"take it out, or say patient_data: {needed.word} for {to} in config/suture.yaml"
            desk.faults.append(Fault(where, "SIT031", f"'{used}' tells '{to}' of a patient", mend))
        elif needed > Privacy.REFUSED and parts is not None and part_of(leaf.node) not in parts:
            where = source.where(*leaf.node, key=True)
            what = f"'{used}' tells '{to}' of a patient, which does not ask for it"
            mend = f"take it out, or add {part_of(leaf.node)} to what {to} takes in config/suture.yaml"
            desk.faults.append(Fault(where, "SIT075", what, mend, "warning"))


def _needs(desk: _Desk, expressions: list[Expression]) -> frozenset[str]:
    """Translations that the expressions use, with those that their look-ups use."""
    needs: set[str] = set()
    waiting = {root for expression in expressions for root in _roots(expression)}
    while waiting:
        name = waiting.pop()
        if name in desk.by_name and name not in needs:
            needs.add(name)
            waiting.update(root for by in desk.by_name[name].by for root in by.roots)
    return frozenset(needs)


def _roots(expression: Expression) -> set[str]:
    """First names, also those after `lines.`."""
    return {name.removeprefix("lines.").partition(".")[0] for name in expression.names}


def _head(scope: Scope, leaves: Sequence[Leaf]) -> tuple[Expression, ...]:
    """What the document says outside its lines, of fields and translations."""
    own = scope.fields | scope.rows.keys()
    outer = [leaf.expression for leaf in leaves if not leaf.in_lines]
    return tuple({one.text: one for one in outer if one.roots & own}.values())
