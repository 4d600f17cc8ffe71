"""MSH-1 and MSH-2 of the very message, as senders write them."""

from __future__ import annotations

import pytest

from engine.codecs.hl7v2.delimiters import ABSENT, Delimiters, read_delimiters
from engine.errors import MessageError


@pytest.mark.parametrize(
    ("separator", "encoding", "expected"),
    [
        ("|", "^~\\&", Delimiters("|", "^", "~", "\\", "&", ABSENT)),
        ("|", "^~\\&#", Delimiters("|", "^", "~", "\\", "&", "#")),
        ("^", "~|\\&", Delimiters("^", "~", "|", "\\", "&", ABSENT)),
        ("|", "^~\\}", Delimiters("|", "^", "~", "\\", "}", ABSENT)),
        ("|", "^~&", Delimiters("|", "^", "~", ABSENT, "&", ABSENT)),
        ("|", "^~\\", Delimiters("|", "^", "~", "\\", ABSENT, ABSENT)),
        ("|", "^~", Delimiters("|", "^", "~", ABSENT, ABSENT, ABSENT)),
        ("|", "^", Delimiters("|", "^", ABSENT, ABSENT, ABSENT, ABSENT)),
        ("$", "%*@!", Delimiters("$", "%", "*", "@", "!", ABSENT)),
        ("|", "^~\\&amp;", Delimiters("|", "^", "~", "\\", "&", ABSENT)),
    ],
)
def test_delimiters_are_read_as_sent(separator: str, encoding: str, expected: Delimiters) -> None:
    assert read_delimiters(separator, encoding) == expected


@pytest.mark.parametrize(
    ("separator", "encoding"),
    [("|", "^^\\&"), ("|", "^~\\|"), ("|", "ADT"), ("A", "^~\\&"), ("|", "^ \\&"), ("|", '"~\\&')],
)
def test_delimiters_that_cannot_delimit_are_refused(separator: str, encoding: str) -> None:
    with pytest.raises(MessageError) as caught:
        read_delimiters(separator, encoding)
    assert (caught.value.code, caught.value.where) == ("HL7003", "MSH-2")
