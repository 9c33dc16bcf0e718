"""Broken connections, timeouts and malformed responses."""

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

from ..drivers import NO_BACKOFF, NO_RETRY, AsyncDriver, Driver
from ..loopback import (
    CHUNKED,
    FRAMINGS,
    WAIT_LIMIT,
    Connection,
    Framing,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    live,
    response,
    send,
    stall,
)

SHORT = 0.15
"""A timeout that tests wait for, in seconds."""
TOTAL = 1.0
"""The same, but long enough for a request to arrive on a busy machine."""
DATA = {"nothing": b"", "head": CHUNKED, "text": CHUNKED + chunk(live("Hello"))}
"""What a site may have sent before it stalls."""


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
@pytest.mark.parametrize(
    "ending", ["closed", "closed inside an event", "finished without end event"]
)
def test_truncated_stream(ending: str, framing: Framing, driver: Driver) -> None:
    framing = framing.new()
    data = framing.head + framing.encode(live("Hel") + live("lo"))
    if ending == "closed inside an event":
        data += framing.encode(live("never")[:-9])
    if ending == "finished without end event":
        data += framing.finish()
    with (
        LoopbackServer(ai_site(cut(data))) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
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


def test_reset_stream(driver: Driver) -> None:
    received = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        assert received.wait(WAIT_LIMIT)
        connection.reset()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        received.set()
        with pytest.raises(IncompleteReply, match="after 5 characters") as caught:
            next(stream)
        assert caught.value.partial_text == "Hello"
        if driver.name == "sync":  # aiohttp hides the system's error
            assert isinstance(caught.value.__cause__, ConnectionResetError)
        assert len(server.prompts) == 1


@pytest.mark.parametrize(
    "submit",
    [cut(), cut(reset=True), cut(b"HTTP/1.1 2"), send(b"?\r\n\r\n")],
    ids=["closed", "reset", "partial head", "malformed head"],
)
def test_no_response(submit: Handler, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
    ):
        with pytest.raises(TransportError) as caught:
            client.generate("Hi")
        assert type(caught.value) is TransportError
        assert "failed: " in str(caught.value)
        assert len(server.prompts) == 1


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_idle_timeout(data: bytes, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(stall(data))) as server,
        driver.client(server.url, retry=NO_BACKOFF, timeout=Timeout(idle=SHORT)) as client,
    ):
        with pytest.raises(
            IncompleteReply if data else ChatTimeout, match=r"0\.15 seconds"
        ) as caught:
            client.generate("Hi")
        assert isinstance(caught.value, TimeoutError) is not bool(data)
        assert getattr(caught.value, "partial_text", "") == ("Hello" if b"Hello" in data else "")
        assert len(server.prompts) == 1


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_total_timeout(data: bytes, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(stall(data))) as server,
        driver.client(server.url, timeout=Timeout(total=TOTAL)) as client,
    ):
        with pytest.raises(IncompleteReply if data else ChatTimeout, match=r"total"):
            client.generate("Hi")
        assert len(server.prompts) == 1


@pytest.mark.parametrize(
    "piece",
    [b"HTTP/1.1 103 X\r\nLink: x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"x"],
    ids=["103", "100", "header"],
)
def test_idle_timeout_of_an_endless_head(piece: bytes) -> None:
    """In the async client only. aiohttp restarts its own timeout whenever data arrives."""
    driver, stopped = AsyncDriver(), threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nX-Slow: " if piece == b"x" else piece)
        try:
            while not stopped.wait(0.02):
                connection.send(piece)
        finally:
            connection.close()

    timeout = Timeout(connect=SHORT, idle=SHORT)
    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, retry=NO_RETRY, timeout=timeout) as client,
    ):
        with pytest.raises(ChatTimeout, match=r"0\.15 seconds"):
            client.generate("Hi")
        stopped.set()
    driver.close()


def test_total_timeout_of_an_endless_reply(driver: Driver) -> None:
    stopped = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED)
        try:
            while not stopped.wait(0.01):
                connection.send(chunk(live("x")))
        finally:
            connection.close()

    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, timeout=Timeout(total=TOTAL)) as client,
    ):
        with pytest.raises(IncompleteReply, match="total") as caught:
            client.generate("Hi")
        stopped.set()
        assert set(caught.value.partial_text) == {"x"}


def test_no_retry_beyond_the_total_timeout(dead_port: int, driver: Driver) -> None:
    site = f"http://127.0.0.1:{dead_port}"
    policy = RetryPolicy(backoff=3600, max_backoff=3600)
    with driver.client(site, retry=policy, timeout=Timeout(total=60)) as client:
        with pytest.raises(ConnectError):
            client.generate("Hi")


def test_connect_timeout(driver: Driver) -> None:
    """A full backlog makes the next connection wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        sockets = [socket.socket() for _ in range(4)]
        for sock in sockets:
            sock.setblocking(False)
            sock.connect_ex(address)
        timeout = Timeout(connect=SHORT, idle=60)
        with driver.client(
            f"http://127.0.0.1:{address[1]}", retry=NO_RETRY, timeout=timeout
        ) as client:
            with pytest.raises(ChatTimeout, match=r"Timeout\.connect") as caught:
                client.generate("Hi")
        assert caught.value.retryable
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 X\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 500 X\r\nConnection: close\r\n\r\n",
    ],
    ids=["redirect", "403", "500"],
)
def test_endless_error_response(head: bytes, driver: Driver) -> None:
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


def test_invalid_redirect(driver: Driver) -> None:
    for location in ("http://[bad", "/\xff", ""):
        reply = response("", 302, f"Location: {location}")
        with (
            LoopbackServer(ai_site(send(reply))) as server,
            driver.client(server.url) as client,
        ):
            with pytest.raises(StatusError):
                client.generate("Hi")


def test_partial_text_of_an_error_response(driver: Driver) -> None:
    body = live("Hello") + b'data: {"type":"error","data":"no"}\n\n'
    with (
        LoopbackServer(ai_site(send(response(body, 500)))) as server,
        driver.client(server.url) as client,
    ):
        with pytest.raises(ReplyError) as caught:
            client.generate("Hi")
        assert caught.value.partial_text == "Hello"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_interrupted_read_closes_the_connection(
    interruption: type[BaseException], driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        connection.wait_closed()
        closed.set()

    def interrupt(*arguments: Any) -> Any:
        raise interruption

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        monkeypatch.setattr("chatgpt4online.sync.transport.ResponseStream.read", interrupt)
        monkeypatch.setattr("chatgpt4online.aio.transport.ResponseStream.read", interrupt)
        with pytest.raises(interruption):
            next(stream)
        monkeypatch.undo()
        with pytest.raises(IncompleteReply, match="closed after 5 characters"):
            next(stream)
        client.open_session()
        client.close()
        assert closed.wait(WAIT_LIMIT)
