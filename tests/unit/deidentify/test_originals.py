"""What was taken out shows again in any form; what is trivially short does not count."""

from __future__ import annotations

import pytest

from engine.deidentify.originals import Originals


@pytest.fixture
def originals() -> Originals:
    found = Originals()
    found.add_name("Holloway-Quist")
    found.add_name("Müller")
    found.add_name("Lee")
    found.add_name("Noël")
    found.add_text("2.16.840.1.113883.4.6")
    found.add("ISO")
    found.add("MRN7001234")
    found.add("123-45-6789")
    found.add("70412")
    found.add("AC-9")
    found.add_text("call (555) 867-5309 or me@home.org, case 8812345, about the knee")
    found.add_text("Vandergrift")
    found.add_day("19580412")
    found.add_person(["Doe", "Ann", "Q"])
    return found


@pytest.mark.parametrize(
    "text",
    ["holloway", "Mrs. QUIST", "xHOLLOWAYQUISTx", "MULLER", "müller", "LEE", "van lee", "Noel Smith", "mrn-700-1234",
     "x7001234", "123456789", "123.45.6789", "70412", "bed 70412", "ac9", "5558675309", "me@home.org", "8812345",
     "19580412101500", "CASE-12-04-1958", "04/12/1958 left", "Mueller", "MUELLER-01", "DOEANN", "xAnnDoe7"],
)  # fmt: skip
def test_it_shows(originals, text):
    assert originals.shown_by(text)


@pytest.mark.parametrize(
    "text",
    [
        "SLEEVE",
        "QDOE",
        "11121958",
        "FLEET",
        "knee",
        "call",
        "170412",
        "AC",
        "OR-NORTH",
        "4200.00",
        "20261120",
        "ISO",
        "2.16.840.1.113883.4.6",
    ],
)
def test_it_does_not_show(originals, text):
    assert not originals.shown_by(text)


def test_a_word_that_nobody_knows_the_meaning_of_counts_where_a_map_keeps_a_value(originals):
    assert originals.shown_by("VANDERGRIFT", weak=True)
    assert not originals.shown_by("VANDERGRIFT")


def test_its_repr_shows_nothing(originals):
    assert "7001234" not in repr(originals)
    assert "holloway" not in repr(originals).casefold()
