"""What the demo's hospital uses and what each use must become: a price list of its own. Never reads the site's tables.

It says a second time what the tables and the sandbox's masters say, so that the balance does not check the engine
with the engine's own figures.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

YEAR_END = date(2027, 1, 1)
"""From this posting date on some cost centers and rates are others."""


class Good(NamedTuple):
    """`number`: the ERP's item, or the cost element of time. `taken_by`: ehr | cabinet | consigned | time.

    `pack`: stock units in one unit of the EHR. `cost`: of one stock unit (contract price, or rate by the minute).
    `charge`: billing's code, '' when not billed; `charge_pack` and `price`: its units in one of ours, and of one.
    """

    code: str
    number: str
    taken_by: str
    unit: str
    pack: Decimal
    cost: Decimal
    charge: str
    charge_pack: Decimal
    price: Decimal


class Department(NamedTuple):
    """Where it takes stock from and who pays. `next_center`: from `YEAR_END` on."""

    location: str
    cost_center: str
    next_center: str

    def center(self, posted_on: date) -> str:
        return self.next_center if posted_on >= YEAR_END else self.cost_center


_GOODS = """
IMP-FEM-05     1000105  ehr       EA   1  1640.00 27810105   1   4050.00
IMP-FEM-06     1000106  ehr       EA   1  1640.00 27810106   1   4100.00
IMP-FEM-07     1000107  ehr       EA   1  1680.00 27810107   1   4200.00
IMP-TIB-04     1000114  ehr       EA   1  1120.00 27810114   1   2840.00
IMP-TIB-05     1000115  ehr       EA   1  1135.50 27810115   1   2875.50
IMP-INS-10     1001210  ehr       EA   1   412.00 27811210   1   1180.00
IMP-INS-12     1001212  ehr       EA   1   412.00 27811212   1   1180.00
IMP-PAT-32     1001332  ehr       EA   1   228.00 27811332   1    690.00
IMP-SCR-35-14  1001414  ehr       EA   1    38.40 27811414   1    212.00
IMP-SCR-35-20  1001420  ehr       EA   1    39.10 27811420   1    218.00
IMP-SCR-35-24  1001424  ehr       EA   1    39.80 27811424   1    224.00
IMP-PLT-06     1001506  ehr       EA   1   386.00 27811506   1   1240.00
IMP-ANC-55     1001655  ehr       EA   1   148.00 27811655   1    515.00
IMP-MSH-15     1001715  ehr       EA   1   265.00 27811715   1    905.00
CEM-PAL-40     3000140  ehr       EA   1    46.20 27830140   1    118.25
BON-GRF-05     3000205  ehr       EA   1   198.00 27830205   1    640.00
SUT-VIC-30     3000330  ehr       EA  36     3.35 27230330   1    219.60
SUT-VIC-40     3000340  ehr       EA  36     4.10 27230340   1    246.00
SUT-PRO-50     3000350  ehr       EA   1     5.60 27230350   1     16.80
GLV-SUR-75     3000475  ehr       PR  50     1.24 -          1         0
GWN-SUR-XL     3000511  ehr       EA   1     4.85 -          1         0
DRP-LAP-01     3000521  ehr       EA   1    11.90 27230521   1     42.50
DRP-EXT-01     3000522  ehr       EA   1    13.40 27230522   1     46.00
SPG-LAP-18     3000531  ehr       EA   1     2.10 27230531   1      9.75
DRS-TEG-10     3000551  ehr       EA   1     0.98 27030551   1      6.40
DRS-SIL-15     3000552  ehr       EA   1     7.20 27030552   1     28.00
BLD-SCA-10     3000561  ehr       EA   1     0.41 -          1         0
ESU-PEN-01     3000571  ehr       EA   1     6.30 27230571   1     31.00
STP-END-45     3000581  ehr       EA   1   212.00 27230581   1    648.00
STP-REL-45     3000582  ehr       EA   1   118.00 27230582   1    372.00
TRO-BLD-12     3000591  ehr       EA   1    42.50 27230591   1    138.00
CTH-FOL-16     3000601  ehr       EA   1     9.70 27030601   1     44.00
CTH-CVC-03     3000602  ehr       EA   1    64.75 27230602   1    210.00
GWR-035-150    3000611  ehr       EA   1    38.30 27230611   1    145.50
SHE-INT-06     3000612  ehr       EA   1    21.60 27230612   1     92.00
BAL-PTC-25     3000613  ehr       EA   1   142.00 27230613   1    512.00
ETT-CUF-75     3000621  ehr       EA   1     3.90 27030621   1     18.00
IMP-HIP-STM-12 2000112  consigned EA   1  2480.00 27820112   1   6800.00
IMP-HIP-CUP-52 2000252  consigned EA   1  1190.00 27820252   1   3350.00
IMP-HIP-HED-36 2000336  consigned EA   1   845.00 27820336   1   2420.00
IMP-STN-30-18  2001018  consigned EA   1  1375.00 27821018   1   4250.00
IMP-STN-35-23  2001023  consigned EA   1  1375.00 27821023   1   4250.00
IMP-PAC-DR1    2001101  consigned EA   1  4920.00 27821101   1  14800.00
IMP-LED-52     2001152  consigned EA   1   735.00 27821152   1   2150.00
SOL-NS-1000    3000701  cabinet   EA   1     1.86 27030701   1     14.50
SOL-LR-1000    3000702  cabinet   EA   1     1.92 27030702   1     14.50
SYR-LUR-10     3000721  cabinet   EA   1     0.14 -          1         0
DRG-HEP-5K     4000105  cabinet   VL   1     1.12 63640105   5      2.40
DRG-CEF-1G     4000201  cabinet   VL   1     1.48 63640201   2      4.60
DRG-OND-04     4000304  cabinet   VL   1     0.58 63640304   4      1.35
DRG-PRO-20     4000320  cabinet   VL   1     3.05 63640320  20      1.10
DRG-FEN-100    4000401  cabinet   VL   1     0.92 63640401   1      6.20
DRG-MOR-04     4000404  cabinet   VL   1     1.35 63640404   1      5.80
DRG-KET-30     4000430  cabinet   VL   1     0.88 63640430   2      3.30
ROOM-OR-MIN    943100   time      MIN  1    21.40 36090001   1     38.00
ROOM-OR-CPX    943100   time      MIN  1    29.80 36090002   1     56.00
ROOM-CATH-MIN  943200   time      MIN  1    24.10 48190003   1     44.00
ROOM-PACU-MIN  943200   time      MIN  1     6.90 71090004   1     12.50
CHG-NEW-03     3000903  ehr       EA   1    48.00 27230903   1    164.00
IMP-NEW-01     1000990  ehr       EA   1    96.00 27810990   1    340.00
SUP-NEW-02     3000992  ehr       EA   1    71.50 27230992   1    265.00
"""

_NEXT_RATES = {
    "ROOM-OR-MIN": "22.05",
    "ROOM-OR-CPX": "30.70",
    "ROOM-CATH-MIN": "24.80",
    "ROOM-PACU-MIN": "7.10",
}

CABINET_PACKS = {("SOL-NS-1000", "CS"): 12, ("SOL-LR-1000", "CS"): 12, ("SYR-LUR-10", "BX"): 100}
"""Stock units in a pack that a cabinet counts; a unit that is the stock unit is one to one."""

MEDICARE_CHARGES = {"IMP-PAC-DR1": "27821101M"}
"""Billing's code for payer class MCR, where it is another one."""

DEPARTMENTS = {
    "OR-NORTH": Department("OR-CORE", "71000", "71050"),
    "PACU-NORTH": Department("OR-CORE", "71100", "71100"),
    "CATH-NORTH": Department("CATH-LAB", "72000", "72000"),
    "ICU-NORTH": Department("ICU-SUPPLY", "73000", "73000"),
    "ED-NORTH": Department("ED-SUPPLY", "74000", "74010"),
    "MS3W-NORTH": Department("CENTRAL", "75100", "75100"),
    "NEW-DEPT": Department("CENTRAL", "79900", "79900"),
}


def _good(row: str) -> Good:
    code, number, taken_by, unit, pack, cost, charge, charge_pack, price = row.split()
    return Good(
        code,
        number,
        taken_by,
        unit,
        Decimal(pack),
        Decimal(cost),
        charge.strip("-"),
        Decimal(charge_pack),
        Decimal(price),
    )


GOODS = {good.code: good for good in map(_good, _GOODS.strip().splitlines())}


def cost_of(good: Good, posted_on: date) -> Decimal:
    """What one stock unit, or one minute, costs when it is posted on that day."""
    later = _NEXT_RATES.get(good.code)
    return Decimal(later) if later and posted_on >= YEAR_END else good.cost
