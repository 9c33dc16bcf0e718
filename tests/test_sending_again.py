"""What is sent again, and what never is."""

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
    ReplyError,
    RouteNotFound,
    StatusError,
    UsageError,
)

from .drivers import Driver
from .loopback import (
    CHUNKED,
    HELLO,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    answer,
    chunk,
    cut,
    in_turn,
    live,
    send,
)

AT_ONCE = RetryPolicy(backoff=0)
ONCE = RetryPolicy(attempts=1)


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
        with pytest.raises(
            ConnectError, match=f"Could not connect to http://127.0.0.1:{dead_port}"
        ):
            client.generate("Hi")
    assert len([address for address in tries if address[1] == dead_port]) == 3


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


def test_a_stream_shows_no_failure_while_there_may_be_another_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = []

    async def main(url: str) -> None:
        async def look_meanwhile(closing: asyncio.Event, seconds: float) -> None:
            waits.append(seconds)
            assert not stream.done
            assert stream.text == ""
            with pytest.raises(UsageError, match="not complete"):
                stream.reply  # noqa: B018

        monkeypatch.setattr("chatgpt4online.aio.runner.Runner._sleep", look_meanwhile)
        async with AsyncClient(url, retry=AT_ONCE) as client:
            stream = client.stream("Hi")
            assert (await stream.read()).text == "Hello"

    busy = send(answer("<html>busy</html>", 503, "Retry-After: 0"))
    with LoopbackServer(ai_site(in_turn(busy, busy, HELLO))) as server:
        asyncio.run(main(server.url))
    assert len(waits) == 2


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

    def retry_if(error: ChatError) -> bool:
        asked.append(error)
        return isinstance(error, StatusError)

    with (
        LoopbackServer(ai_site(in_turn(send(answer("", 500)), HELLO))) as server,
        driver.client(server.url, retry=RetryPolicy(backoff=0, retry_if=retry_if)) as client,
    ):
        assert client.generate("Hi").text == "Hello"
        assert len(server.prompts) == 2
    assert [type(error) for error in asked] == [StatusError]


def test_a_reply_that_broke_off_is_never_asked_again(driver: Driver) -> None:
    policy = RetryPolicy(backoff=0, retry_if=lambda error: True)
    with (
        LoopbackServer(ai_site(cut(CHUNKED + chunk(live("Hello"))))) as server,
        driver.client(server.url, retry=policy) as client,
    ):
        with pytest.raises(IncompleteReply):
            client.generate("Hi")
        assert len(server.prompts) == 1


def test_a_client_that_is_closed_while_it_waits_sends_nothing_more(driver: Driver) -> None:
    closing: list[Any] = []

    def retry_if(error: ChatError) -> bool:
        inner = getattr(client, "inner", client)
        closing.append(
            asyncio.ensure_future(inner.close()) if inner is not client else inner.close()
        )
        return True

    with LoopbackServer(ai_site(send(answer("", 500)))) as server:
        client = driver.client(server.url, retry=RetryPolicy(backoff=0.01, retry_if=retry_if))
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
