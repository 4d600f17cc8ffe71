"""What a read map adds to the rules: codes of local segments are kept, what is private never is."""

from __future__ import annotations

import re
from datetime import date

import pytest

from engine.codecs.udi.carrier import parse
from engine.domain.event import FieldType


def test_a_local_segment_keeps_what_the_map_reads_as_a_code_and_nothing_else(message, reading, clean):
    how = reading(
        {"code": "ZPM-6.1", "description": "ZPM-6.2", "station": "ZPM-3", "serial": "ZPM-21", "used_at": "ZPM-19",
         "expiry": "ZPM-22", "wing": "ZPM-5", "ward": "ZPM-7"},
        "wing",
        each="ZPM",
        extra={"wing": FieldType.TEXT, "ward": FieldType.TEXT},
    )  # fmt: skip
    raw = message(f"ZPM|V||CAB-3W||East|ITEM-1^For Rosalind|West{'|' * 12}20261120090000||SN-4471-9|20290630")
    (said,) = clean(raw, how=how)
    assert (said["ZPM-3"], said["ZPM-6.1"], said["ZPM-7"], said["ZPM-22"]) == (
        "CAB-3W",
        "ITEM-1",
        "West",
        "20290630",
    )
    assert said["ZPM-6.2"] == "TEXT"
    assert said["ZPM-1"] != "V"
    assert said["ZPM-5"] not in ("East", None)
    assert said["ZPM-21"] not in ("SN-4471-9", None)
    assert said["ZPM-19"] != "20261120090000"
    assert said["ZPM-19"][8:] == "090000"


def test_a_rule_leads_where_there_is_one(message, reading, clean):
    (said,) = clean(
        message("PID|1||M77001|||||||||||||||A88001"), how=reading({"code": "PID-3.1", "unit": "PID-18.1"})
    )
    assert said["PID-3"] != "M77001"
    assert said["PID-18"] != "A88001"


def test_what_the_map_calls_private_is_not_kept_by_a_rule(message, reading, clean):
    (said,) = clean(message("FT1|1|||||CG|A88001"), how=reading({"account": "FT1-7.1", "type": "FT1-6"}))
    assert said["FT1-7"] != "A88001"
    assert said["FT1-6"] == "CG"


def test_only_the_occurrence_that_the_map_reads_is_kept(message, reading, clean):
    how = reading({"code": "NTE[2]-3", "lot": "ZID[1]-1[2=LOT].1"})
    (said,) = clean(message("ZID|L1^LOT~J. Doe^WHO", "NTE|1||Rosalind", "NTE|2||CODE-7"), how=how)
    assert said["NTE[1]-3"] == "TEXT"
    assert said["NTE[2]-3"] == "CODE-7"
    assert said["ZID-1"] == "L1"
    assert said["ZID-1[2]"] != "J. Doe"
    assert said["ZID-1.2"] == "LOT"
    assert said["ZID-1[2].2"] != "WHO"


def test_each_line_of_a_message_is_read(message, reading, clean):
    how = reading({"code": "ZIT-1"}, each="FT1")
    (said,) = clean(message("FT1|1", "ZIT|AA-1|x9", "FT1|2", "ZIT|BB-2|y9"), how=how)
    assert (said["ZIT[1]-1"], said["ZIT[2]-1"]) == ("AA-1", "BB-2")
    assert said["ZIT[2]-2"] != "y9"


def test_stray_text_is_dropped_even_where_the_map_reads_a_code(message, reading, clean):
    how = reading({"lot": "ZLT-2", "unit": "ZLT-3"})
    (said,) = clean(message("ZLT|1|LOT7\nHolloway called|Ann"), how=how)
    assert (said["ZLT-2"], said["ZLT-3"]) == ("TEXT", "TEXT")


GS1 = "(01)00380652100014(17)290131(10)L4407(21)SN-4471-9"
SCANNED = "]d2010038065210001417290131" + "10L4407\\X1D\\21SN-4471-9"
HIBC = "+A999STM120/$$3290131L4407/SSN-4471-9X"


@pytest.mark.parametrize("text", [GS1, SCANNED, HIBC])
def test_a_barcode_stays_one_with_another_serial_number(message, reading, clean, text):
    fields = {
        "udi": "scanned(OBX-5.1)",
        "code": "udi_di, else OBX-5.1",
        "serial": "OBX-5.3",
        "lot": "OBX-5.2",
    }
    raw = message(
        f"OBX|1|XX|USED||{text}^L4407^SN-4471-9||||||F", "OBX|2|XX|USED||IMP-FEM-07^L4407^SN-4471-9"
    )
    (said,) = clean(raw, how=reading(fields, "udi", "udi_serial", each="OBX"))
    found = parse(said["OBX[1]-5.1"], date(2026, 11, 20))
    assert (found.lot, found.expiry) == ("L4407", date(2029, 1, 31))
    assert found.di in ("00380652100014", "A999STM120")
    assert found.serial == said["OBX[1]-5.3"] == said["OBX[2]-5.3"] != "SN-4471-9"
    assert said["OBX[2]-5.1"] == "IMP-FEM-07"


def test_a_barcode_that_cannot_be_read_is_replaced_whole(message, reading, clean):
    fields = {"udi": "scanned(OBX-5.1)", "code": "udi_di, else OBX-5.1"}
    wrong = GS1.replace("00380652100014", "00380652100015")
    (said,) = clean(message(f"OBX|1|XX|USED||{wrong}"), how=reading(fields, "udi", each="OBX"))
    assert not {"380652100015", "L4407", "4471"} & set(re.split(r"[^A-Z0-9]", said["OBX-5.1"]))
