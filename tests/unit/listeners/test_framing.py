"""Framing: every way a stream of MLLP can be cut, joined and damaged."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners import framing
from listeners.framing import (
    CUT,
    NO_END_RETURN,
    NO_FRAMES,
    OVERSIZE,
    SECOND_START,
    STOPPED,
    STRAY,
    Frame,
    Framer,
    Garbled,
    KeepAlive,
    encode,
)

MESSAGE = b"MSH|^~\\&|A|B\rPID|1\r"
OTHER = b"MSH|^~\\&|C|D\r"


def cut(stream: bytes, *, limit: int = 1000, tolerant: bool = False, size: int = 0) -> list:
    """Everything a framer makes of `stream` fed in reads of `size` (0: at once), then closed."""
    framer = Framer(limit, tolerant=tolerant)
    pieces = []
    for start in range(0, len(stream), size or len(stream) or 1):
        pieces += framer.feed(stream[start : start + (size or len(stream))])
    return pieces + framer.eof()


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize(
    ("stream", "pieces"),
    [
        (b"", []),
        (encode(MESSAGE), [Frame(MESSAGE)]),
        (encode(MESSAGE) + encode(OTHER), [Frame(MESSAGE), Frame(OTHER)]),
        (b"\r\n\x00 " + encode(MESSAGE) + b"\r\n" + encode(OTHER) + b"\n", [Frame(MESSAGE), Frame(OTHER)]),
        (b"hello\r\n" + encode(MESSAGE), [Garbled(b"hello", STRAY), Frame(MESSAGE)]),
        (encode(MESSAGE) + b"bye ", [Frame(MESSAGE), Garbled(b"bye", STRAY)]),
        (b"\x0bMSH|half" + encode(MESSAGE), [Garbled(b"MSH|half", SECOND_START), Frame(MESSAGE)]),
        (
            b"\x0bA\x0bB\x0b\x0b" + encode(MESSAGE),
            [*(Garbled(x, SECOND_START) for x in (b"A", b"B")), Frame(MESSAGE)],
        ),
        (b"\x0bMSH|half", [Garbled(b"MSH|half", CUT)]),
        (b"\x0b", []),
        (
            encode(b"") + encode(b"\x06") + encode(b"\x15"),
            [KeepAlive(b""), KeepAlive(b"\x06"), KeepAlive(b"\x15")],
        ),
        (encode(b"MSH|" + b"x" * 996), [Frame(b"MSH|" + b"x" * 996)]),
        (encode(b"y" * 1001) + encode(MESSAGE), [Garbled(b"y" * 1000, OVERSIZE, fatal=True)]),
        (
            encode(MESSAGE) + b"\x0b" + b"y" * 5000,
            [Frame(MESSAGE), Garbled(b"y" * 1000, OVERSIZE, fatal=True)],
        ),
    ],
)
def test_a_stream_gives_its_pieces(stream, pieces, tolerant, size):
    assert cut(stream, tolerant=tolerant, size=size) == pieces


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("stream", "pieces"),
    [
        # An end block is 0x1C 0x0D; one half of it is content, and no stump is taken for a message.
        (encode(b"MSH|a\x1cb\r"), [Frame(b"MSH|a\x1cb\r")]),
        (encode(b"MSH|a\x1c"), [Frame(b"MSH|a\x1c")]),
        (b"\x0b" + MESSAGE + b"\x1c", [Garbled(MESSAGE + b"\x1c", NO_END_RETURN)]),
        (
            b"\x0b" + MESSAGE + b"\x1c" + encode(OTHER),
            [Garbled(MESSAGE + b"\x1c", NO_END_RETURN), Frame(OTHER)],
        ),
        (encode(b"z" * 999 + b"\x1c"), [Frame(b"z" * 999 + b"\x1c")]),
        (encode(b"z" * 1000 + b"\x1c"), [Garbled(b"z" * 1000, OVERSIZE, fatal=True)]),
        (MESSAGE, [Garbled(MESSAGE.rstrip(), STRAY)]),
    ],
)
def test_strict_mode_wants_the_whole_end_block(stream, pieces, size):
    assert cut(stream, size=size) == pieces


@pytest.mark.parametrize("size", [0, 1, 2, 3])
@pytest.mark.parametrize(
    ("stream", "pieces"),
    [
        (b"\x0b" + MESSAGE + b"\x1c", [Frame(MESSAGE)]),
        (b"\x0b" + MESSAGE + b"\x1c" + encode(OTHER), [Frame(MESSAGE), Frame(OTHER)]),
        (b"\x0bMSH|a\r\x1c\x0bMSH|b\r\x1c", [Frame(b"MSH|a\r"), Frame(b"MSH|b\r")]),
        (MESSAGE, [Frame(MESSAGE)]),
        (b"\r\n" + MESSAGE + b"\x1c\r" + OTHER, [Frame(MESSAGE), Frame(OTHER)]),
        (MESSAGE + OTHER + MESSAGE, [Frame(MESSAGE), Frame(OTHER), Frame(MESSAGE)]),
        (b"MSH|a\nPID\n" + b"MSH|b\n", [Frame(b"MSH|a\nPID\n"), Frame(b"MSH|b\n")]),
        (
            b"FHS|\rBHS|\r" + MESSAGE + OTHER + b"BTS|2\rFTS|1\r",
            [Frame(b"FHS|\rBHS|\r" + MESSAGE + OTHER + b"BTS|2\rFTS|1\r")],
        ),
        (MESSAGE + encode(OTHER), [Frame(MESSAGE), Frame(OTHER)]),
        (b"MSH|hal" + encode(OTHER), [Garbled(b"MSH|hal", SECOND_START), Frame(OTHER)]),
        (b"MSH|hal", [Garbled(b"MSH|hal", CUT)]),
        (b"MS", [Garbled(b"MS", STRAY)]),
        (b"MSX" + encode(OTHER), [Garbled(b"MSX", STRAY), Frame(OTHER)]),
        (b"MS" + encode(OTHER), [Garbled(b"MS", STRAY), Frame(OTHER)]),
        (b"MSH|" + b"x" * 2000, [Garbled(b"MSH|" + b"x" * 996, OVERSIZE, fatal=True)]),
    ],
)
def test_tolerant_mode_takes_what_senders_do_instead(stream, pieces, size):
    assert cut(stream, tolerant=True, size=size) == pieces


@pytest.mark.parametrize("size", [0, 1000, 65536])
def test_whoever_never_starts_a_frame_is_given_up(size):
    stream = b"GET / HTTP/1.1" * 10_000
    assert cut(stream, size=size) == [Garbled(stream[: framing.PREFIX_LIMIT], NO_FRAMES, fatal=True)]


def test_blanks_between_frames_may_go_on_forever():
    framer = Framer(100)
    assert [framer.feed(b"\r\n" * 50_000) for _ in range(3)] == [[], [], []]
    assert framer.feed(encode(MESSAGE)) == [Frame(MESSAGE)]


def test_an_abandoned_frame_says_why_and_nothing_comes_after():
    framer = Framer(tolerant=True)
    framer.feed(b"MSH|whole line\r")
    assert framer.abandon(STOPPED) == [Garbled(b"MSH|whole line\r", STOPPED)]
    assert framer.feed(encode(MESSAGE)) + framer.eof() + framer.abandon(CUT) == []


def test_no_repr_shows_content():
    shown = repr([Frame(b"SECRET"), Garbled(b"SECRET", CUT)])
    assert "SECRET" not in shown
    assert "6 bytes" in shown


TRICKY = st.lists(
    st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\x1c\r", b"\n", b" ", b"x", b"MSH", b"FHS", b"M", b"\x06"]),
    max_size=40,
).map(b"".join)


@given(TRICKY, st.lists(st.integers(0, 120)), st.booleans(), st.integers(1, 12))
def test_reads_may_be_cut_anywhere(stream, cuts, tolerant, limit):
    framer = Framer(limit, tolerant=tolerant)
    edges = sorted({0, len(stream), *(edge for edge in cuts if edge < len(stream))})
    pieces = [piece for start, stop in pairwise(edges) for piece in framer.feed(stream[start:stop])]
    assert pieces + framer.eof() == cut(stream, limit=limit, tolerant=tolerant)


CONTENT = st.binary(min_size=2, max_size=60).filter(
    lambda content: b"\x0b" not in content and b"\x1c\r" not in content
)
NOISE = st.binary(max_size=10).filter(lambda noise: b"\x0b" not in noise)


@given(st.lists(st.tuples(NOISE, CONTENT)), st.integers(1, 50))
def test_what_was_encoded_comes_out_whole_whatever_stands_between(sent, size):
    stream = b"".join(noise + encode(content) for noise, content in sent)
    expected = []
    for noise, content in sent:
        stray = noise.strip(b"\r\n\x00 ")
        expected += [Garbled(stray, STRAY), Frame(content)] if stray else [Frame(content)]
    assert cut(stream, size=size) == expected


@pytest.mark.parametrize("read", [64, 65536])
@pytest.mark.parametrize("tolerant", [False, True])
@pytest.mark.parametrize(
    "stream",
    [
        b"\x0b" + b"x" * (1 << 22),
        b"\x0b" * (1 << 18),
        b"\x0bx" * (1 << 16),
        b"\x0b" + b"\x1c" * (1 << 20),
        b"\x0b\x1c\r" * (1 << 16),
        b"\r" * (1 << 22),
        b"MSH\r" * (1 << 16),
    ],
)
def test_time_is_linear_even_for_a_hostile_stream(stream, tolerant, read):
    """Many small reads and few large ones show different mistakes; the bound is loose for slow machines."""
    framer = Framer(1 << 24, tolerant=tolerant)
    began = time.process_time()
    for start in range(0, len(stream), read):
        framer.feed(stream[start : start + read])
    assert time.process_time() - began < 5
