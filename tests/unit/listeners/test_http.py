"""HL7 over HTTP: an everyday client, and raw sockets for what no client would do."""

from __future__ import annotations

import asyncio
import base64
import gc

import pytest

from engine.domain.message import Answer
from engine.errors import StoreUnavailable
from listeners import http
from listeners.credentials import Credentials
from listeners.http import MEDIA_TYPES, HttpListener
from tests.unit.listeners.conftest import rest

ER7 = "application/hl7-v2"
HEAD = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/hl7-v2\r\n"
LARGE = 8 << 20  # more than the sockets between hold
DOWN = StoreUnavailable("STO001", "the disk is full")


@pytest.fixture
def listen(intake, reported, started):
    """Start HTTP listeners that end with the test."""
    given = {"report": reported.append, "host": "127.0.0.1", "port": 0}
    return lambda **settings: started(HttpListener("web", intake, **given, **settings))


def url(listener: HttpListener, path: str = "/") -> str:
    return f"http://127.0.0.1:{listener.port}{path}"


async def until_gone(listener: HttpListener) -> None:
    async with asyncio.timeout(5):
        await listener._empty.wait()


@pytest.mark.parametrize("charset", [None, "UTF-8", "iso-8859-1"])
@pytest.mark.parametrize("kind", MEDIA_TYPES)
async def test_an_ack_comes_back_as_the_type_that_was_sent(listen, client, intake, kind, charset):
    sent = kind if charset is None else f"{kind}; charset={charset}"
    async with client.post(url(await listen()), data=b"MSH|a\r", headers={"Content-Type": sent}) as answer:
        assert (answer.status, await answer.read()) == (200, b"ACK for MSH|a\r")
        assert answer.headers["Content-Type"] == sent
        assert "Date" in answer.headers
    arrival = intake.arrivals[0]
    assert (arrival.feed, arrival.raw, arrival.transport, arrival.charset) == (
        "web",
        b"MSH|a\r",
        "hl7-http",
        charset,
    )
    assert arrival.peer.startswith("127.0.0.1:")


POST = HEAD + b"Content-Length: 6\r\n\r\nMSH|a\r"


@pytest.mark.parametrize("times", [1, 2])
async def test_a_sender_that_says_no_more_gets_the_answers_to_what_it_said(listen, connect, intake, times):
    listener = await listen()
    intake.at_once = False
    reader, writer = await connect(listener.port)
    writer.write(POST * times)
    writer.write_eof()
    for index in range(times):
        await intake.until(lambda count=index + 1: len(intake.arrivals) == count)
        intake.settle(index)
    assert (await rest(reader)).count(b"ACK for MSH|a\r") == times
    await until_gone(listener)


@pytest.mark.parametrize("sent", [b"", b"POST / HT", POST[:-3]])
async def test_a_sender_that_ends_within_a_request_is_let_go(listen, connect, intake, sent):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(sent)
    writer.write_eof()
    assert await rest(reader) == b""
    await until_gone(listener)
    assert [raw for raw, _ in intake.kept] == ([b"MSH"] if sent.endswith(b"MSH") else [])


@pytest.mark.parametrize("code", ["AE", "AR", "CR"])
async def test_a_refusal_by_hl7_is_a_200(listen, client, intake, code):
    intake.at_once = False
    posting = asyncio.ensure_future(
        client.post(url(await listen()), data=b"MSH|a", headers={"Content-Type": ER7})
    )
    await intake.until(lambda: intake.answers)
    intake.answers[0].set_result(Answer(b"MSA|" + code.encode(), code))
    answer = await posting
    assert (answer.status, await answer.read()) == (200, b"MSA|" + code.encode())


async def test_silence_is_a_202_without_a_body(listen, client, intake):
    intake.at_once = False
    posting = asyncio.ensure_future(
        client.post(url(await listen()), data=b"MSH|a", headers={"Content-Type": ER7})
    )
    await intake.until(lambda: intake.answers)
    intake.answers[0].set_result(Answer(None, ""))
    answer = await posting
    assert (answer.status, await answer.read()) == (202, b"")


async def test_a_chunked_body_arrives_whole_and_one_connection_serves_many(listen, client, intake):
    listener = await listen()

    async def parts():
        for part in (b"MSH|", b"x" * 70_000, b"|end"):
            yield part

    for _ in range(3):
        async with client.post(url(listener), data=parts(), headers={"Content-Type": ER7}) as answer:
            assert answer.status == 200
    assert intake.raws == [b"MSH|" + b"x" * 70_000 + b"|end"] * 3
    assert listener.connections == 1


async def test_pipelined_requests_are_answered_one_after_the_other(listen, connect, intake):
    reader, writer = await connect((await listen()).port)
    for number in range(3):
        writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|%d" % number)
    writer.write(HEAD + b"Connection: close\r\nContent-Length: 5\r\n\r\nMSH|3")
    whole = await rest(reader)
    assert [line for line in whole.split(b"\r\n") if b"ACK" in line.partition(b"HTTP")[0]] == [
        b"ACK for MSH|0HTTP/1.1 200 OK",
        b"ACK for MSH|1HTTP/1.1 200 OK",
        b"ACK for MSH|2HTTP/1.1 200 OK",
        b"ACK for MSH|3",
    ]
    assert intake.raws == [b"MSH|0", b"MSH|1", b"MSH|2", b"MSH|3"]


async def test_a_sender_that_waits_for_the_word_to_go_on_gets_it(listen, client, intake):
    async with client.post(
        url(await listen()), data=b"MSH|a", headers={"Content-Type": ER7}, expect100=True
    ) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "data", "status"),
    [
        ("POST", "/other", {"Content-Type": ER7}, b"MSH", 404),
        ("GET", "/feed", {}, None, 405),
        ("HEAD", "/feed", {}, None, 405),
        ("PUT", "/feed", {"Content-Type": ER7}, b"MSH", 405),
        ("POST", "/feed", {"Content-Type": "application/json"}, b"{}", 415),
        ("POST", "/feed", {"Content-Type": f"{ER7}; charset=klingon"}, b"MSH", 415),
        ("POST", "/feed", {"Content-Type": f"{ER7}; charset=base64"}, b"MSH", 415),
        ("POST", "/feed", {"Content-Type": f"{ER7}; charset=utf-8é"}, b"MSH", 415),
        ("POST", "/feed", {"Content-Type": ER7}, b"", 400),
        ("POST", "/feed", {"Content-Type": ER7}, b"x" * 1001, 413),
        ("POST", "/feed?x=1", {"Content-Type": f'{ER7}; charset="utf-8"'}, b"x" * 1000, 200),
    ],
)
async def test_what_is_no_message_is_refused_in_plain_text(
    listen, client, intake, method, path, headers, data, status
):
    listener = await listen(path="/feed", limit=1000)
    async with client.request(method, url(listener, path), headers=headers, data=data) as answer:
        assert answer.status == status
        if status == 200:
            return
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert ("Allow" in answer.headers) is (status == 405)
        assert (await answer.read()).startswith(b"LST0") is (method != "HEAD")
    assert intake.arrivals == []


RIGHT = Credentials(basic={"ehr": "geheim:ü", "old": "x"}, bearer=("t0ken",))


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (None, 401),
        ("Basic " + base64.b64encode("ehr:geheim:ü".encode()).decode(), 200),
        ("basic " + base64.b64encode(b"old:x").decode(), 200),
        ("Basic " + base64.b64encode(b"ehr:x").decode(), 401),
        ("Basic !!!", 401),
        ("Basic", 401),
        ("Bearer t0ken", 200),
        ("Bearer t0ke", 401),
        ("Bearer ", 401),
        ("Digest t0ken", 401),
    ],
)
async def test_only_the_right_credentials_open(listen, client, intake, shown, status):
    headers = {"Content-Type": ER7} | ({"Authorization": shown} if shown else {})
    async with client.post(url(await listen(credentials=RIGHT)), data=b"MSH", headers=headers) as answer:
        assert answer.status == status
        if status == 401:
            challenges = answer.headers.getall("WWW-Authenticate")
            assert [challenge.split()[0] for challenge in challenges] == ["Basic", "Bearer"]
    assert len(intake.arrivals) == (status == 200)


def test_credentials_do_not_show_their_secrets():
    assert repr(RIGHT) == "Credentials()"
    assert not Credentials().admit(b"Bearer ")


@pytest.mark.parametrize("accepting", [True, False])
async def test_when_nothing_can_be_stored_the_sender_is_told_to_come_again(
    listen, client, intake, accepting, reported
):
    intake.accepting = accepting
    intake.fails = DOWN if accepting else None
    async with client.post(url(await listen()), data=b"MSH|a", headers={"Content-Type": ER7}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert (await answer.text()).startswith("LST030")
    assert reported == []


async def test_an_unexpected_failure_is_a_500_and_reported_without_content(listen, client, intake, reported):
    intake.at_once = False
    posting = asyncio.ensure_future(
        client.post(url(await listen()), data=b"MSH|a", headers={"Content-Type": ER7})
    )
    await intake.until(lambda: intake.answers)
    intake.answers[0].set_exception(RuntimeError("SMITH^JOHN"))
    answer = await posting
    assert answer.status == 500
    assert [fault.code for fault in reported] == ["LST004"]
    assert "SMITH" not in str(reported[0]) + await answer.text()


async def test_a_sender_that_left_before_the_answer_makes_no_noise(listen, connect, intake, complaints):
    intake.at_once = False
    listener = await listen()
    _, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|a")
    await intake.until(lambda: intake.answers)
    writer.close()
    await writer.wait_closed()
    intake.answers.pop().set_exception(DOWN)
    await until_gone(listener)
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (HEAD + b"no colon here\r\nContent-Length: 3\r\n\r\nMSH", b"400"),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nMSH", b"400"),
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nMSH", b"400"),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nMSH", b"400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nMSH", b"400"),
        (HEAD + b"\r\nMSH", b"411"),
        (HEAD + b"Content-Length: 99999999\r\n\r\n", b"413"),
        (b"POST /" + b"x" * 20_000 + b" HTTP/1.1\r\n", b"431"),
        (HEAD + b"X-Long: " + b"x" * 20_000, b"431"),
        (HEAD + b"X-Many: x\r\n" * 5_000, b"431"),
    ],
)
async def test_malformed_and_overlong_requests_are_cut_off(
    listen, connect, intake, request_bytes, status, caplog
):
    listener = await listen()
    reader, writer = await connect(listener.port)
    writer.write(request_bytes)
    answer = await rest(reader)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1 4") == 1
    assert b"\r\nConnection: close\r\n" in answer
    assert intake.arrivals == []
    writer.close()
    await until_gone(listener)
    assert caplog.records == []


async def test_an_endless_body_is_cut_off_at_the_limit(listen, connect, intake):
    listener = await listen(limit=100_000)
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    sent = 0
    answer = asyncio.ensure_future(rest(reader))
    while not answer.done():
        writer.write(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)
        sent += 0x8000
    assert (await answer).startswith(b"HTTP/1.1 413")
    assert sent < 100_000_000
    assert intake.arrivals == []


async def test_who_goes_on_after_a_refusal_is_closed(listen, connect, monkeypatch):
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.05)
    listener = await listen(limit=10)
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 1000\r\n\r\n" + b"x" * 500)
    assert (await rest(reader)).startswith(b"HTTP/1.1 413")
    await until_gone(listener)


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"", b""),
        (b"POST / HT", b"HTTP/1.1 408"),
        (HEAD, b"HTTP/1.1 408"),
        (HEAD + b"Content-Length: 10\r\n\r\nMSH", b"HTTP/1.1 408"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nMSH", b"HTTP/1.1 408"),
    ],
)
async def test_a_slow_sender_is_cut_off_in_time(listen, connect, request_bytes, answer):
    listener = await listen(header_timeout=0.05, body_timeout=0.05)
    reader, writer = await connect(listener.port)
    writer.write(request_bytes)
    got = await rest(reader)
    assert got.startswith(answer)
    assert bool(got) is bool(answer)


async def test_a_byte_now_and_then_does_not_put_the_end_off(listen, connect):
    listener = await listen(header_timeout=0.1)
    reader, writer = await connect(listener.port)
    answer = asyncio.ensure_future(rest(reader))
    for byte in HEAD + b"X: " + b"x" * 10_000:
        writer.write(bytes([byte]))
        done, _ = await asyncio.wait([answer], timeout=0.01)
        if done:
            break
    assert (await answer).startswith(b"HTTP/1.1 408")


async def test_an_idle_connection_is_closed_without_a_word(listen, connect):
    listener = await listen(idle_timeout=0.05)
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|a")
    assert (await rest(reader)).endswith(b"ACK for MSH|a")


async def test_an_answer_may_take_longer_than_any_request(listen, connect, intake):
    intake.at_once = False
    listener = await listen(header_timeout=0.02, body_timeout=0.02, idle_timeout=0.02)
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|a")
    await intake.until(lambda: intake.answers)
    done, _ = await asyncio.wait([asyncio.ensure_future(rest(reader))], timeout=0.1)
    assert not done
    intake.settle_all()


async def test_a_body_that_its_sender_cut_short_is_kept(listen, connect, intake):
    listener = await listen()
    _, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 10\r\n\r\nMSH|a")
    await writer.drain()
    writer.close()
    await intake.until(lambda: intake.kept)
    assert intake.kept == [(b"MSH|a", "LST020")]
    assert intake.arrivals == []


async def test_a_paused_listener_reads_nobody_and_hurries_nobody(listen, connect, intake):
    listener = await listen(header_timeout=0.05, idle_timeout=0.05)
    early = await connect(listener.port)
    early[1].write(HEAD + b"Content-Length: 5\r\n\r\nMSH|0")
    await early[0].readuntil(b"MSH|0")
    await connect(listener.port)
    listener.pause()
    late = await connect(listener.port)
    for _, writer in (early, late):
        writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|1")
    done, _ = await asyncio.wait([asyncio.ensure_future(late[0].read(1))], timeout=0.15)
    assert not done
    assert len(intake.arrivals) == 1
    listener.resume()
    await early[0].readuntil(b"MSH|1")
    await until_gone(listener)
    assert intake.raws == [b"MSH|0", b"MSH|1", b"MSH|1"]


async def test_an_answer_given_while_paused_starts_neither_reading_nor_the_clock(listen, connect, intake):
    intake.at_once = False
    listener = await listen(idle_timeout=0.05)
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|0")
    await intake.until(lambda: intake.answers)
    listener.pause()
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|1")
    intake.settle_all()
    await reader.readuntil(b"MSH|0")
    done, _ = await asyncio.wait([asyncio.ensure_future(reader.readuntil(b"MSH|1"))], timeout=0.15)
    assert not done
    assert intake.raws == [b"MSH|0"]
    listener.resume()
    await until_gone(listener)
    assert intake.raws == [b"MSH|0", b"MSH|1"]


async def test_an_answer_read_late_while_paused_does_not_start_reading(listen, connect, intake):
    intake.ack = lambda raw: b"y" * LARGE
    listener = await listen()
    reader, writer = await connect(listener.port)
    reader._transport.pause_reading()
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|0")
    await intake.until(lambda: intake.answers)
    await asyncio.sleep(0)
    listener.pause()
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|1")
    reader._transport.resume_reading()
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(LARGE)
    for _ in range(20):
        _, other = await connect(listener.port)
        other.close()
    assert intake.raws == [b"MSH|0"]
    listener.resume()
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(LARGE)


async def test_a_refusal_behind_a_large_answer_still_ends_in_order(listen, connect, intake):
    intake.ack = lambda raw: b"y" * LARGE
    reader, writer = await connect((await listen()).port)
    reader._transport.pause_reading()
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|0" + b"GET / HTTP/1.1\r\n\r\n")
    await intake.until(lambda: intake.answers)
    await asyncio.sleep(0)
    reader._transport.resume_reading()
    assert (await rest(reader)).partition(b"yHTTP/1.1 ")[2].startswith(b"405")
    writer.close()


async def test_stop_answers_what_arrived_whole_and_refuses_the_rest(listen, connect, intake):
    intake.at_once = False
    listener = await listen()
    port = listener.port
    whole, half, idle = [await connect(port) for _ in range(3)]
    half[1].write(HEAD + b"Content-Length: 10\r\n\r\nMSH")
    whole[1].write(HEAD + b"Content-Length: 5\r\n\r\nMSH|a")
    await intake.until(lambda: intake.answers)
    stopping = asyncio.create_task(listener.stop())
    assert await rest(idle[0]) == b""
    with pytest.raises(ConnectionRefusedError):
        await connect(port)
    assert (await rest(half[0])).startswith(b"HTTP/1.1 503")
    half[1].close()
    intake.settle_all()
    assert (await rest(whole[0])).endswith(b"\r\nConnection: close\r\n\r\nACK for MSH|a")
    await stopping
    assert listener.connections == 0


async def test_stop_ends_in_its_grace_though_an_answer_never_comes(listen, connect, intake):
    intake.at_once = False
    listener = await listen(grace=0.05)
    reader, writer = await connect(listener.port)
    writer.write(HEAD + b"Content-Length: 5\r\n\r\nMSH|a")
    await intake.until(lambda: intake.answers)
    async with asyncio.timeout(1):
        await listener.stop()
    with pytest.raises(ConnectionResetError):
        await rest(reader)
