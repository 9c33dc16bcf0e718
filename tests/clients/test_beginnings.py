"""`stream` returns once the reply has begun; refusals are raised there."""

from __future__ import annotations

import threading

import pytest

from chatgpt4online import ActivityEvent, EndEvent, PromptTooLong, ReplyError, TextEvent
from chatgpt4online.server import LocalSite
from chatgpt4online.testing import ScriptedSite

from ..drivers import Driver
from ..loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    live,
    response,
)
from ..recordings import Recording

STATUS = b'data: {"type":"live","subtype":"status","data":"Starting"}\n\n'
THINKING = b'data: {"type":"live","subtype":"thinking","data":"Hm"}\n\n'
FAILED = b'data: {"type":"error","data":"no"}\n\n'
FORGOTTEN = Recording("3.6.2/close-delimited/stream-expired-response-id")
MESSAGE = "Previous response with id 'resp_1' not found. (previous_response_not_found)"


def test_statuses_are_not_lost(driver: Driver) -> None:
    """The server sends the rest only after `stream` has returned."""
    returned = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        for event in (STATUS, STATUS, THINKING):
            connection.send((CHUNKED if event is STATUS and not sent else b"") + chunk(event))
            sent.append(event)
        assert returned.wait(WAIT_LIMIT)
        connection.send(chunk(live("Hello")) + chunk(end()) + chunk(b""))

    sent: list[bytes] = []
    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        stream = client.stream("Hi")
        returned.set()
        events = list(stream.events())
    assert [event.kind for event in events[:3] if isinstance(event, ActivityEvent)] == [
        "status", "status", "thinking",
    ]  # fmt: skip
    assert [type(event) for event in events[3:]] == [TextEvent, EndEvent]


@pytest.mark.parametrize(("first", "text"), [(live("Hel"), "Hel"), (THINKING, "")])
def test_error_after_the_beginning_is_raised_while_reading(
    first: bytes, text: str, ai_engine_site: ScriptedSite, driver: Driver
) -> None:
    ai_engine_site.reply(raw=first + FAILED)
    with driver.client(ai_engine_site.url) as client:
        stream, pieces = client.stream("Hi"), []
        with pytest.raises(ReplyError) as caught:
            pieces.extend(stream)
        assert "".join(pieces) == caught.value.partial_text == text


@pytest.mark.parametrize("before", [b"", STATUS])
def test_error_at_the_beginning_is_raised_by_stream(
    before: bytes, ai_engine_site: ScriptedSite, driver: Driver
) -> None:
    ai_engine_site.reply(raw=before + FAILED)
    ai_engine_site.reply(raw=before + FAILED)
    with driver.client(ai_engine_site.url) as client:
        with pytest.raises(ReplyError, match="no"):
            client.stream("Hi")
        with pytest.raises(ReplyError, match="no"):
            client.conversation().stream("Hi")
    assert len(ai_engine_site.prompts) == 2


def test_message_that_is_too_long_is_refused_by_stream(driver: Driver) -> None:
    with LocalSite() as site, driver.client(site.url) as client:
        for _ in range(2):  # before and after the page is read
            with pytest.raises(PromptTooLong, match="has 600 characters; the site accepts 512"):
                client.stream("x" * 600)


@pytest.mark.parametrize(
    "refusal",
    [
        FORGOTTEN.response,
        response(STATUS + b'data: {"type":"error","data":"%s"}\n\n' % MESSAGE.encode()),
        response({"success": False, "message": MESSAGE}, 500),
        response({"success": False, "message": MESSAGE}),
    ],
    ids=["recorded", "after a status", "JSON", "JSON with status 200"],
)
def test_forgotten_response_id(refusal: bytes, driver: Driver) -> None:
    """The turn is sent once more without the id, and without what the site has kept."""

    def submit(connection: Connection, request: Received) -> None:
        number = len(server.prompts)
        if request.json.get("previousResponseId") == "resp_1":
            connection.send(refusal)
            if refusal is FORGOTTEN.response:
                connection.close()
        else:
            body = end(f"reply {number}", responseId=f"resp_{number}")
            connection.send(CHUNKED + chunk(body) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        chat = client.conversation()
        chat.generate("one")
        assert chat.generate("two").text == "reply 3"
        assert chat.generate("three").text == "reply 4"
        _, second, third, fourth = (prompt.json for prompt in server.prompts)
        assert second.pop("previousResponseId") == "resp_1"
        assert third.pop("chatId") != second.pop("chatId")
        for body in (second, third):
            for message in body["messages"]:
                del message["id"]  # which begins with the chatId
        assert third == second
        assert fourth["previousResponseId"] == "resp_3"
        assert len(chat.messages) == 6


def test_response_id_is_left_out_only_once(driver: Driver) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(FORGOTTEN.response)
        connection.close()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        with pytest.raises(ReplyError, match="previous_response_not_found"):
            client.generate("Hi", params={"previousResponseId": "resp_1"})
        assert len(server.prompts) == 2
