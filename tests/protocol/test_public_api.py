"""The public API: turns, and calls about the site."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chatgpt4online.errors import (
    AuthenticationError,
    PromptTooLong,
    ProtocolError,
    QueryRejected,
    UsageError,
)
from chatgpt4online.models import EndEvent, Message, Piece, StoredFile
from chatgpt4online.protocol.chat import Turn
from chatgpt4online.protocol.files import Attachment
from chatgpt4online.protocol.http import Flow, Response
from chatgpt4online.protocol.prompt import Prompt
from chatgpt4online.protocol.public_api import (
    Chatbot,
    chat_by_api,
    check_auth,
    list_chatbots,
    text_query,
)
from chatgpt4online.protocol.reply_reader import ReplyReader
from chatgpt4online.protocol.session import read_site_page
from chatgpt4online.protocol.site import Bot, Site

from ..recordings import Recording
from .flows import (
    OPENED,
    ROOT,
    START_SESSION,
    Script,
    Source,
    answer,
    events,
    json_of,
    new_site,
    new_turn,
    recorded,
)

ANSWERED = recorded("3.6.2/chunked/api-simple_chatbot_query")
SAID = "You said: hello (2 messages)"
BOT = {"id": "b", "name": "B"}
API_SITES = [
    "3.6.2/chunked",
    "3.6.2/close-delimited",
    "3.8.1-hybrid/chunked",
    "3.8.1-hybrid/close-delimited",
]


def chat(turn: Turn, response: Response = ANSWERED) -> tuple[ReplyReader, list[Piece], Script]:
    script = Script(new_site(), response)
    reader, response = script.run(chat_by_api(script.site, turn))
    return reader, [*reader.feed(response.body), *reader.finish()], script


def attached(*ids: str) -> list[Attachment]:
    return [Attachment(stored=StoredFile(item)) for item in ids]


def test_turn() -> None:
    turn = new_turn("Hi", parameters={"model": "m"}, attachments=attached("f1"))
    reader, pieces, script = chat(turn)
    assert script.sent == [f"POST {ROOT}mwai/v1/simpleChatbotQuery"]
    (request,) = script.requests
    assert json_of(request) == {
        "botId": "default", "message": "Hi", "chatId": "c" * 32, "fileId": "f1", "model": "m",
    }  # fmt: skip
    assert (request.stream, request.repeatable) == (True, False)
    assert "X-WP-Nonce" not in request.headers
    assert pieces == [SAID, EndEvent(reader.result())]
    assert (reader.result().text, reader.result().chat_id) == (SAID, "c" * 32)
    assert script.site.session is None


@pytest.mark.parametrize(
    ("turn", "fields"),
    [
        (new_turn("Hi"), {"botId": "default"}),
        (new_turn("Hi", bot=Bot("b1")), {"botId": "b1"}),
        (new_turn("Hi", bot=Bot(None, "c1")), {"botId": "c1"}),
    ],
)
def test_bot_and_files(turn: Turn, fields: dict[str, Any]) -> None:
    _, _, script = chat(turn)
    body = json_of(script.requests[0])
    assert body == {"message": "Hi", "chatId": "c" * 32, **fields}


def test_history_is_folded_into_the_message() -> None:
    history = [Message("user", "a"), Message("assistant", "b")]
    _, _, script = chat(new_turn([*history, Message("user", "c")]))
    assert json_of(script.requests[0])["message"] == "User: a\nAssistant: b\nUser: c\nAssistant:"


def test_history_without_a_new_message() -> None:
    prompt = Prompt("", (Message("user", "a"), Message("assistant", "b")))
    script = Script(new_site(), ROUTES, ANSWERED)
    turn = Turn(prompt, Bot(), "c1", 0, attachments=attached("f1"), continued=True)
    script.run(chat_by_api(script.site, turn))
    assert json_of(script.requests[1])["message"] == "User: a\nAssistant: b\nAssistant:"


ROUTES = answer(namespace="mwai-ui/v1", routes={"/mwai-ui/v1/discussions/list": {}})
NO_DISCUSSIONS = answer(namespace="mwai-ui/v1", routes={"/mwai-ui/v1/chats/submit": {}})
FOLDED = "User: a\nAssistant: b\nUser: c\nAssistant:"


@pytest.mark.parametrize(
    ("index", "message", "calls"),
    [
        (ROUTES, "c", 1),
        (NO_DISCUSSIONS, FOLDED, 1),
        (answer(code="rest_cannot_access"), FOLDED, 1),
        (Response(401, {}, b'{"code":"rest_not_logged_in"}'), FOLDED, 2),
    ],
    ids=["discussions", "no discussions", "no index", "closed index"],
)
def test_site_with_discussions_goes_on_with_its_own_history(
    index: Response, message: str, calls: int
) -> None:
    prompt = Prompt("c", (Message("user", "a"), Message("assistant", "b")))
    turn = Turn(prompt, Bot(), "c1", 0, continued=True)
    script = Script(new_site(), index, ANSWERED, *([index] * (calls - 1)), ANSWERED)
    script.site.root = ROOT

    def two_turns() -> Flow[None]:
        yield from chat_by_api(script.site, turn)
        yield from chat_by_api(script.site, turn)

    script.run(two_turns())
    assert script.sent.count(f"GET {ROOT}mwai-ui/v1") == calls
    sent = [json_of(item)["message"] for item in script.requests if item.method == "POST"]
    assert sent == [message, message]


@pytest.mark.parametrize("continued", [False, True])
def test_turn_without_history_needs_no_index(continued: bool) -> None:
    _, _, script = chat(replace(new_turn("Hi"), continued=continued))
    assert json_of(script.requests[0])["message"] == "Hi"


def test_history_over_the_limit_of_the_page() -> None:
    script = Script(new_site(), recorded("3.6.2/chunked/page-chat"))
    script.run(read_site_page(script.site))
    turn = new_turn([Message("user", "x" * 500), Message("assistant", "b"), Message("user", "c")])
    with pytest.raises(PromptTooLong, match="538 characters; the site accepts 512") as caught:
        script.run(chat_by_api(script.site, turn))
    assert "trim the conversation" in str(caught.value)
    assert (caught.value.length, caught.value.limit) == (538, 512)


def test_several_files() -> None:
    turn = new_turn("Hi", attachments=attached("f1", "f2"))
    script = Script(new_site(), recorded("3.6.2/chunked/page-chat"), ANSWERED)
    script.run(chat_by_api(script.site, turn))
    assert script.sent[0] == "GET http://a.b/"
    assert json_of(script.requests[1])["fileIds"] == ["f1", "f2"]
    script = Script(new_site(), recorded("2.6.5/close-delimited/page"))
    with pytest.raises(UsageError, match="accepts one file per message"):
        script.run(chat_by_api(script.site, turn))


def test_file_is_uploaded_first() -> None:
    uploaded = answer(success=True, data={"id": "f1"})
    script = Script(new_site(), OPENED, uploaded, ANSWERED)
    attachment = Attachment(source=Source(), boundary="b")
    script.run(chat_by_api(script.site, new_turn("Hi", attachments=[attachment])))
    assert script.sent == [
        START_SESSION,
        f"POST {ROOT}mwai-ui/v1/files/upload",
        f"POST {ROOT}mwai/v1/simpleChatbotQuery",
    ]
    assert json_of(script.requests[-1])["fileId"] == "f1"


@pytest.mark.parametrize("front", API_SITES)
def test_recorded_turns(front: str) -> None:
    for case in ("api-simple_chatbot_query", "api-simple_chatbot_query-2"):
        recording = Recording(f"{front}/x").sibling(case)
        if recording is not None:
            reader, _, _ = chat(new_turn(), recorded(recording.name))
            assert reader.result().text.encode().replace(b'"', b'\\"') in recording.body


@pytest.mark.parametrize(
    "body", [b'{"success":true,"data":5}', b'{"success":true,"extra":[]}', b'{"success":true}']
)
def test_turn_without_a_reply(body: bytes) -> None:
    reader, _, _ = chat(new_turn(), events(body))
    with pytest.raises(ProtocolError):
        reader.result()


def test_reply_with_extras() -> None:
    extra = {"actions": [{"type": "function", "data": {"name": "f"}}], "chatId": "other"}
    reader, _, _ = chat(new_turn(), answer(success=True, data="Hello", extra=extra))
    assert [action.name for action in reader.result().actions] == ["f"]
    assert reader.result().chat_id == "c" * 32


def test_rejected_turn() -> None:
    with pytest.raises(QueryRejected):
        chat(new_turn(), Response(403, {}, b'{"success":false,"message":"no"}'))


CALLS = pytest.mark.parametrize(
    "make_call",
    [list_chatbots, check_auth, functools.partial(text_query, message="Hi", parameters={})],
)


@CALLS
def test_token_is_refused(make_call: Callable[[Site], Flow[Any]]) -> None:
    script = Script(new_site(), recorded("3.6.2/chunked/api-unauthorized"))
    with pytest.raises(AuthenticationError, match="refused the token") as caught:
        script.run(make_call(script.site))
    assert caught.value.code == "rest_forbidden"


@CALLS
@pytest.mark.parametrize("data", [None, 5, True])
def test_malformed_answer(make_call: Callable[[Site], Flow[Any]], data: Any) -> None:
    script = Script(new_site(), answer(success=True, data=data))
    with pytest.raises(ProtocolError):
        script.run(make_call(script.site))


def test_list_chatbots() -> None:
    script = Script(new_site(), answer(success=True, data=[BOT, {}, 3, {"id": 7}]))
    assert script.run(list_chatbots(script.site)) == (
        Chatbot("b", "B", BOT),
        Chatbot("7", "", {"id": 7}),
    )
    assert script.sent == [f"GET {ROOT}mwai/v1/listChatbots"]


@pytest.mark.parametrize("front", API_SITES)
def test_recorded_calls(front: str) -> None:
    script = Script(new_site(), recorded(f"{front}/api-list_chatbots"))
    assert script.run(list_chatbots(script.site))[0].id == "default"
    script = Script(new_site(), recorded(f"{front}/api-auth_check"))
    identity = script.run(check_auth(script.site))
    assert identity["type"] == "email"
    assert identity["value"].startswith("admin@")
    assert script.sent == [f"GET {ROOT}mwai/v1/simpleAuthCheck"]


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ({}, {"message": "Hi"}),
        ({"maxTokens": 5}, {"message": "Hi", "options": {"maxTokens": 5}}),
    ],
)
def test_text_query(parameters: dict[str, Any], body: dict[str, Any]) -> None:
    script = Script(new_site(), answer(success=True, data="Hello"))
    assert script.run(text_query(script.site, "Hi", parameters)) == "Hello"
    assert script.sent == [f"POST {ROOT}mwai/v1/simpleTextQuery"]
    assert json_of(script.requests[0]) == body


@pytest.mark.parametrize("message", ["", " ", None, ["Hi"]])
def test_text_query_without_text(message: Any) -> None:
    with pytest.raises(UsageError, match="query must be a string"):
        Script(new_site()).run(text_query(new_site(), message, {}))
