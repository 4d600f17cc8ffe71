"""Stand-ins: the same shape, the same for the same value, another for another one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.deidentify.surrogates import Surrogates
from engine.errors import UsageError


def hidden(text: str) -> bool:
    return False


def shape(text: str) -> str:
    return "".join(
        "9" if one.isdigit() else ("A" if one.isupper() else "a") if one.isalpha() else one for one in text
    )


@given(st.lists(st.text(" -/().@abcXYZ0123456789", min_size=4, max_size=20), max_size=30))
def test_shape_is_kept_equal_stays_equal_and_other_stays_other(values):
    surrogates = Surrogates(b"k" * 32, hidden)
    found = {value: surrogates.of(value) for value in values}
    assert all(shape(value) == shape(found[value]) for value in values)
    assert {value: surrogates.of(value) for value in reversed(values)} == found
    assert len(set(found.values())) == len(found)


@given(st.text(min_size=1, max_size=20))
def test_letters_of_any_script_become_plain_ones(value):
    found = Surrogates(b"k" * 32, hidden).of(value)
    assert len(found) == len(value)
    assert found.isascii()
    assert found.isprintable()


def test_another_key_gives_others():
    one, other = Surrogates(b"a" * 32, hidden), Surrogates(b"b" * 32, hidden)
    assert one.of("MRN7001234") != other.of("MRN7001234")


def test_a_stand_in_shows_nothing_that_is_hidden():
    surrogates = Surrogates(b"k" * 32, lambda text: "7" in text)
    assert not any("7" in surrogates.of(f"{number:04}") for number in range(300))


def test_all_values_of_a_tiny_shape_have_one_each_and_of_others_it_is_said():
    surrogates = Surrogates(b"k" * 32, hidden)
    assert sorted(surrogates.of(str(number)) for number in range(10)) == [str(number) for number in range(10)]
    crowded = Surrogates(b"k" * 32, lambda text: True)
    with pytest.raises(UsageError) as caught:
        crowded.of("123")
    assert caught.value.code == "CAP008"
    assert "123" not in str(caught.value)
