"""Broken connections, time that runs out, and what is sent again."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from chatgpt4online import Limits, RetryPolicy, Timeout
from chatgpt4online.errors import (
    ChatTimeout,
    ConnectError,
    IncompleteReply,
    ReplyError,
    StatusError,
    TransportError,
)

from .drivers import AsyncDriver, Driver
from .loopback import (
    CHUNKED,
    FRAMINGS,
    PATIENCE,
    Connection,
    Framing,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    answer,
    chunk,
    cut,
    live,
    send,
    stall,
)

AT_ONCE = RetryPolicy(backoff=0)
ONCE = RetryPolicy(attempts=1)
SHORT = 0.15
ENOUGH = 1.0
"""For a request to arrive on a machine that is busy; seconds."""
"""A time that is waited for in full; seconds."""


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
@pytest.mark.parametrize("how", ["cut", "cut inside an event", "ended without end"])
def test_a_cut_stream_is_incomplete_after_what_had_arrived(
    how: str, framing: Framing, driver: Driver
) -> None:
    framed = framing.fresh()
    data = framed.head + framed.piece(live("Hel") + live("lo"))
    if how == "cut inside an event":
        data += framed.piece(live("never")[:-9])
    if how == "ended without end":
        data += framed.last()
    with (
        LoopbackServer(ai_site(cut(data))) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        pieces: list[str] = []
        stream = client.stream("Hi")
        with pytest.raises(IncompleteReply) as caught:
            pieces.extend(stream)
        assert pieces == ["Hel", "lo"]
        assert caught.value.partial_text == stream.text == "Hello"
        with pytest.raises(IncompleteReply):
            _ = stream.reply
        with pytest.raises(IncompleteReply):
            next(stream)
        assert len(server.prompts) == 1


def test_a_reset_stream_is_raised_from_the_librarys_own_error(driver: Driver) -> None:
    seen = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        assert seen.wait(PATIENCE)
        connection.reset()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        seen.set()
        with pytest.raises(IncompleteReply, match="after 5 characters") as caught:
            next(stream)
        assert caught.value.partial_text == "Hello"
        if driver.name == "sync":  # aiohttp does not pass the system's error on
            assert isinstance(caught.value.__cause__, ConnectionResetError)
        assert len(server.prompts) == 1


@pytest.mark.parametrize("how", [cut(), cut(reset=True), cut(b"HTTP/1.1 2"), send(b"?\r\n\r\n")])
def test_no_answer_at_all_is_not_asked_again(how: Handler, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(how)) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        with pytest.raises(TransportError) as caught:
            client.generate("Hi")
        assert type(caught.value) is TransportError
        assert "failed: " in str(caught.value)
        assert len(server.prompts) == 1


@pytest.mark.parametrize("head", [b"", CHUNKED, CHUNKED + chunk(live("Hello"))])
def test_a_silent_site_is_given_up(head: bytes, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(stall(head))) as server,
        driver.client(server.url, retry=AT_ONCE, timeout=Timeout(idle=SHORT)) as client,
    ):
        with pytest.raises(
            IncompleteReply if head else ChatTimeout, match=r"0\.15 seconds"
        ) as caught:
            client.generate("Hi")
        assert isinstance(caught.value, TimeoutError) is not bool(head)
        assert getattr(caught.value, "partial_text", "") == ("Hello" if b"Hello" in head else "")
        assert len(server.prompts) == 1


@pytest.mark.parametrize("head", [b"", CHUNKED, CHUNKED + chunk(live("Hello"))])
def test_the_total_time_ends_a_call(head: bytes, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(stall(head))) as server,
        driver.client(server.url, timeout=Timeout(total=ENOUGH)) as client,
    ):
        with pytest.raises(IncompleteReply if head else ChatTimeout, match=r"total"):
            client.generate("Hi")
        assert len(server.prompts) == 1


@pytest.mark.parametrize(
    "piece", [b"HTTP/1.1 103 X\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"x"]
)
def test_a_head_that_never_ends_is_given_up_without_a_total_time(piece: bytes) -> None:
    """By the async client: whatever comes starts the time of aiohttp anew."""
    driver, gone = AsyncDriver(), threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: " if piece == b"x" else piece)
        try:
            while not gone.wait(0.02):
                connection.send(piece)
        finally:
            connection.close()

    timeout = Timeout(connect=SHORT, idle=SHORT)
    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, retry=ONCE, timeout=timeout) as client,
    ):
        with pytest.raises(ChatTimeout, match=r"0\.15 seconds"):
            client.generate("Hi")
        gone.set()
    driver.close()


def test_the_total_time_ends_a_reply_that_trickles_on(driver: Driver) -> None:
    gone = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED)
        try:
            while not gone.wait(0.01):
                connection.send(chunk(live("x")))
        finally:
            connection.close()

    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, timeout=Timeout(total=ENOUGH)) as client,
    ):
        with pytest.raises(IncompleteReply, match="total") as caught:
            client.generate("Hi")
        gone.set()
        assert set(caught.value.partial_text) == {"x"}


def test_the_total_time_leaves_no_room_for_a_long_backoff(dead_port: int, driver: Driver) -> None:
    site = f"http://127.0.0.1:{dead_port}"
    policy = RetryPolicy(backoff=3600)
    with driver.client(site, retry=policy, timeout=Timeout(total=60)) as client:
        with pytest.raises(ConnectError):
            client.generate("Hi")


def test_a_connection_that_is_not_made_in_time(driver: Driver) -> None:
    """A full backlog leaves the next connection waiting."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        filling = [socket.socket() for _ in range(4)]
        for sock in filling:
            sock.setblocking(False)
            sock.connect_ex(address)
        timeout = Timeout(connect=SHORT, idle=60)
        with driver.client(f"http://127.0.0.1:{address[1]}", retry=ONCE, timeout=timeout) as client:
            with pytest.raises(ChatTimeout, match=r"Timeout\.connect") as caught:
                client.generate("Hi")
        assert caught.value.retryable
        for sock in filling:
            sock.close()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 X\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 500 X\r\nConnection: close\r\n\r\n",
    ],
)
def test_an_endless_answer_that_is_no_reply(head: bytes, driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(head)
        while True:
            connection.send(chunk(b"<p>x</p>\n" * 1000) if b"chunked" in head else b"x\n" * 9000)

    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, limits=Limits(page=100_000)) as client,
    ):
        with pytest.raises(StatusError):
            client.generate("Hi")
        assert len(server.prompts) == 1


def test_a_redirect_that_leads_nowhere_is_no_mistake_of_the_caller(driver: Driver) -> None:
    for location in ("http://[bad", "/\xff", ""):
        reply = answer("", 302, f"Location: {location}")
        with (
            LoopbackServer(ai_site(send(reply))) as server,
            driver.client(server.url) as client,
        ):
            with pytest.raises(StatusError):
                client.generate("Hi")


def test_text_in_an_answer_that_is_an_error_is_kept(driver: Driver) -> None:
    body = live("Hello") + b'data: {"type":"error","data":"no"}\n\n'
    with (
        LoopbackServer(ai_site(send(answer(body, 500)))) as server,
        driver.client(server.url) as client,
    ):
        with pytest.raises(ReplyError) as caught:
            client.generate("Hi")
        assert caught.value.partial_text == "Hello"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_interrupts_a_read_closes_the_connection(
    stop: type[BaseException], driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        connection.wait_closed()
        closed.set()

    def interrupt(*arguments: Any) -> Any:
        raise stop

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        monkeypatch.setattr("chatgpt4online.sync.transport.ResponseStream.read", interrupt)
        monkeypatch.setattr("chatgpt4online.aio.transport.ResponseStream.read", interrupt)
        with pytest.raises(stop):
            next(stream)
        monkeypatch.undo()
        with pytest.raises(IncompleteReply, match="closed after 5 characters"):
            next(stream)
        client.open_session()
        client.close()
        assert closed.wait(PATIENCE)
