"""FHIRPath as an independent library reads it, over resources of the specification."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from engine.codecs.fhir.document import parse
from engine.codecs.fhir.path import FhirPath, Focus

fhirpathpy = pytest.importorskip("fhirpathpy")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

SAMPLES = (
    Path(__file__).parents[3] / "engine" / "cli" / "examples" / "fhir-resources" / "channels" / "samples"
)
FILES = ("supply-delivery.json", "encounter.json")
PATHS = (
    "id",
    "status",
    "identifier.value",
    "identifier.where(system = 'urn:north:supplies').value",
    "identifier[0].value",
    "identifier.where(use = 'official').value",
    "suppliedItem.quantity.value",
    "suppliedItem.quantity.value + 1",
    "suppliedItem.quantity.value > 1",
    "period.start",
    "account.reference",
    "account.reference.replace('Account/', '')",
    "account.first().reference.substring(8)",
    "class.code",
    "class.code in ('IMP' | 'ACUTE')",
    "location.where(status = 'active').location.reference",
    "status = 'completed' or status = 'in-progress'",
    "iif(status = 'completed', 'A', 'B')",
    "status.exists()",
    "nothing.empty()",
    "nothing.exists() and status.exists()",
    "(status = 'x') implies false",
    "identifier.count()",
    "status.upper()",
    "status.length()",
    "status & '-' & id",
    "status.startsWith('comp')",
    "status.contains('-')",
    "identifier.all(value.exists())",
    "identifier.select(value)",
    "status | id",
    "status | status",
    "identifier.last().value",
    "%resource.status",
    "nothing = 'x'",
    "nothing.not()",
    "status.not()",
    "('a' | 'b').exists()",
    "{}",
    "true and {}",
    "false and {}",
    "true or {}",
    "true xor false",
    "status != 'x'",
    "-1",
    "1.10",
    "suppliedItem.quantity.value >= 2.0",
    "period.start.exists() xor false",
    "identifier.exists(value = 'VN7001')",
    "'it\\'s'",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("file", FILES)
def test_a_path_finds_what_the_library_finds(file, path):
    raw = (SAMPLES / file).read_bytes()
    document = parse(raw)
    tree = document.resources[0].tree
    ours = FhirPath(path).values(Focus(document, tree, tree))
    theirs = fhirpathpy.evaluate(json.loads(raw), path, {"resource": json.loads(raw)})
    assert [plain(value) for value in ours] == [plain(value) for value in theirs]


def plain(value: object) -> object:
    return float(value) if isinstance(value, int | Decimal | float) and not isinstance(value, bool) else value
