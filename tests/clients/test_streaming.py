"""Streams yield each piece as soon as it arrives, and connections are reused."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading

import pytest

from chatgpt4online import AsyncClient, Timeout
from chatgpt4online.errors import IncompleteReply, QueryRejected, TransportError, UsageError
from chatgpt4online.models import EndEvent, TextEvent
from chatgpt4online.server import LocalSite

from ..drivers import AsyncDriver, Driver
from ..loopback import (
    CHUNKED,
    FRAMINGS,
    WAIT_LIMIT,
    Connection,
    Framing,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    end,
    live,
    response,
)


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.name)
def test_pieces_are_yielded_as_they_arrive(framing: Framing, driver: Driver) -> None:
    """The server sends each piece only after the test has received the previous one."""
    received = [threading.Event() for _ in range(3)]

    def submit(connection: Connection, request: Received) -> None:
        body = framing.new()
        connection.send(body.head)
        for number, event in enumerate(received):
            connection.send(body.encode(live(f"piece {number} ")))
            assert event.wait(WAIT_LIMIT)
        connection.send(body.encode(end("done")) + body.finish())
        connection.close()

    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url) as client,
        client.stream("Hi") as stream,
    ):
        for number, event in enumerate(received):
            assert next(stream) == f"piece {number} "
            event.set()
        assert list(stream) == []
        assert stream.reply.text == "done"


def test_partial_chunk_in_the_async_client(driver: Driver) -> None:
    """requests only returns complete chunks."""
    if driver.name == "sync":
        pytest.skip("only the async client reads parts of a chunk")
    received = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        whole = chunk(live("one") + live("two") + end("onetwo"))
        split = whole.index(b"two") - 20
        connection.send(CHUNKED + whole[:split])
        assert received.wait(WAIT_LIMIT)
        connection.send(whole[split:] + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "one"
        received.set()
        assert list(stream) == ["two"]


def test_text_of_a_cut_chunk(driver: Driver) -> None:
    """Events that arrived in an unfinished HTTP chunk."""
    whole = chunk(live("one") + live("two") + end("onetwo"))
    cut_inside = cut(CHUNKED + whole[: whole.index(b"two") - 20])
    with LoopbackServer(ai_site(cut_inside)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "one"
        with pytest.raises(IncompleteReply) as caught:
            next(stream)
    assert caught.value.partial_text == "one"


def test_pieces_of_a_response_with_content_length(driver: Driver) -> None:
    received = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        first, rest = live("one"), live("two") + end("onetwo")
        head = response(first + rest).removesuffix(rest)
        connection.send(head)
        assert received.wait(WAIT_LIMIT)
        connection.send(rest)

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert next(stream) == "one"
        received.set()
        assert list(stream) == ["two"]


@pytest.mark.parametrize("call", ["generate", "stream", "events"])
@pytest.mark.parametrize(
    "framing", [item for item in FRAMINGS if item.chunked], ids=lambda framing: framing.name
)
def test_connection_is_reused(framing: Framing, call: str, driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        body = framing.new()
        connection.send(body.head + body.encode(live("Hello")) + body.encode(end()))
        connection.send(body.finish())

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        for _ in range(10):
            if call == "generate":
                assert client.generate("Hi").text == "Hello"
            elif call == "stream":
                assert list(client.stream("Hi")) == ["Hello"]
            else:
                with client.stream("Hi") as stream:
                    kinds = [type(event) for event, _ in zip(stream.events(), "12", strict=False)]
                    assert kinds == [TextEvent, EndEvent]
        assert server.connections == 1
        assert len(server.prompts) == 10


def test_unfinished_body(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")) + chunk(end()))
        connection.wait_closed()
        connection.close()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"
        assert client.generate("Hi").text == "Hello"
        assert server.connections == 2


def test_endless_body(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")) + chunk(end()))
        while True:
            connection.send(chunk(b"x" * 1000))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"
        assert client.generate("Hi").text == "Hello"


def test_endless_trailers_in_the_async_client(driver: Driver) -> None:
    """requests reads all trailers, however long that takes."""
    if driver.name == "sync":
        pytest.skip("only the async client stops reading")

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")) + chunk(end()) + b"0\r\n")
        while True:
            connection.send(b"X-Trailer: x\r\n")
            pause.wait(0.02)

    pause = threading.Event()
    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"
        assert client.generate("Hi").text == "Hello"
        assert server.connections == 2


def test_interim_response(driver: Driver) -> None:
    """Neither it nor its final response is taken for the reply to another prompt."""

    def submit(connection: Connection, request: Received) -> None:
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        message = request.json["newMessage"]
        connection.send(CHUNKED + chunk(end(f"reply to {message}")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        for prompt in ("A", "B", "C"):
            with contextlib.suppress(TransportError):
                assert client.generate(prompt).text == f"reply to {prompt}"
        assert len(server.prompts) == 3


def test_garbage_collected_stream_leaves_no_timer(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one")))
        connection.wait_closed()
        connection.close()

    timeout = Timeout(total=3600)
    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, timeout=timeout) as client,
    ):
        for _ in client.stream("Hi"):
            break
        gc.collect()


def test_cancelled_stream_is_incomplete(driver: Driver) -> None:
    if driver.name == "sync":
        pytest.skip("only tasks are cancelled")

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("half")))
        connection.wait_closed()
        connection.close()

    async def run(inner: AsyncClient) -> None:
        stream = inner.stream("Hi")
        assert await anext(stream) == "half"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.05)
        with pytest.raises(IncompleteReply, match="closed after 4 characters") as caught:
            await anext(stream)
        assert caught.value.partial_text == "half"

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        driver.runner.run(run(client.inner))  # type: ignore[attr-defined]


def test_rejected_stream_raises_the_same_error_again() -> None:
    driver = AsyncDriver()

    async def run() -> None:
        async with LocalSite(max_length=1) as site, AsyncClient(site.url) as client:
            stream = client.stream("Hi", params={"shortcutId": "bogus"})
            for _ in range(2):
                with pytest.raises(QueryRejected):
                    await anext(stream)
                with pytest.raises(QueryRejected):
                    await stream
            with pytest.raises(QueryRejected):
                _ = stream.reply
            closed = client.stream("Hi")
            await closed.close()
            with pytest.raises(IncompleteReply, match="before its end"):
                await anext(closed)
            with pytest.raises(IncompleteReply, match="before its end"):
                await closed

    driver.runner.run(run())
    driver.close()


def test_text_and_reply(driver: Driver) -> None:
    received = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hel")))
        assert received.wait(WAIT_LIMIT)
        connection.send(chunk(live("lo")) + chunk(end("Hello!", responseId="r1")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        assert stream.text == "Hel"  # it was read before the stream was returned
        assert next(stream) == "Hel"
        with pytest.raises(UsageError, match="not complete"):
            _ = stream.reply.text
        received.set()
        assert list(stream.events())[-1] == EndEvent(stream.reply)
        assert stream.text == stream.reply.text == "Hello!"
        assert stream.reply.response_id == "r1"
        assert list(stream) == []
        stream.close()
        stream.close()


def test_closed_stream_closes_its_connection(driver: Driver) -> None:
    closed = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one")) + chunk(live("two")))
        if len(server.prompts) == 1:
            connection.wait_closed()
            closed.set()
        else:
            connection.send(chunk(end("onetwo")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        with client.stream("Hi") as stream:
            assert next(stream) == "one"
        assert closed.wait(WAIT_LIMIT)
        with pytest.raises(IncompleteReply, match="before its end") as caught:
            next(stream)
        assert caught.value.partial_text == stream.text
        with pytest.raises(IncompleteReply, match="before its end"):
            _ = stream.reply
        assert stream.text in ("one", "onetwo")
        assert client.generate("Hi").text == "onetwo"


def test_garbage_collected_stream_closes_its_connection(driver: Driver) -> None:
    closed = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one")))
        connection.wait_closed()
        closed.set()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        for piece in client.stream("Hi"):
            assert piece == "one"
            break
        gc.collect()
        client.open_session()
        client.close()
        assert closed.wait(WAIT_LIMIT)


def test_close_client_with_open_stream(driver: Driver) -> None:
    closed = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("one")))
        connection.wait_closed()
        closed.set()
        connection.close()

    with LoopbackServer(ai_site(submit)) as server:
        client = driver.client(server.url)
        stream = client.stream("Hi")
        assert next(stream) == "one"
        client.close()
        client.close()
        assert closed.wait(WAIT_LIMIT)
        with pytest.raises(IncompleteReply) as caught:
            next(stream)
        assert caught.value.partial_text == "one"
        with pytest.raises(UsageError, match="closed"):
            client.generate("Hi")
        with pytest.raises(UsageError, match="closed"):
            client.stream("Hi")
        with pytest.raises(UsageError, match="closed"):
            client.open_session()
