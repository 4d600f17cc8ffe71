"""What belongs to one repetition."""

from __future__ import annotations

from engine.codecs.hl7v2.group import Each, groups
from engine.codecs.hl7v2.lexer import Message

HEAD = "MSH|^~\\&|EHR|NORTH|||20261120||DFT^P03|1|P|2.5\rPID|1\rPV1|1\r"


def parse(body: str, trigger: str = "P03") -> Message:
    return Message.parse((HEAD.replace("P03", trigger) + body).encode())


def own(message: Message, anchor: str = "FT1", within: str | None = None) -> list[list[str]]:
    return [
        [segment.text for found in group.own.values() for segment in found]
        for group in groups(message, Each(anchor, within, strict=True))
    ]


def shared(message: Message, anchor: str = "FT1", within: str | None = None) -> list[str]:
    return sorted(groups(message, Each(anchor, within, strict=True))[0].shared)


def test_a_group_is_an_anchor_and_what_follows_it() -> None:
    message = parse("FT1|1\rZPM|a\rNTE|x\rFT1|2\rFT1|3\rNTE|y\rNTE|z")
    assert own(message) == [["FT1|1", "ZPM|a", "NTE|x"], ["FT1|2"], ["FT1|3", "NTE|y", "NTE|z"]]
    assert [group.number for group in groups(message, Each("FT1"))] == [1, 2, 3]
    assert shared(message) == ["MSH", "PID", "PV1"]


def test_no_anchor_no_groups() -> None:
    assert groups(parse("ZPM|1"), Each("FT1")) == []


def test_an_id_that_occurs_in_a_group_is_never_the_messages() -> None:
    message = parse("NTE|about the patient\rFT1|1\rFT1|2\rNTE|about the line")
    first, second = groups(message, Each("FT1"))
    assert first.find("NTE") is None
    assert [segment.text for segment in second.find("NTE") or ()] == ["NTE|about the line"]


def test_the_accounts_segments_behind_the_last_charge_are_the_messages() -> None:
    message = parse("FT1|1\rPR1|1\rFT1|2\rPR1|2\rDG1|1\rGT1|1\rIN1|1\rZIN|1")
    assert own(message) == [["FT1|1", "PR1|1"], ["FT1|2", "PR1|2"]]
    assert shared(message) == ["DG1", "GT1", "IN1", "MSH", "PID", "PV1", "ZIN"]


def test_in_p11_they_belong_to_their_charge() -> None:
    message = parse("FT1|1\rFT1|2\rIN1|1", trigger="P11")
    assert own(message) == [["FT1|1"], ["FT1|2", "IN1|1"]]


def test_where_an_earlier_charge_has_one_they_belong_to_their_charges() -> None:
    message = parse("FT1|1\rDG1|1\rFT1|2\rDG1|2\rIN1|2")
    assert own(message) == [["FT1|1", "DG1|1"], ["FT1|2", "DG1|2", "IN1|2"]]


def test_orders_keep_their_diagnoses() -> None:
    message = parse("ORC|1\rRQD|1\rDG1|1\rORC|2\rRQD|2\rDG1|2")
    assert own(message, "ORC") == [["ORC|1", "RQD|1", "DG1|1"], ["ORC|2", "RQD|2", "DG1|2"]]


def test_the_last_order_keeps_the_only_diagnosis() -> None:
    message = parse("ORC|1\rORC|2\rDG1|2")
    assert own(message, "ORC") == [["ORC|1"], ["ORC|2", "DG1|2"]]


def test_every_segment_is_in_one_group_or_shared() -> None:
    message = parse("FT1|1\rZPM|a\rFT1|2\rIN1|1\rGT1|2")
    found = groups(message, Each("FT1"))
    counted = sum(len(s) for group in found for s in group.own.values()) + sum(
        map(len, found[0].shared.values())
    )
    assert counted == len(message)


def test_the_repr_shows_no_content() -> None:
    assert repr(groups(parse("FT1|SECRET\rNTE|x"), Each("FT1"))[0]) == "Group(FT1[1], 2 segments)"


def test_what_repeats_within_another_is_told_with_what_stands_before_it_there() -> None:
    message = parse(
        "MFI|INV\rMFE|MAD|1\rITM|A\rPKG|1|EA\rNTE|x\rPKG|2|BX\rMFE|MAD|2\rITM|B\rMFE|MAD|3\rITM|C\rPKG|1|CS"
    )
    assert own(message, "PKG", "MFE") == [
        ["MFE|MAD|1", "ITM|A", "PKG|1|EA", "NTE|x"],
        ["MFE|MAD|1", "ITM|A", "PKG|2|BX"],
        ["MFE|MAD|3", "ITM|C", "PKG|1|CS"],
    ]
    assert [group.number for group in groups(message, Each("PKG", "MFE", strict=True))] == [1, 2, 3]
    assert shared(message, "PKG", "MFE") == ["MFI", "MSH", "PID", "PV1"]
    assert own(message, "ZPK", "MFE") == own(message, "PKG", "ZFE") == []


def headed(body: str, anchor: str = "RXA") -> list[list[str]]:
    found = groups(parse(body), Each(anchor, "ORC"))
    assert [group.number for group in found] == [*range(1, len(found) + 1)]
    return [[segment.text for one in group.own.values() for segment in one] for group in found]


def test_each_of_several_under_one_head_has_it_with_what_stands_between() -> None:
    assert headed("ORC|1\rTQ1|a\rRXA|1\rRXR|x\rRXA|2\rNTE|y\rORC|2\rRXA|3") == [
        ["ORC|1", "TQ1|a", "RXA|1", "RXR|x"],
        ["ORC|1", "TQ1|a", "RXA|2", "NTE|y"],
        ["ORC|2", "RXA|3"],
    ]


def test_a_head_that_stands_alone_is_a_group_and_one_of_another_order_is_none() -> None:
    assert headed("ORC|CA|1\rNTE|why\rORC|NW|2\rOBR|1\rORC|NW|3\rRXA|1") == [
        ["ORC|CA|1", "NTE|why"],
        ["ORC|NW|3", "RXA|1"],
    ]
    assert headed("ORC|CA|1\rNTE|why\rRXA|1") == [["ORC|CA|1", "NTE|why", "RXA|1"]]


def test_without_a_head_each_stands_for_itself() -> None:
    assert headed("RXA|1\rRXR|x\rRXA|2") == [["RXA|1", "RXR|x"], ["RXA|2"]]
    assert headed("FT1|1") == []


def test_what_stands_before_the_first_head_is_the_messages() -> None:
    (found,) = groups(parse("AL1|1\rORC|1\rRXA|1"), Each("RXA", "ORC"))
    assert [segment.text for segment in found.find("AL1") or ()] == ["AL1|1"]
    assert sorted(found.shared) == ["AL1", "MSH", "PID", "PV1"]


def test_a_segment_under_a_head_is_nobody_elses() -> None:
    first, second = groups(
        parse("NTE|of all\rORC|1\rRXA|1\rORC|2\rRXA|2\rNTE|of the second"), Each("RXA", "ORC")
    )
    assert first.find("NTE") is None
    assert [segment.text for segment in second.find("NTE") or ()] == ["NTE|of the second"]
