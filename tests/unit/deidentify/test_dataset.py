"""Messages of one capture: who is one person stays one, everything else is as it was, and nobody can be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.deidentify.shifting import moved


def test_equal_values_stay_equal_in_all_messages(message, clean):
    charge = message("PID|1||M77001^^^NORTH^MR|||||||||||||||A88001", "FT1|1|T99001||20261120||CG|C1")
    credit = message(
        "PID|1||M77001^^^NORTH^MR|||||||||||||||A88001", "FT1|1|T99002||20261120||CD|C1" + "|" * 24 + "T99001"
    )
    one, two = clean(charge, credit)
    assert one["PID-3"] == two["PID-3"] != "M77001"
    assert one["PID-18"] == two["PID-18"] != "A88001"
    assert two["FT1-31"] == one["FT1-2"] != two["FT1-2"]
    assert one["PID-3.4"] == "NORTH"
    assert one["PID-3.5"] == "MR"


def test_each_patient_has_dates_of_its_own(message, dataset):
    raw = message(
        "PID|1||M77001", "FT1|1|||20261120", "FT1|2|||20261125", "PID|2||M88002", "FT1|1|||20261120"
    )
    (found,) = dataset(raw).clean()
    one, other = found.moves
    dates = [line.split("|")[4] for line in found.raw.decode().splitlines() if line.startswith("FT1")]
    assert one != other
    assert dates == [moved("20261120", one), moved("20261125", one), moved("20261120", other)]
    assert found.days == one
    assert found.raw.startswith(b"MSH|^~\\&|EHR|NORTH|S|E|" + str(moved("20261120101500", one)).encode())


def test_a_patient_is_known_by_any_number_that_is_shared(message, dataset):
    by_record, by_account = (
        message("PID|1||M77001|||||||||||||||A88001"),
        message("PID|1" + "|" * 17 + "A88001"),
    )
    one, two = dataset(by_record, by_account).clean()
    assert one.days == two.days


def test_structure_nulls_and_kept_values_stay(message, dataset):
    raw = message('PID|1||A770011&x^^^NORTH~""||""|||||||', "FT1|1||||||IMP-1||  |2|8.00&USD")
    (found,) = dataset(raw).clean()
    lines = found.raw.decode().splitlines()
    assert [line.count("|") for line in lines] == [line.count(b"|") for line in raw.split(b"\r")]
    assert lines[1].split("|")[3].endswith('^^^NORTH~""')
    assert lines[1].split("|")[5] == '""'
    assert lines[2].endswith("|IMP-1||  |2|8.00&USD")


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-8-sig"])
def test_it_can_be_read_again_whatever_it_was_sent_in(message, dataset, codec):
    head = "MSH|^~\\&|EHR|NORTH|S|E|20261120101500||DFT^P03|C77001|P|2.5.1||||||UNICODE UTF-8"
    raw = message("PID|1||||Müller", "FT1|1||||||Prothèse", head=head).decode().encode(codec)
    (found,) = dataset(raw).clean()
    assert "Prothèse" in found.raw.decode()
    assert "Müller" not in found.raw.decode()
    assert not found.leaks


def test_other_delimiters_and_escapes(message, dataset):
    raw = message(
        "PID#1##M77001!!!NORTH####",
        "NTE#1##he %F% she",
        "DG1#1###a",
        head="MSH#!*%\\#EHR#NORTH#S#E#20261120##DFT!P03#C77001",
    )
    (found,) = dataset(raw).clean()
    lines = found.raw.decode().splitlines()
    assert lines[0].startswith("MSH#!*%\\#EHR#NORTH#S#E#")
    assert lines[1].endswith("!!!NORTH####")
    assert lines[2] == "NTE#1##TEXT"


def test_a_stand_in_for_what_was_escaped_is_escaped(message, clean):
    (said,) = clean(message("PID|1||A7\\F\\70\\T\\12"))
    value = said["PID-3"]
    assert (value[2], value[5]) == ("|", "&")


def test_stray_text_is_dropped_whatever_field_it_falls_into(message, dataset):
    (found,) = dataset(message("FT1|1|||||CG|C1\nHolloway called|CG|x|2|4.00|5.00|Ann")).clean()
    assert found.raw.decode().splitlines()[-1] == "FT1|1|||||CG|TEXT|TEXT|TEXT|TEXT|TEXT|TEXT|TEXT"


def test_documents_say_what_the_clean_message_says(message, dataset):
    found = dataset(message("PID|1||M77001|||||||||||||||A88001"))
    found.clean()
    assert found.says("A88001/M77001").count("/") == 1
    assert not {"A88001", "M77001"} & set(found.says("A88001/M77001").split("/"))


@given(st.lists(st.text('aZ19 ^~\\&|.-@\n"ü', max_size=30), max_size=5))
def test_anything_passes_or_is_refused(message, dataset, texts):
    names = ("PID", "ZZ1", "NTE", "OBX", "FT1")
    raw = message(*(f"{name}|{text}" for name, text in zip(names, texts, strict=False)))
    for one in dataset(raw).clean():
        assert one.raw.startswith(b"MSH|^~\\&|EHR|NORTH")
