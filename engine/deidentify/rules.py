"""The rule table: which kind each field of each segment is. A field that does not stand here is nobody's: replaced.

Kept is what tables and channels need: codes, quantities, units, departments, lots, triggers, facilities. Source: HL7
v2.3 to v2.8.2, chapters 3, 4, 6, 7, 10 and 17; the 18 identifiers of HIPAA, 45 CFR 164.514(b)(2).
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.deidentify.kinds import KINDS, UNNAMED, Layout

_TABLE = """
MSH  all 3 4 5 6 9 12; keep 11 15 16 17 18 20; date 7; replace 8 10 13 14
EVN  keep 1 4; date 2 3 6; person 5; all 7
PID  keep 1; id 2 3 4 18 21; name 5 6 9; birth 7; address 11 12 23; phone 13 14 40; replace 19 20; date 29 33
PD1  keep 1; person 4; date 13 19
NK1  keep 1; name 2 13 26 30; address 4 32; phone 5 6 31 40 41; date 8 9 16; id 12 33; replace 37
PV1  keep 1 2 4 10 14 18 36 41 51; class 20; location 3 6 11 39 42 43; person 7 8 9 17 52; id 5 19 50 54
PV1  date 25 29 44 45
PV2  location 1; code 3; date 8 9 14 17 26 28 29 33 35 36 46 47; person 13
MRG  id 1 2 3 4 5 6; name 7
GT1  keep 1; id 2 19 29; name 3 4 42 45; address 5 17; phone 6 7 18 46; birth 8; replace 12 25; date 13 14 26
IN1  keep 1; id 2 49; name 6 16; address 5 19 44; phone 7; replace 8 10 36; date 12 13 18 24 26 29; birth 18; person 30
IN2  id 1 61; replace 2 6 7 8 10; name 3 7 40 49 52; phone 58 62 63 64
ACC  date 1
DG1  keep 1; text 4; date 5 19; person 16
PR1  keep 1 2; code 3 16; text 4; date 5; person 8 11 12
AL1  keep 1; text 5; date 6
ROL  code 3; person 4; date 5 6; address 11; phone 12
FT1  keep 1 6 10 18; id 2 3 30 31; date 4 5; code 7 13 17 25 26 29 34 35 36 41 43; text 8 9; all 11 12 22; location 16
FT1  person 20 21 24; order 23
PRT  keep 2 19; shelf 17 18; order 1; device 10; all 16; code 3 4; person 5; location 9; date 11 12
PRT  address 14; phone 15; replace 20 21
ORC  keep 1 5 6; order 2 3 4 8; date 7 9 15 27; person 10 11 12 19; location 13; phone 14 23; code 16 17 29
ORC  address 22 24
OBR  keep 1 5 11 24 25; order 2 3 53; code 4 44 45; date 6 7 8 14 22 27 36; person 10 16 28 32 33 34 35; phone 17
OBR  text 13 39
OBX  keep 1 2 11; code 3 6; date 12 14 19; person 16
NTE  keep 1 2; text 3; person 5; date 6 7 8
RQD  keep 1 5 8; code 2 3 4 6 7; date 10
RQ1  keep 1 3 5 6 7; code 2 4
RXA  keep 1 2 6 15 20; shelf 16; date 3 4 22; code 5 7 8 17; text 9; person 10; location 11
RXD  keep 1 4 18; shelf 19; code 2 5 6 20; date 3; id 7; text 9; person 10; location 13
RXE  keep 3 4 10; code 2 5 6 11; date 1 18; person 13 14; id 15; text 7 21
RXO  keep 2 3 11; code 1 4 5 12; person 14 15; text 6 7
BLG  keep 1 2; id 3
TQ1  keep 1; date 7 8
SCH  order 1 2 4 26 27; code 6 7 8 25; date 11; person 12 16 20; phone 13 17 21; address 14 18 22
RGS  keep 1 2; code 3
AIS  keep 1 2; code 3; date 4
AIG  keep 1 2; code 4 5; date 8
AIL  keep 1 2; location 3; code 4; date 6
AIP  keep 1 2; person 3; code 4; date 6
CSR  order 1 2; id 4 5; date 6 9 11 14; person 8 10
CSP  code 1; date 2 3
CSS  code 1; date 2
MSA  keep 1; replace 2; text 3
TXA  keep 1 2; date 4 6 7 8; person 5 9 10 11 22; order 12 13 14 15; replace 16
"""

_DATED = frozenset({"DT", "DTM", "TS", "DR"})
_COUNTED = frozenset({"NM", "SN", "SI", "TM"})


def _read(table: str) -> dict[tuple[str, int], Layout]:
    found = {}
    for line in table.strip().splitlines():
        segment, rest = line[:3], line[3:]
        for entry in rest.split(";"):
            kind, *fields = entry.split()
            found.update({(segment, int(field)): KINDS[kind] for field in fields})
    return found


_RULES = _read(_TABLE)


def layout_of(segment: str, field: int, fields: Sequence[str]) -> Layout:
    """How the components of a field are treated. `fields`: of its segment, since OBX-2 says what OBX-5 is."""
    if (segment, field) == ("OBX", 5):
        kind = fields[2] if len(fields) > 2 else ""
        if kind in _DATED:
            return KINDS["date"]
        return UNNAMED if kind in _COUNTED else KINDS["text"]
    return _RULES.get((segment, field), UNNAMED)
