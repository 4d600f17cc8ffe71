"""The gate refuses what a rule or a map let through, and says where."""

from __future__ import annotations

import pytest

from engine.deidentify.gate import Why, shape_of


def leaks(found) -> list[tuple[str, Why]]:
    return [(str(leak.place), leak.why) for leak in found.clean()[0].leaks]


@pytest.mark.parametrize("department", ["HOLLOWAY", "holloway wing", "M-77-0012", "A_880019"])
def test_an_identifier_in_the_place_of_a_code(message, dataset, department):
    raw = message("PID|1||M770012||Holloway^Ann|||||||||||||A880019", f"FT1|1||||||C1||||||{department}")
    assert leaks(dataset(raw)) == [("FT1[1]-13.1", Why.REAPPEARS)]


def test_of_any_message_of_the_capture(message, dataset):
    first, second = message("PID|1||M770012"), message("PID|1||M990034", "FT1|1|||||CG|M770012")
    assert [[str(leak.place) for leak in one.leaks] for one in dataset(first, second).clean()] == [
        [],
        ["FT1[1]-7.1"],
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("123-45-6789", Why.SHAPE),
        ("(555)867-5309", Why.SHAPE),
        ("555-867-5309", Why.SHAPE),
        ("a.b@home.org", Why.SHAPE),
        ("https://home.org", Why.SHAPE),
        ("10.20.30.40", Why.SHAPE),
        ("MRN 700123", Why.SHAPE),
        ("19580412", Why.DATE),
        ("1958-04-12", Why.DATE),
        ("4/12/1958", Why.DATE),
        ("CASE-1958-04-12", Why.DATE),
        ("CASE 12/04/1958 B", Why.DATE),
        ("LOT-1958-13-12", None),
        ("she is to come back for it next week", Why.PROSE),
        ("IMP-FEM-07", None),
        ("27810107", None),
        ("00643169001763", None),
        ("OR-NORTH", None),
        ("4200.00", None),
        ("2.16.840.1.113883.4.6", None),
        ("GOOD HEALTH HOSPITAL", None),
    ],
)
def test_shapes_of_what_is_kept(message, dataset, text, why):
    assert shape_of(text, dates=True) is why
    assert leaks(dataset(message(f"FT1|1|||||CG|{text}"))) == ([("FT1[1]-7.1", why)] if why else [])


def test_what_the_site_says_already_is_no_secret(message, dataset):
    raw = message("PID|1||||||||||12 Elm^^NORTH^IL", "FT1|1||||||C1||||||OR^^^NORTH")
    assert leaks(dataset(raw)) == [("MSH[1]-4.1", Why.REAPPEARS), ("FT1[1]-13.4", Why.REAPPEARS)]
    assert leaks(dataset(raw, known=("NORTH",))) == []


def test_a_leak_tells_no_value(message, dataset):
    found = dataset(message("PID|1||M770012", "FT1|1|||||CG|M770012")).clean()
    assert "770012" not in repr(found)
    assert all(why.mend and why.value for why in Why)


@pytest.mark.parametrize(
    "text", ["(01)00380652100014(21)SN44", "010038065210001421SN44", "+A99912345/S77X", "(01)7"]
)
def test_the_barcode_of_one_device_is_no_code(message, dataset, reading, text):
    how = reading({"code": "OBX-5.1"}, each="OBX")
    assert leaks(dataset(message(f"OBX|1|XX|USED||{text}"), how=how)) == [("OBX[1]-5.1", Why.DEVICE)]
    assert leaks(dataset(message("OBX|1|XX|USED||(01)00380652100014(10)L44"), how=how)) == []
    assert leaks(dataset(message(f"PRT|1|UC||EQUIP{'|' * 12}{text}"))) == [("PRT[1]-16.1", Why.DEVICE)]


def test_a_serial_number_of_a_barcode_shows_nowhere_else(message, dataset):
    raw = message("FT1|1|||||CG|SN-4471-9", "PRT|1|UC||EQUIP||||||(01)00380652100014(21)SN-4471-9")
    assert leaks(dataset(raw)) == [("FT1[1]-7.1", Why.REAPPEARS)]
