"""Which requests are retried, and which never are."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from chatgpt4online import AsyncClient, RetryPolicy
from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ConnectError,
    IncompleteReply,
    NonceRejected,
    QueryRejected,
    RateLimited,
    ReplyError,
    RouteNotFound,
    StatusError,
    TransportError,
    UsageError,
)
from chatgpt4online.testing import ScriptedSite

from ..drivers import NO_BACKOFF, Driver
from ..loopback import (
    CHUNKED,
    HELLO,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    end,
    live,
    response,
    send,
    sequence,
)


def test_lost_session_response_is_retried(driver: Driver) -> None:
    site = ai_site(HELLO)

    def handle(connection: Connection, request: Received) -> None:
        (cut() if len(server.requests) < 3 else site)(connection, request)

    with (
        LoopbackServer(handle) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.requests) == 4
        assert len(server.prompts) == 1


def test_refused_connection_is_retried(
    dead_port: int, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses: list[Any] = []
    connect = socket.socket.connect

    def counting_connect(sock: socket.socket, address: Any) -> Any:
        addresses.append(address)
        return connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", counting_connect)
    with driver.client(f"http://127.0.0.1:{dead_port}", retry=NO_BACKOFF) as client:
        with pytest.raises(
            ConnectError, match=f"Could not connect to http://127.0.0.1:{dead_port}"
        ):
            client.generate("Hi")
    assert len([address for address in addresses if address[1] == dead_port]) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(status: int, driver: Driver) -> None:
    busy = send(response("<html>busy</html>", status, "Retry-After: 0"))
    with (
        LoopbackServer(ai_site(sequence(busy, busy, HELLO))) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.prompts) == 3
        assert len({prompt.json["chatId"] for prompt in server.prompts}) == 1


def test_last_error_is_raised(driver: Driver) -> None:
    first = send(response("", 503, "Retry-After: 0"))
    last = send(response("", 429, "Retry-After: 0"))
    with (
        LoopbackServer(ai_site(sequence(first, first, last))) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
    ):
        with pytest.raises(Blocked) as caught:
            client.generate("Hi")
        assert caught.value.status == 429
        assert len(server.prompts) == 3


def test_stream_is_not_done_before_the_last_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = []

    async def main(url: str) -> None:
        async def check_stream(closing: asyncio.Event, seconds: float) -> None:
            waits.append(seconds)
            assert not stream.done
            assert stream.text == ""
            with pytest.raises(UsageError, match="not complete"):
                stream.reply  # noqa: B018

        monkeypatch.setattr("chatgpt4online.aio.runner.Runner._sleep", check_stream)
        async with AsyncClient(url, retry=NO_BACKOFF) as client:
            stream = client.stream("Hi")
            assert (await stream.read()).text == "Hello"

    busy = send(response("<html>busy</html>", 503, "Retry-After: 0"))
    with LoopbackServer(ai_site(sequence(busy, busy, HELLO))) as server:
        asyncio.run(main(server.url))
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (response("<html>", 503), Blocked),
        (response("<html>", 503, "Retry-After: 61"), Blocked),
        (response("<html>", 403, "Retry-After: 0"), Blocked),
        (response("<html>", 500, "Retry-After: 0"), StatusError),
        (response("<html>", 502), StatusError),
        (response("<html>", 404), RouteNotFound),
        (response({"success": False, "message": "m"}, 429, "Retry-After: 0"), ReplyError),
        (response({"success": False, "message": "m"}, 503, "Retry-After: 0"), ReplyError),
        (response(live("Hello") + b'data: {"type":"error","data":"m"}\n\n'), ReplyError),
        (response("", 307, "Location: /other"), StatusError),
    ],
    ids=[
        "503",
        "503, long Retry-After",
        "403, Retry-After",
        "500, Retry-After",
        "502",
        "404",
        "429 by the plugin",
        "503 by the plugin",
        "error event",
        "redirect",
    ],
)
def test_prompt_that_may_have_run_is_not_sent_again(
    reply: bytes, kind: type[ChatError], driver: Driver
) -> None:
    with (
        LoopbackServer(ai_site(send(reply))) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
    ):
        with pytest.raises(kind):
            client.generate("Hi")
        assert len(server.prompts) == 1


def test_retry_if(driver: Driver) -> None:
    errors: list[ChatError] = []

    def retry_if(error: ChatError) -> bool:
        errors.append(error)
        return isinstance(error, StatusError)

    with (
        LoopbackServer(ai_site(sequence(send(response("", 500)), HELLO))) as server,
        driver.client(server.url, retry=RetryPolicy(backoff=0, retry_if=retry_if)) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.prompts) == 2
    assert [type(error) for error in errors] == [StatusError]


FAILED = b'data: {"type":"error","data":"no"}\n\n'
STATUS = b'data: {"type":"live","subtype":"status","data":"Starting"}\n\n'


@pytest.mark.parametrize(
    ("body", "kind"),
    [(FAILED, ReplyError), (STATUS + FAILED, ReplyError), (b"", IncompleteReply)],
    ids=["error event", "after a status", "no body"],
)
def test_retry_if_before_the_reply_has_begun(
    body: bytes, kind: type[ChatError], driver: Driver
) -> None:
    errors: list[ChatError] = []

    def retry_if(error: ChatError) -> bool:
        errors.append(error)
        return True

    with (
        LoopbackServer(ai_site(sequence(send(response(body)), HELLO))) as server,
        driver.client(
            server.url, max_connections=1, retry=RetryPolicy(backoff=0, retry_if=retry_if)
        ) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert list(client.stream("Hi")) == ["Hello"]
        assert len(server.prompts) == 3
    assert [type(error) for error in errors] == [kind]


def test_retry_if_goes_before_the_second_try(driver: Driver) -> None:
    """The site says that it has forgotten the id, which is left out once the tries are over."""
    forgotten = b'data: {"type":"error","data":"previous_response_not_found"}\n\n'

    def submit(connection: Connection, request: Received) -> None:
        known = "previousResponseId" not in request.json
        connection.send(response(end() if known else forgotten))

    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: True)
    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, retry=policy) as client,
    ):
        assert client.generate("Hi", params={"previousResponseId": "r1"}).text == "Hello"
        assert len(server.prompts) == 3


def test_incomplete_reply_is_never_retried(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    policy = RetryPolicy(backoff=0, retry_if=lambda error: True)
    ai_engine_site.fail("cut", after="Hello")
    with driver.client(ai_engine_site.url, retry=policy) as client:
        with pytest.raises(IncompleteReply):
            client.generate("Hi")
    assert ai_engine_site.prompts == ["Hi"]


def test_close_during_backoff(driver: Driver) -> None:
    closing: list[Any] = []

    def retry_if(error: ChatError) -> bool:
        inner = getattr(client, "inner", client)
        closing.append(
            asyncio.ensure_future(inner.close()) if inner is not client else inner.close()
        )
        return True

    with LoopbackServer(ai_site(send(response("", 500)))) as server:
        client = driver.client(server.url, retry=RetryPolicy(backoff=0.01, retry_if=retry_if))
        with pytest.raises(TransportError, match="closed"):
            client.generate("Hi")
        assert len(server.prompts) == 1
        assert closing


def test_rejected_nonce_is_renewed(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    ai_engine_site.fail("stale_nonce")
    ai_engine_site.reply("Hello")
    with driver.client(ai_engine_site.url) as client:
        assert client.generate("Hi").text == "Hello"
    paths = [request.path.rpartition("/")[2] for request in ai_engine_site.requests]
    assert paths == ["start_session", "submit", "start_session", "submit"]


def test_renewed_nonce_is_rejected_too(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    ai_engine_site.fail("stale_nonce")
    ai_engine_site.fail("stale_nonce")
    with driver.client(ai_engine_site.url, retry=NO_BACKOFF) as client:
        with pytest.raises(NonceRejected) as caught:
            client.generate("Hi")
    first, second = (
        request.headers["X-WP-Nonce"] for request in ai_engine_site.requests if request.prompt
    )
    assert first not in str(caught.value)
    assert second not in str(caught.value)


def test_no_retry_of_why_a_message_was_refused(driver: Driver) -> None:
    """The page is read for that. It is not tried again with the prompt's policy."""
    refusal = b'data: {"type":"error","data":"Sorry, your query has been rejected."}\n\n'

    def handle(connection: Connection, request: Received) -> None:
        if request.method == "GET":
            connection.send(response("<html></html>"))
        else:
            ai_site(send(response(refusal)))(connection, request)

    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: True)
    with LoopbackServer(handle) as server, driver.client(server.url, retry=policy) as client:
        with pytest.raises(QueryRejected) as caught:
            client.generate("x" * 600)
        assert str(caught.value).count("most sites accept 512") == 1
        assert len(server.prompts) == 2
        assert [request.method for request in server.requests].count("GET") == 1


def test_a_repeat_gets_a_chat_id_of_its_own(driver: Driver) -> None:
    """The site may have run the first prompt, and keep it under its chat_id."""

    def submit(connection: Connection, request: Received) -> None:
        if len(server.prompts) == 2:
            connection.close()
        else:
            connection.send(CHUNKED + chunk(end(f"reply {len(server.prompts)}")) + chunk(b""))

    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: True)
    with (
        LoopbackServer(ai_site(submit)) as server,
        driver.client(server.url, retry=policy) as client,
    ):
        chat = client.conversation()
        for text in ("one", "two", "three"):
            chat.generate(text)
        first, lost, again, last = (prompt.json["chatId"] for prompt in server.prompts)
        assert first == lost != again == last == chat.chat_id


def test_calls_wait_although_they_are_not_retried(driver: Driver) -> None:
    policy = RetryPolicy(attempts=1, max_retry_after=30)
    busy = send(response("<html>busy</html>", 503, "Retry-After: 20"))
    with (
        LoopbackServer(ai_site(busy)) as server,
        driver.client(server.url, retry=policy) as client,
    ):
        with pytest.raises(Blocked):
            client.generate("Hi")
        with pytest.raises(RateLimited, match="has asked to wait") as caught:
            client.generate("Hi", timeout=1)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 20
        with pytest.raises(RateLimited):
            client.with_options(retry=RetryPolicy(max_retry_after=1)).generate("Hi")
        assert len(server.prompts) == 1
