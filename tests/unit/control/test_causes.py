"""Causes of the worklist, and the rows that they ask for."""

from __future__ import annotations

import pytest

from engine.control.causes import lacking


@pytest.mark.parametrize(
    ("cause", "table", "keys", "lacks"),
    [
        ("items: facility=NORTH code=X", "items", ("facility", "code"), ("NORTH", "X")),
        (
            "items: facility=NORTH code=BONE CEMENT = 40",
            "items",
            ("facility", "code"),
            ("NORTH", "BONE CEMENT = 40"),
        ),
        ("MAP033 charges: code=X payer_class=(missing)", "charges", ("code", "payer_class"), ("X", "")),
        ("items: facility=NORTH code=X", "charges", ("facility", "code"), None),
        ("items: facility=NORTH code=X", "items", ("code",), None),
        ("refused: unknown item", "refused", ("code",), None),
        ("suspected duplicate", "items", ("code",), None),
    ],
)
def test_a_cause_says_which_row_is_missing(cause, table, keys, lacks):
    assert lacking(cause, table, keys) == lacks
