"""Whether the site may have run a prompt, when a call has failed after several tries."""

from __future__ import annotations

import pytest

from chatgpt4online import RetryPolicy
from chatgpt4online.errors import (
    Blocked,
    ChatError,
    LimitReached,
    PromptTooLong,
    RateLimited,
    ReplyError,
    TransportError,
)

from ..drivers import NO_BACKOFF, Driver
from ..loopback import (
    HELLO,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    cut,
    end,
    reply_with,
    response,
    send,
    sequence,
)

FAILED = b'data: {"type":"error","data":"no"}\n\n'


def _is_transport_error(error: ChatError) -> bool:
    return isinstance(error, TransportError)


def test_a_safe_try_after_one_that_may_have_run(driver: Driver) -> None:
    lost = sequence(cut(), send(response("", 503, "Retry-After: 0")), HELLO)
    policy = RetryPolicy(attempts=4, backoff=0, retry_if=_is_transport_error)
    with LoopbackServer(ai_site(lost)) as server, driver.client(server.url, retry=policy) as client:
        assert client.generate("Hi").text == "Hello"


def test_a_refusal_after_a_try_that_may_have_run(driver: Driver) -> None:
    """The site may keep the lost turn under the old chat_id, whatever became of the next try."""
    lost = sequence(HELLO, cut(), send(response("", 429, "Retry-After: 0")), HELLO)
    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: True)
    with LoopbackServer(ai_site(lost)) as server, driver.client(server.url, retry=policy) as client:
        chat = client.conversation()
        chat.generate("one")
        with pytest.raises(RateLimited) as caught:
            chat.generate("two")
        assert caught.value.may_have_run
        assert not caught.value.retryable
        chat.generate("three")
        first, *_, last = (prompt.json["chatId"] for prompt in server.prompts)
        assert first != last == chat.chat_id


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (response("<html>wall</html>", 403), Blocked),
        (response({"success": False, "message": "You reached your limit."}, 429), LimitReached),
    ],
)
def test_a_refusal_of_the_second_try_after_a_try_that_may_have_run(
    refusal: bytes, kind: type[ChatError], driver: Driver
) -> None:
    """The second try is that of a response id which the site has forgotten."""
    forgotten = send(response(b'data: {"type":"error","data":"previous_response_not_found"}\n\n'))
    first = reply_with(end(responseId="r1"))
    policy = RetryPolicy(attempts=2, backoff=0, retry_if=_is_transport_error)
    with (
        LoopbackServer(ai_site(sequence(first, cut(), forgotten, send(refusal), HELLO))) as server,
        driver.client(server.url, retry=policy) as client,
    ):
        chat = client.conversation()
        chat.generate("one")
        with pytest.raises(kind) as caught:
            chat.generate("two", params={"previousResponseId": "r1"})
        assert caught.value.may_have_run
        chat.generate("three")
        assert len({prompt.json["chatId"] for prompt in server.prompts[1:]}) == 4


def test_a_query_of_the_model_that_is_refused_after_a_try_that_may_have_run(
    driver: Driver,
) -> None:
    lost = sequence(cut(), send(response("<html>wall</html>", 403)))

    def handle(connection: Connection, request: Received) -> None:
        if request.method == "GET":
            connection.send(response({"namespaces": []}))
        else:
            lost(connection, request)

    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: True)
    with LoopbackServer(handle) as server:
        with driver.client(server.url, token="t", retry=policy) as client:
            with pytest.raises(Blocked) as caught:
                client.text_query("Hi")
    assert caught.value.may_have_run


@pytest.mark.parametrize("opening", [cut(), send(response("", 500)), send(response({"a": 1}))])
def test_a_session_that_cannot_be_opened_runs_no_prompt(opening: Handler, driver: Driver) -> None:
    with (
        LoopbackServer(opening) as server,
        driver.client(server.url, retry=NO_BACKOFF) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
        assert not caught.value.may_have_run


def test_an_error_after_a_reply_has_begun_with_activity(driver: Driver) -> None:
    activity = b'data: {"type":"live","subtype":"tool_call","data":"Looking"}\n\n'
    with (
        LoopbackServer(ai_site(send(response(activity + FAILED)))) as server,
        driver.client(server.url) as client,
    ):
        with pytest.raises(ReplyError) as caught:
            client.generate("Hi")
        assert caught.value.may_have_run


def test_a_message_that_is_too_long_after_a_try_that_may_have_run(driver: Driver) -> None:
    refusal = send(response({"success": False, "message": "no"}, 400))
    lost = ai_site(sequence(cut(), refusal))

    def handle(connection: Connection, request: Received) -> None:
        if request.method == "GET":
            bot = '{"textInputMaxLength": 600}'
            page = f"<div data-params='{bot}' data-system='{{\"botId\": \"default\"}}'></div>"
            connection.send(response(page))
        else:
            lost(connection, request)

    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: error.may_have_run)
    with LoopbackServer(handle) as server, driver.client(server.url, retry=policy) as client:
        with pytest.raises(PromptTooLong) as caught:
            client.generate("x" * 700)
    assert caught.value.may_have_run
