"""Digests: the body of a repeat leaves MSH-7 out, references do not depend on the order of lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.pipeline.digests import Digester, control_digests

DIGESTER = Digester(b"k" * 32)
MESSAGE = b"MSH|^~\\&|A|B|C|D|20261120101500||DFT^P03|1|P|2.5\rPID|1||X\r"


def test_another_time_in_msh_7_is_the_same_body():
    later = MESSAGE.replace(b"20261120101500", b"20261120111500")
    assert control_digests(("ehr",), b"1", MESSAGE) == control_digests(("ehr",), b"1", later)


def test_anything_else_that_differs_is_another_body():
    other = MESSAGE.replace(b"PID|1||X", b"PID|1||Y")
    key, body = control_digests(("ehr",), b"1", MESSAGE)
    assert control_digests(("ehr",), b"1", other) == (key, control_digests(("ehr",), b"1", other)[1])
    assert control_digests(("ehr",), b"1", other)[1] != body


def test_a_header_without_msh_7_is_hashed_whole():
    short = b"MSH|^~\\&|A|B\rPID|1\r"
    assert (
        control_digests(("a",), b"1", short)[1] != control_digests(("a",), b"1", short.replace(b"B", b"C"))[1]
    )


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(1, 9)), min_size=1, max_size=5))
def test_a_reference_is_sixteen_characters_whatever_the_order(keys):
    reference = DIGESTER.reference("erp", "issue", 1, keys)
    assert len(reference) == 16
    assert reference == DIGESTER.reference("erp", "issue", 1, keys[::-1])
    assert reference != DIGESTER.reference("erp", "issue", 2, keys)


@given(st.text(), st.text())
def test_lanes_fit_into_63_bits(first, second):
    assert 0 <= DIGESTER.lane(first, second) < 1 << 63


def test_another_key_gives_other_digests():
    assert Digester(b"a" * 32).person("account", "N", "1") != Digester(b"b" * 32).person("account", "N", "1")
