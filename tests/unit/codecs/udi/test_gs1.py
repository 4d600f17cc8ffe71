"""GS1: built from parts, read, and the parts again; held against the library where it reads by itself."""

from __future__ import annotations

import string
from datetime import date

import pytest
from biip.gs1_messages import GS1Message
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.udi.carrier import UdiError, parse

ON = date(2026, 11, 20)
NAMES = st.text(string.ascii_letters + string.digits + "-./_!%&", min_size=1, max_size=20)
DAYS = st.dates(date(1978, 1, 1), date(2075, 12, 31))


def gtin(payload: str) -> str:
    """Thirteen digits with their check digit, reckoned here by the book."""
    total = sum(int(one) * (3 if place % 2 == 0 else 1) for place, one in enumerate(payload))
    return payload + str(-total % 10)


GTINS = st.text(string.digits, min_size=13, max_size=13).map(gtin)
CARRIED = st.fixed_dictionaries(
    {"01": GTINS},
    optional={"17": DAYS, "11": DAYS, "10": NAMES, "21": NAMES},
)


def elements(parts: dict[str, object]) -> list[tuple[str, str]]:
    return [
        (ai, part.strftime("%y%m%d") if isinstance(part, date) else str(part)) for ai, part in parts.items()
    ]


def scanned(parts: dict[str, object], *, order: list[str] | None = None) -> str:
    """With FNC1 behind each lot and serial number."""
    told = dict(elements(parts))
    return "".join(f"{ai}{told[ai]}" + ("\x1d" if ai in ("10", "21") else "") for ai in order or told)


def said(text: str, on: date = ON) -> dict[str, object]:
    found = parse(text, on)
    told = {"01": found.di, "17": found.expiry, "11": found.made, "10": found.lot, "21": found.serial}
    assert found.issuer == "gs1"
    return {ai: part for ai, part in told.items() if part is not None}


@given(CARRIED, st.sampled_from(["]C1", "]e0", "]d2", "]Q3", "]J1"]), st.randoms())
def test_what_is_built_from_parts_is_read_as_those_parts(parts, symbology, chance):
    order = list(parts)
    chance.shuffle(order)
    assert said(symbology + scanned(parts, order=order)) == parts
    assert said("".join(f"({ai}){text}" for ai, text in elements(parts))) == parts


@given(CARRIED)
def test_the_library_reads_the_same_where_it_reads_by_itself(parts):
    theirs = GS1Message.parse(scanned(parts))
    told = {one.ai.ai: one.value for one in theirs.element_strings}
    assert told == dict(elements(parts))
    assert theirs.element_strings.get(ai="01").gtin.value == parse(scanned(parts), ON).di


@given(GTINS, st.integers(0, 13), st.sampled_from(string.digits))
def test_each_single_slip_in_a_gtin_is_caught(number, place, digit):
    slipped = number[:place] + digit + number[place + 1 :]
    for text in (f"(01){slipped}(10)L1", f"01{slipped}10L1", slipped):
        if slipped == number:
            assert parse(text, ON).di == number
        else:
            with pytest.raises(UdiError, match="UDI002"):
                parse(text, ON)


@pytest.mark.parametrize(
    ("text", "di"),
    [("00380652100014", "00380652100014"), ("0380652100014", "00380652100014"), ("380652100014", "00380652100014"),
     ("]E00380652100014", "00380652100014"), ("96385074", "00000096385074"), ("10380652100011", "10380652100011")],
)  # fmt: skip
def test_a_gtin_alone_is_as_long_as_the_longest(text, di):
    assert parse(text, ON).di == di


def test_dates_before_the_gtin_are_recognised_without_a_symbology():
    assert said("112601011729013101003806521000141" + "0L9")["11"] == date(2026, 1, 1)


@pytest.mark.parametrize("text", ["01003806521000141729013110L4421S88", "010038065210001421S881729013110L44",
                                  "010038065210001410L441729013121S88", "010038065210001410" + "A" * 25])  # fmt: skip
def test_without_fnc1_nothing_is_guessed(text):
    with pytest.raises(UdiError, match="UDI003"):
        parse(text, ON)


def test_with_fnc1_elsewhere_or_nothing_to_mistake_the_last_one_is_taken_whole():
    assert parse("010038065210001417290131" + "10L44XY", ON).lot == "L44XY"
    assert parse("010038065210001410L44\x1d21A10B7", ON).serial == "A10B7"
    assert parse("01003806521000141021A", ON).lot == "21A"
    assert parse("010038065210001410L4410X", ON).lot == "L4410X"


@pytest.mark.parametrize(
    ("text", "code"),
    [("(01)00380652100014(05)X", "UDI004"), ("010038065210001405X\x1d", "UDI004"), ("(01)0038065210001", "UDI005"),
     ("(01)00380652100014(10)" + "A" * 21, "UDI005"), ("(01)00380652100014(17)291301", "UDI005"),
     ("(01)00380652100014(17)000000", "UDI005"), ("(01)00380652100014(10)A(10)B", "UDI005"),
     ("(01)00380652100014(10)A(B)", "UDI001"), ("]d2(01", "UDI001"), ("(02)00380652100014(37)12", "UDI006"),
     ("]C1003806521000141700", "UDI005"), ("(10)L44", "UDI006"), ("(01)00380652100014(10)Ä", "UDI001")],
)  # fmt: skip
def test_what_is_wrong_has_a_code_and_says_no_value(text, code):
    with pytest.raises(UdiError) as raised:
        parse(text, ON)
    assert raised.value.code == code
    assert "3806521" not in f"{raised.value}{raised.value.mend}"


def test_the_same_said_twice_is_said_once():
    assert parse("(01)00380652100014(10)A(10)A", ON).lot == "A"
    assert parse("(01)00380652100014(17)290131(7003)2901311200", ON).expiry == date(2029, 1, 31)
