"""Cutting a connection of requests: at any phase, from any thread, and without harm."""

from __future__ import annotations

import gc
import signal
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatgpt4online import (
    ChatError,
    ChatTimeout,
    Client,
    IncompleteReply,
    Timeout,
)
from chatgpt4online.connections import CutOff

from .elsewhere import CERTIFICATE, HELLO, tls_context
from .loopback import (
    CHUNKED,
    PATIENCE,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    answer,
    chunk,
    cut,
    end,
    live,
    stall,
)


def test_a_signal_handler_may_close_the_client() -> None:
    with LoopbackServer(ai_site(stall(CHUNKED + chunk(live("Hello"))))) as server:
        client = Client(server.url)
        stream = client.stream("Hi")
        assert next(stream) == "Hello"
        old = signal.signal(signal.SIGALRM, lambda *arguments: client.close())
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.5)  # one right before a wait is not heard
        try:
            with pytest.raises(IncompleteReply, match="closed"):
                next(stream)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)


def test_closing_while_a_connection_is_made_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    connecting, closed = threading.Event(), threading.Event()
    connect = socket.socket.connect

    def slow(sock: socket.socket, address: Any) -> None:
        connecting.set()
        assert closed.wait(PATIENCE)
        connect(sock, address)

    with LoopbackServer(HELLO) as server, ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(socket.socket, "connect", slow)
        client = Client(server.url)
        asked = pool.submit(client.generate, "Hi")
        assert connecting.wait(PATIENCE)
        client.close()
        closed.set()
        with pytest.raises(ChatError, match="closed"):
            asked.result(PATIENCE)
        assert server.requests == []


def test_closing_ends_the_wait_for_the_end_of_an_earlier_answer() -> None:
    draining = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")) + chunk(end()))
        connection.wait_closed()
        connection.close()

    with LoopbackServer(ai_site(submit)) as server, ThreadPoolExecutor(1) as pool:
        client = Client(server.url, timeout=Timeout(idle=PATIENCE))
        assert client.generate("Hi").text == "Hello"

        def ask_again() -> Any:
            draining.set()
            return client.generate("Hi again").text

        asked = pool.submit(ask_again)
        assert draining.wait(PATIENCE)
        client.close()
        try:
            assert asked.result(PATIENCE) == "Hello"
        except ChatError as error:
            assert "closed" in str(error)


def test_closing_while_the_end_is_looked_for_loses_no_reply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settimeout, looked = socket.socket.settimeout, threading.Event()

    def closing(sock: socket.socket, seconds: float | None) -> None:
        settimeout(sock, seconds)
        if seconds == 0 and not looked.is_set():
            looked.set()
            client.close()  # as another thread can do at this moment

    with LoopbackServer(HELLO) as server, Client(server.url) as client:
        monkeypatch.setattr(socket.socket, "settimeout", closing)
        assert client.generate("Hi").text == "Hello"
        assert looked.is_set()


def test_the_total_time_bounds_the_talk_with_a_proxy() -> None:
    gone = threading.Event()

    def trickle(connection: Connection, request: Received) -> None:
        assert request.method == "CONNECT"
        connection.send(b"HTTP/1.1 200 OK\r\n")
        while not gone.wait(0.02):
            connection.send(b"X: y\r\n")
        connection.close()

    with LoopbackServer(trickle) as proxy:
        timeout = Timeout(total=0.4)
        with Client("https://site.invalid", proxy=proxy.url, timeout=timeout) as client:
            with pytest.raises(ChatTimeout, match="total"):
                client.generate("Hi")
        gone.set()


def tls_pair() -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Both ends of a TLS connection."""
    context = ssl.create_default_context(cafile=CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(tls_context().wrap_socket, accepted, server_side=True)
        ours = context.wrap_socket(plain, server_hostname="localhost")
        return ours, serving.result(PATIENCE)


def test_a_tls_connection_that_is_cut_never_goes_on_in_plain_text() -> None:
    ours, theirs = tls_pair()
    with ours, theirs:
        cut_off = CutOff(None)
        cut_off.aim(ours)
        cut_off.cut()
        assert ours.version() is not None
        with pytest.raises(OSError):
            ours.sendall(b"what nobody else may read")


class Within:
    """TLS within the TLS of a proxy, as urllib3 has it: without a shutdown of its own."""

    def __init__(self, inner: socket.socket) -> None:
        self.socket = inner


def test_what_is_within_another_connection_is_cut_too() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        cut_off = CutOff(None)
        cut_off.aim(Within(ours))
        cut_off.cut()
        assert theirs.recv(1) == b""


def test_a_cut_comes_before_or_after_its_aim_and_never_after_disarming() -> None:
    for when in ("before", "after", "never"):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            cut_off = CutOff(None)
            if when == "before":
                cut_off.cut()
            cut_off.aim(ours)
            if when == "never":
                cut_off.disarm()
            cut_off.cut()
            if when == "never":
                ours.sendall(b"x")
                assert theirs.recv(1) == b"x"
            else:
                assert theirs.recv(1) == b""


def test_a_cut_keeps_nothing_alive() -> None:
    ours, theirs = socket.socketpair()
    cut_off = CutOff(None)
    cut_off.aim(ours)
    ours.close()
    del ours
    gc.collect()
    cut_off.cut()
    assert theirs.recv(1) == b""
    theirs.close()


def test_a_cut_at_a_time() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        cut_off = CutOff(0.01)
        cut_off.aim(ours)
        assert theirs.recv(1) == b""
        assert cut_off.done
        cut_off.disarm()


def test_closing_in_a_thread_that_waits_behind_a_proxy() -> None:
    asked_for = threading.Event()

    def silent(connection: Connection, request: Received) -> None:
        asked_for.set()
        stall()(connection, request)

    with LoopbackServer(silent) as proxy, ThreadPoolExecutor(1) as pool:
        client = Client("https://site.invalid", proxy=proxy.url)
        asked = pool.submit(client.generate, "Hi")
        assert asked_for.wait(PATIENCE)
        client.close()
        with pytest.raises(ChatError, match="closed"):
            asked.result(PATIENCE)


def test_an_error_that_is_kept_keeps_no_connection_open() -> None:
    closed = threading.Event()

    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            HELLO(connection, request)
            connection.wait_closed()
            closed.set()
        connection.close()

    with LoopbackServer(handle) as server, Client(server.url) as client:
        client.open_session()
        held = client._transport._session.get_adapter(server.url).poolmanager.pools  # type: ignore[attr-defined]
        pools = [held.get(key) for key in held.keys()]  # noqa: SIM118
        client.close()
        assert closed.wait(PATIENCE)
        assert pools


def test_an_answer_that_was_read_does_not_cut_the_next_one_on_its_connection() -> None:
    """At the total time of the first, whose stream is still held."""
    second = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        if len(server.prompts) > 1:
            assert not second.wait(1.2)  # the total time of the first is over by then
        connection.send(answer(live("Hello") + end()))

    with LoopbackServer(ai_site(submit)) as server:
        with Client(server.url, timeout=Timeout(total=1)) as client:
            stream = client.stream("Hi")
            assert next(stream) == "Hello"
            client._timeout = Timeout(total=PATIENCE)
            assert client.generate("Hi again").text == "Hello"
            assert server.connections == 1
            del stream


def test_a_slow_reader_is_sent_to_for_as_long_as_idle_allows() -> None:
    """Not only as long as a connection may take to be made."""
    slow = threading.Event()

    def serve(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        with sock, sock.makefile("rb") as file:
            length = 0
            while (line := file.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            assert not slow.wait(0.8)
            file.read(length)
            sock.sendall(answer(live("Hello") + end()))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(serve, listener)
        site = f"http://127.0.0.1:{listener.getsockname()[1]}"
        timeout = Timeout(connect=0.3, idle=PATIENCE)
        with Client(site, token="t", timeout=timeout) as client:
            assert client.generate("x" * 30_000_000).text == "Hello"
        serving.result(PATIENCE)


def test_head_and_body_of_a_request_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    send_all = socket.socket.sendall

    def note(sock: socket.socket, data: bytes) -> None:
        sent.append(data)
        send_all(sock, data)

    with LoopbackServer(HELLO) as server, Client(server.url) as client:
        monkeypatch.setattr(socket.socket, "sendall", note)
        client.generate("Hi")
    requests = [data for data in sent if not data.startswith(b"HTTP/")]
    assert [data.partition(b" ")[0] for data in requests] == [b"POST"] * 2
    assert b'"newMessage": "Hi"' in requests[1]


def test_what_came_before_a_chunk_that_is_none_is_not_lost() -> None:
    body = CHUNKED + chunk(live("Hel")) + chunk(live("lo")) + b"none\r\n"
    with LoopbackServer(ai_site(cut(body))) as server, Client(server.url) as client:
        with pytest.raises(IncompleteReply) as caught:
            client.generate("Hi")
    assert caught.value.partial_text == "Hello"
