"""Barcodes told apart by their shape, and written again with another serial number."""

from __future__ import annotations

import contextlib
import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codecs.udi.carrier import UdiError, disguised, looks_scanned, parse, serials, tells_one

ON = date(2026, 11, 20)
GS1 = "(01)00380652100014(17)290131(10)L44(21)S88-7"
SCANNED = "]d2010038065210001417290131" + "10L44\x1d21S88-7"
HIBC = "+A99912345/$$52001510X3/16D20111212/S77DEFG457"
ISBT = "=/A9999XYZ100T0944=,000025=A99971312345600=>014032=}013032&,1000000000000XYZ123"


def other(text: str) -> str:
    """Of the same shape."""
    return text.translate(str.maketrans("0123456789", "9876543210"))


def test_of_isbt_128_the_product_is_read_and_nothing_else():
    found = parse(ISBT, ON)
    assert (found.di, found.issuer, found.lot, found.serial) == ("A9999XYZ100T0944", "iccbba", None, None)
    with pytest.raises(UdiError, match="UDI006"):
        parse("=A99971312345600", ON)


@pytest.mark.parametrize("text", [GS1, SCANNED, HIBC, ISBT, " \x1d" + SCANNED[3:], "]C0" + HIBC, "0100380652100014",
                                  "]d2", "+X", "(01)", "(01)00380652100015", "1729013101003806521000149"])  # fmt: skip
def test_what_has_the_shape_of_a_barcode_right_or_wrong(text):
    assert looks_scanned(text)


@pytest.mark.parametrize(
    "text", ["IMP-FEM-07", "00380652100014", "0100-44", "(left) 7", "1000107", "", "A+B", "=" * 0]
)
def test_what_has_not(text):
    assert not looks_scanned(text)


@pytest.mark.parametrize("text", ["IMP-FEM-07", "", "1234567", "https://id.gs1.org/01/00380652100014"])
def test_what_is_none_is_said_to_be_none(text):
    with pytest.raises(UdiError, match="UDI001"):
        parse(text, ON)


def test_nothing_that_is_shown_has_the_serial_in_it():
    assert "S88" not in repr(parse(GS1, ON))


@pytest.mark.parametrize("text", [GS1, SCANNED, HIBC, f"*{HIBC}*"])
def test_the_same_device_with_another_serial_number(text):
    was, now = parse(text, ON), parse(disguised(text, other), ON)
    assert now.serial == other(was.serial) != was.serial
    assert (now.di, now.lot, now.expiry, now.made) == (was.di, was.lot, was.expiry, was.made)
    assert serials(text) == [was.serial]


def test_whatever_else_might_tell_one_device_from_another_is_replaced_as_well():
    assert (
        disguised("(01)00380652100014(250)A12(99)X7(30)7", other) == "(01)00380652100014(250)A87(99)X2(30)7"
    )
    assert disguised(ISBT, other) == "=/A9999XYZ100T0944" + other(ISBT[18:])


@pytest.mark.parametrize(
    "text", [GS1, SCANNED, HIBC, ISBT, "(01)00380652100015", "+A9991234", "(01)00380652100014(99)X"]
)
def test_what_tells_one_device_from_all_others(text):
    assert tells_one(text)


@pytest.mark.parametrize(
    "text", ["(01)00380652100014(10)L44", "+A123BJC5D6E71G", "00380652100014", "IMP-FEM-07"]
)
def test_what_many_devices_bear(text):
    assert not tells_one(text)


def test_what_cannot_be_read_has_no_disguise():
    assert disguised("(01)00380652100015(21)S88", other) is None
    assert disguised("IMP-FEM-07", other) is None
    assert serials("IMP-FEM-07") == []


@given(
    st.text(string.printable, max_size=60)
    | st.text(max_size=30)
    | st.text("01217()]d+$/=A9\x1d", max_size=50)
)
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(UdiError):
        assert parse(text, ON).di
    looks_scanned(text)
    disguised(text, other)
