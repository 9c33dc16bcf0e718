"""Broken connections, time that runs out, and what is sent again."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from chatgpt4online import Limits, RetryPolicy, Timeout
from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ChatTimeout,
    ConnectError,
    IncompleteReply,
    NonceRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
    TransportError,
    UsageError,
)

from .drivers import Driver
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
    end,
    live,
    reply_with,
)

AT_ONCE = RetryPolicy(backoff=0)
ONCE = RetryPolicy(attempts=1)
SHORT = 0.15
"""A time that is waited for in full; seconds."""


def in_turn(*handlers: Handler) -> Handler:
    """Handle the first prompt by the first handler, and so on; the last handles the rest."""
    left = list(handlers)

    def submit(connection: Connection, request: Received) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(connection, request)

    return submit


def send(data: bytes) -> Handler:
    return lambda connection, request: connection.send(data)


def stall(data: bytes = b"") -> Handler:
    """Send something, then nothing until the client gives up."""

    def submit(connection: Connection, request: Received) -> None:
        connection.send(data)
        connection.wait_closed()
        connection.close()

    return submit


def cut(data: bytes = b"", *, reset: bool = False) -> Handler:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(data)
        (connection.reset if reset else connection.close)()

    return submit


HELLO = reply_with(live("Hello"), end())


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
        cause = caught.value.__cause__
        assert cause is not None
        assert type(cause).__module__.split(".")[0] in ("urllib3", "aiohttp")
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
        assert caught.value.__cause__ is not None
        assert len(server.prompts) == 1


def test_no_answer_to_the_opening_is_asked_again(driver: Driver) -> None:
    opened = ai_site(HELLO)

    def handle(connection: Connection, request: Received) -> None:
        (cut() if len(server.requests) < 3 else opened)(connection, request)

    with (
        LoopbackServer(handle) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.requests) == 4
        assert len(server.prompts) == 1


def test_a_refused_connection_is_tried_as_often_as_the_policy_says(
    dead_port: int, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Any] = []
    connect = socket.socket.connect

    def counted(sock: socket.socket, address: Any) -> Any:
        tries.append(address)
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", counted)
    with driver.client(f"http://127.0.0.1:{dead_port}", retry=AT_ONCE) as client:
        with pytest.raises(ConnectError, match=f"No connection to http://127.0.0.1:{dead_port}"):
            client.generate("Hi")
    assert len([address for address in tries if address[1] == dead_port]) == 3


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
        assert caught.value.__cause__ is not None
        assert len(server.prompts) == 1


@pytest.mark.parametrize("head", [b"", CHUNKED, CHUNKED + chunk(live("Hello"))])
def test_the_total_time_ends_a_call(head: bytes, driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(stall(head))) as server,
        driver.client(server.url, timeout=Timeout(total=SHORT)) as client,
    ):
        with pytest.raises(IncompleteReply if head else ChatTimeout, match=r"total"):
            client.generate("Hi")
        assert len(server.prompts) == 1


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
        driver.client(server.url, timeout=Timeout(total=SHORT)) as client,
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


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_site_is_asked_again_as_it_says(status: int, driver: Driver) -> None:
    busy = send(answer("<html>busy</html>", status, "Retry-After: 0"))
    with (
        LoopbackServer(ai_site(in_turn(busy, busy, HELLO))) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.prompts) == 3
        assert len({prompt.json["chatId"] for prompt in server.prompts}) == 1


def test_the_last_real_error_is_raised(driver: Driver) -> None:
    first = send(answer("", 503, "Retry-After: 0"))
    last = send(answer("", 429, "Retry-After: 0"))
    with (
        LoopbackServer(ai_site(in_turn(first, first, last))) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        with pytest.raises(Blocked) as caught:
            client.generate("Hi")
        assert caught.value.status == 429
        assert len(server.prompts) == 3


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer("<html>", 503), Blocked),
        (answer("<html>", 503, "Retry-After: 61"), Blocked),
        (answer("<html>", 403, "Retry-After: 0"), Blocked),
        (answer("<html>", 500, "Retry-After: 0"), StatusError),
        (answer("<html>", 502), StatusError),
        (answer("<html>", 404), RouteNotFound),
        (answer({"success": False, "message": "m"}, 429, "Retry-After: 0"), ReplyError),
        (answer({"success": False, "message": "m"}, 503, "Retry-After: 0"), ReplyError),
        (answer(live("Hello") + b'data: {"type":"error","data":"m"}\n\n'), ReplyError),
        (answer("", 307, "Location: /elsewhere"), StatusError),
    ],
)
def test_what_the_site_may_have_run_is_not_sent_again(
    reply: bytes, kind: type[ChatError], driver: Driver
) -> None:
    with (
        LoopbackServer(ai_site(send(reply))) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        with pytest.raises(kind):
            client.generate("Hi")
        assert len(server.prompts) == 1


def test_a_policy_can_ask_for_more(driver: Driver) -> None:
    asked: list[ChatError] = []

    def also(error: ChatError) -> bool:
        asked.append(error)
        return isinstance(error, StatusError)

    with (
        LoopbackServer(ai_site(in_turn(send(answer("", 500)), HELLO))) as server,
        driver.client(server.url, retry=RetryPolicy(backoff=0, also=also)) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.prompts) == 2
    assert [type(error) for error in asked] == [StatusError]


def test_a_reply_that_broke_off_is_never_asked_again(driver: Driver) -> None:
    policy = RetryPolicy(backoff=0, also=lambda error: True)
    with (
        LoopbackServer(ai_site(cut(CHUNKED + chunk(live("Hello"))))) as server,
        driver.client(server.url, retry=policy) as client,
    ):
        with pytest.raises(IncompleteReply):
            client.generate("Hi")
        assert len(server.prompts) == 1


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


def test_a_client_that_is_closed_while_it_waits_sends_nothing_more(driver: Driver) -> None:
    closing: list[Any] = []

    def also(error: ChatError) -> bool:
        inner = getattr(client, "inner", client)
        closing.append(
            asyncio.ensure_future(inner.close()) if inner is not client else inner.close()
        )
        return True

    with LoopbackServer(ai_site(send(answer("", 500)))) as server:
        client = driver.client(server.url, retry=RetryPolicy(backoff=0.01, also=also))
        with pytest.raises(UsageError, match="closed"):
            client.generate("Hi")
        assert len(server.prompts) == 1
        assert closing


REFUSED = answer(
    {"code": "rest_cookie_invalid_nonce", "message": "m", "data": {"status": 403}}, 403
)


def test_a_refused_nonce_is_renewed_once(driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(in_turn(send(REFUSED), HELLO))) as server,
        driver.client(server.url) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        paths = [request.target.rpartition("/")[2] for request in server.requests]
        assert paths == ["start_session", "submit", "start_session", "submit"]


def test_a_nonce_that_is_always_refused(driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(send(REFUSED))) as server,
        driver.client(server.url, retry=AT_ONCE) as client,
    ):
        with pytest.raises(NonceRejected) as caught:
            client.generate("Hi")
        assert "n000000001" not in str(caught.value)
        assert len(server.prompts) == 2


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
        monkeypatch.setattr("chatgpt4online.transport.Answer.read", interrupt)
        monkeypatch.setattr("chatgpt4online.async_transport.AsyncAnswer.read", interrupt)
        with pytest.raises(stop):
            next(stream)
        monkeypatch.undo()
        with pytest.raises(IncompleteReply, match="closed after 5 characters"):
            next(stream)
        client.open_session()
        client.close()
        assert closed.wait(PATIENCE)
