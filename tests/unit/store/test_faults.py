"""Errors of the driver, and a page for every code."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

import engine.store
from engine.store.faults import ENVIRONMENT, unavailable

CODES = sorted(
    {
        code
        for module in Path(engine.store.__file__).parent.glob("*.py")
        for code in re.findall(r"STO\d{3}", module.read_text())
    }
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (apsw.FullError, "STO010"),
        (apsw.BusyError, "STO011"),
        (apsw.LockedError, "STO011"),
        (apsw.ReadOnlyError, "STO012"),
        (apsw.PermissionsError, "STO012"),
        (apsw.CorruptError, "STO013"),
        (apsw.NotADBError, "STO013"),
        (apsw.IOError, "STO001"),
        (RuntimeError, "STO001"),
    ],
)
def test_an_error_of_the_driver_has_a_code_and_never_its_own_text(error, code):
    told = unavailable(error("INSERT 'DOE^JOHN'"))
    assert told.code == code
    assert "DOE" not in str(told)
    assert error.__name__ in str(told)


def test_a_broken_constraint_is_no_fault_of_the_disk():
    assert not issubclass(apsw.ConstraintError, ENVIRONMENT)
    assert issubclass(apsw.IOError, ENVIRONMENT)


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_page(code):
    pages = (Path(engine.store.__file__).parents[1] / "faults" / "STO.md").read_text()
    assert f"\n## {code} " in pages
