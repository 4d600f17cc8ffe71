"""HIBC: every form of the second barcode, built from parts and read again; each single slip is caught."""

from __future__ import annotations

import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.udi.carrier import UdiError, parse

ON = date(2026, 11, 20)
WORTH = string.digits + string.ascii_uppercase + "-. $/+%"
CAPITALS = string.digits + string.ascii_uppercase
DAY = date(2029, 1, 31)
FORMS = {"": "0129", "2": "013129", "3": "290131", "4": "29013118", "5": "29031", "6": "2903118"}
NAMES = st.text(CAPITALS, min_size=1, max_size=18)
PRODUCTS = st.tuples(
    st.sampled_from(string.ascii_uppercase),
    st.text(CAPITALS, min_size=4, max_size=21),
    st.sampled_from("0123456789"),
).map("".join)


def sealed(text: str) -> str:
    """With its check character, reckoned here by the book."""
    return text + WORTH[sum(WORTH.index(one) for one in text) % 43].replace(" ", "_")


def link(product: str) -> str:
    return sealed(f"+{product}")[-1].replace("_", " ")


@pytest.mark.parametrize(
    ("text", "lot", "serial", "expiry", "made"),
    [
        (
            "+A99912345/$$52001510X3/16D20111212/S77DEFG457",
            "10X3",
            "77DEFG45",
            date(2020, 1, 15),
            date(2011, 12, 12),
        ),
        ("+A123BJC5D6E71G", None, None, None, None),
        ("*+A123BJC5D6E71G*", None, None, None, None),
        ("]C0+A123BJC5D6E71G", None, None, None, None),
    ],
)
def test_published_barcodes_are_read(text, lot, serial, expiry, made):
    found = parse(text, ON)
    assert (found.issuer, found.lot, found.serial, found.expiry, found.made) == (
        "hibcc",
        lot,
        serial,
        expiry,
        made,
    )
    assert found.di in ("A99912345", "A123BJC5D6E71")


@given(PRODUCTS, NAMES, st.sampled_from(sorted(FORMS)), st.sampled_from(["", "824", "900024"]))
def test_lot_and_expiry_in_every_form(product, name, flag, count):
    for data in (f"$${count}{flag}{FORMS[flag]}{name}", f"$${count}{flag}{FORMS[flag]}"):
        together = parse(sealed(f"+{product}/{data}"), ON)
        apart = parse(sealed(f"+{product}") + "," + sealed(f"+{data}{link(product)}"), ON)
        assert together == apart
        assert (together.di, together.expiry, together.serial) == (product, DAY, None)
        assert together.lot == (
            name if data.endswith(name) and len(data) > len(f"$${count}{flag}{FORMS[flag]}") else None
        )


@given(PRODUCTS, NAMES, st.sampled_from(sorted(FORMS)))
def test_serial_and_expiry_in_every_form(product, name, flag):
    found = parse(sealed(f"+{product}/$$+{flag}{FORMS[flag]}{name}"), ON)
    assert (found.di, found.serial, found.lot, found.expiry) == (product, name, None, DAY)


@given(PRODUCTS, NAMES)
def test_lot_or_serial_without_a_date(product, name):
    for start in ("$", "$$7", "$$8247"):
        assert parse(sealed(f"+{product}/{start}{name}"), ON).lot == name
    for start in ("$+", "$$+7"):
        assert parse(sealed(f"+{product}/{start}{name}"), ON).serial == name
    found = parse(sealed(f"+{product}/29031{name}"), ON)
    assert (found.lot, found.expiry) == (name, DAY)


@given(PRODUCTS, NAMES, NAMES)
def test_what_stands_behind_further_slashes(product, lot, serial):
    found = parse(sealed(f"+{product}/${lot}/S{serial}/14D20290131/16D20260105/Q24"), ON)
    assert (found.lot, found.serial, found.expiry, found.made) == (lot, serial, DAY, date(2026, 1, 5))


@given(PRODUCTS, NAMES, st.data())
def test_each_single_slip_is_caught(product, name, data):
    text = sealed(f"+{product}/$$3290131{name}/S{name}")
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([one for one in WORTH.replace(" ", "_") if one != text[place]]))
    with pytest.raises(UdiError):
        parse(text[:place] + other + text[place + 1 :], ON)


def test_two_barcodes_of_two_products_are_not_one():
    first, other = "A99912345", "A99912355"
    with pytest.raises(UdiError, match="UDI007"):
        parse(sealed(f"+{first}") + "," + sealed(f"+$LOT{link(other)}"), ON)


@pytest.mark.parametrize(
    ("text", "code"),
    [(sealed("+$$3290131LOTG"), "UDI006"), (sealed("+A99912345/X77"), "UDI004"),
     (sealed("+A99912345/$$3291301L"), "UDI005"), ("+a99912345X", "UDI001"),
     (sealed("+A99912345/$$329"), "UDI005"), (sealed("+A999A"), "UDI005"), (sealed("+A99912345/$+"), "UDI005"),
     (sealed("+A99912345/$L/SX/SY"), "UDI005"), (sealed("+A99912345/$" + "L" * 19), "UDI005"),
     ("+", "UDI001"), (sealed("+A99912345/16D2026"), "UDI005"), (sealed("+A99912345/$$+824X"), "UDI005")],
)  # fmt: skip
def test_what_is_wrong_has_a_code_and_says_no_value(text, code):
    with pytest.raises(UdiError) as raised:
        parse(text, ON)
    assert raised.value.code == code
    assert "9991" not in f"{raised.value}{raised.value.mend}"


def test_a_blank_check_character_that_was_cut_off_is_told():
    number = next(n for n in range(1000) if sealed(f"+A999{n:04}0").endswith("_"))
    text = f"+A999{number:04}0"
    assert parse(f"{text}_", ON).di == text[1:]
    with pytest.raises(UdiError, match="UDI002") as raised:
        parse(f"{text} ", ON)
    assert "_" in raised.value.mend
