"""Calls that are answered by one JSON object, and the turns of the public API."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chatgpt4online.errors import (
    ChatError,
    ChatTimeout,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
    UsageError,
)
from chatgpt4online.messages import EndEvent, StoredFile
from chatgpt4online.protocol import discussions, files, public_api
from chatgpt4online.protocol.call import Call
from chatgpt4online.protocol.exchanges import FileBody
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.prompt import read_prompt
from chatgpt4online.protocol.site import Site
from chatgpt4online.protocol.turn import Bot

from .scripted import BAD_NONCE, OPENED, Answer, Script, json_of, new_site, recorded

LIMITS = Limits(page=50_000, reply=100_000)
ROOT = "http://a.b/wp-json/"
FILE = {"id": 1, "refId": "f1", "url": "u"}
BOT = {"id": "b", "name": "B"}
Make = Callable[[Site], Call[Any]]


@dataclass
class Source:
    filename: str = "dot.png"
    content_type: str = "image/png"
    size: int = 5


def upload(site: Site) -> Call[Any]:
    return files.Upload(site, Source(), "vision", "b0undary", LIMITS)


CALLS: dict[str, tuple[Make, str, Any]] = {
    "upload": (upload, "POST mwai-ui/v1/files/upload", None),
    "list files": (
        lambda site: files.list_files(site, 5, 2, None, LIMITS),
        "POST mwai-ui/v1/files/list",
        {"limit": 5, "page": 2},
    ),
    "list files of a purpose": (
        lambda site: files.list_files(site, 5, 2, "vision", LIMITS),
        "POST mwai-ui/v1/files/list",
        {"limit": 5, "page": 2, "purpose": "vision"},
    ),
    "delete files": (
        lambda site: files.delete_files(site, ("f1", "f2"), LIMITS),
        "POST mwai-ui/v1/files/delete",
        {"files": ["f1", "f2"]},
    ),
    "list discussions": (
        lambda site: discussions.list_discussions(site, Bot(), 0, 9, LIMITS),
        "POST mwai-ui/v1/discussions/list",
        {"botId": "default", "offset": 0, "limit": 9},
    ),
    "list discussions of a bot in its page": (
        lambda site: discussions.list_discussions(site, Bot(None, "c1"), 0, 9, LIMITS),
        "POST mwai-ui/v1/discussions/list",
        {"customId": "c1", "offset": 0, "limit": 9},
    ),
    "rename": (
        lambda site: discussions.rename_discussion(site, "c", "t", LIMITS),
        "POST mwai-ui/v1/discussions/edit",
        {"chatId": "c", "title": "t"},
    ),
    "delete discussions": (
        lambda site: discussions.delete_discussions(site, ("c",), LIMITS),
        "POST mwai-ui/v1/discussions/delete",
        {"chatIds": ["c"]},
    ),
    "list chatbots": (
        lambda site: public_api.list_chatbots(site, LIMITS),
        "GET mwai/v1/listChatbots",
        None,
    ),
    "check auth": (
        lambda site: public_api.check_auth(site, LIMITS),
        "GET mwai/v1/simpleAuthCheck",
        None,
    ),
    "text query": (
        lambda site: public_api.text_query(site, "Hi", {}, LIMITS),
        "POST mwai/v1/simpleTextQuery",
        {"message": "Hi"},
    ),
    "text query with options": (
        lambda site: public_api.text_query(site, "Hi", {"model": "m"}, LIMITS),
        "POST mwai/v1/simpleTextQuery",
        {"message": "Hi", "options": {"model": "m"}},
    ),
}


def run(name: str, *answers: Answer, site: Site | None = None) -> tuple[Call[Any], Script]:
    if site is None:
        site = new_site()
        site.session = Session("n1")
    call, script = CALLS[name][0](site), Script(*answers)
    script.run(call)
    assert not script.answers
    return call, script


def answer(**fields: Any) -> Answer:
    return Answer(200, b"\xef\xbb\xbf<br />\nNotice<br />\n" + json.dumps(fields).encode())


@pytest.mark.parametrize("name", CALLS)
def test_what_is_sent(name: str) -> None:
    _, asked, body = CALLS[name]
    _, script = run(name, answer(success=True))
    method, _, route = asked.partition(" ")
    assert script.asked == [f"{method} {ROOT}{route}"]
    (request,) = script.requests
    by_api = "mwai/v1" in route
    assert request.headers.get("X-WP-Nonce") == (None if by_api else "n1")
    assert request.headers["Accept"] == "application/json"
    if method == "GET":
        assert request.body is None
        assert "Content-Type" not in request.headers
    elif body is not None:
        assert json_of(request) == body
        assert request.headers["Content-Type"] == "application/json"


def test_the_form_of_an_upload() -> None:
    _, script = run("upload", answer(success=True))
    (request,) = script.requests
    assert request.headers["Content-Type"] == "multipart/form-data; boundary=b0undary"
    assert isinstance(request.body, FileBody)
    assert request.body.before == (
        b'--b0undary\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
        b'--b0undary\r\nContent-Disposition: form-data; name="file"; filename="dot.png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
    )
    assert request.body.after == b"\r\n--b0undary--\r\n"
    assert "vision" not in repr(request)


@pytest.mark.parametrize(
    ("name", "fields", "result"),
    [
        ("upload", {"data": FILE}, StoredFile("f1", "u", FILE)),
        ("upload", {"data": {"refId": [], "id": 7}}, StoredFile("7", "", {"refId": [], "id": 7})),
        ("delete files", {"deleted": True}, 0),
        ("list files", {"data": {"files": [], "total": "0"}}, ()),
        (
            "list files",
            {"data": {"files": [FILE, 5, {}, {"id": True}]}},
            (StoredFile("f1", "u", FILE),),
        ),
        ("delete files", {"deleted": 2}, 2),
        ("delete files", {}, 0),
        ("delete files", {"deleted": "x"}, 0),
        ("rename", {}, True),
        ("delete discussions", {}, True),
        ("check auth", {"data": {"type": "email"}}, {"type": "email"}),
        ("text query", {"data": "Hello"}, "Hello"),
        ("list chatbots", {"data": [BOT, {}, 3]}, (public_api.Chatbot("b", "B", BOT),)),
    ],
)
def test_results(name: str, fields: dict[str, Any], result: Any) -> None:
    call, _ = run(name, answer(success=True, **fields))
    assert call.result() == result
    assert call.succeeded
    assert call.next_request() is None


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("upload", {}), ("upload", {"data": {"id": None}}), ("upload", {"data": {"id": True}}),
        ("upload", {"data": {"id": ""}}),
        ("list files", {"data": []}), ("list files", {"data": {"files": 5}}),
        ("list discussions", {}), ("list chatbots", {"data": "x"}), ("list chatbots", {}),
        ("check auth", {"data": []}), ("text query", {"data": None}),
    ],
)  # fmt: skip
def test_what_is_no_result(name: str, fields: dict[str, Any]) -> None:
    call, _ = run(name, answer(success=True, **fields))
    with pytest.raises(ProtocolError):
        call.result()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Answer(200, b'{"success":false,"message":"no"}'), ReplyError),
        (Answer(400, b'{"success":false,"message":"Invalid file type."}'), QueryRejected),
        (Answer(404, b'{"code":"rest_no_route"}'), RouteNotFound),
        (Answer(500, b"<html>"), StatusError),
        (Answer(200, b"<html>"), StatusError),
        (Answer(200, b""), ProtocolError),
    ],
)
def test_failures(reply: Answer, kind: type[ChatError]) -> None:
    for name in ("upload", "list files", "rename", "list chatbots"):
        call, _ = run(name, reply)
        with pytest.raises(kind):
            call.result()
        assert call.finished


def test_an_answer_over_the_limit() -> None:
    call, _ = run("list files", Answer(200, b"x" * 100_001))
    with pytest.raises(ProtocolError, match="longer than 100000 bytes"):
        call.result()


def test_an_answer_that_is_interrupted_is_the_connections_error() -> None:
    site = new_site()
    site.session = Session("n1")
    call = CALLS["list files"][0](site)
    assert not call.finished
    with pytest.raises(UsageError):
        call.result()
    call.next_request()
    error = ChatTimeout("slow")
    assert call.interrupted(error) is error
    call.receive_head(200, {})
    call.receive_data(b"{")
    assert not call.has_enough
    assert call.interrupted(error) is error
    assert call.has_enough


def test_a_call_that_starts_over_takes_its_answer_anew() -> None:
    good = answer(success=True, data={"files": []})
    call, _ = run("list files", Answer(good.status, good.body[:9], good.headers))
    with pytest.raises(ChatError):
        call.result()
    call.start_over()
    Script(good).run(call)
    assert call.result() == ()


def test_a_nonce_is_renewed_for_every_call_of_a_session() -> None:
    good = answer(success=True, data={"files": []})
    call, script = run("list files", BAD_NONCE, OPENED, good)
    assert call.result() == ()
    assert [request.headers.get("X-WP-Nonce") for request in script.requests] == [
        "n1", None, "bcc9464d05",
    ]  # fmt: skip
    call, script = run("list files", BAD_NONCE, OPENED, BAD_NONCE)
    with pytest.raises(NonceRejected):
        call.result()


def test_a_call_waits_for_a_session_that_another_one_dropped() -> None:
    site = new_site()
    call = CALLS["list files"][0](site)
    assert call.needs_opening
    assert call.next_request() is None
    site.session = Session("n1")
    assert not call.needs_opening
    assert call.next_request() is not None


@pytest.mark.parametrize("name", ["list chatbots", "check auth", "text query"])
def test_the_public_api_needs_no_session_and_renews_nothing(name: str) -> None:
    refused = recorded("3.6.2/chunked/api-unauthorized")
    call, script = run(name, refused, site=new_site())
    assert len(script.requests) == 1
    with pytest.raises(StatusError, match="refused the token") as caught:
        call.result()
    assert type(caught.value) is StatusError
    assert caught.value.code == "rest_forbidden"


def test_the_public_api_finds_the_root_on_a_page() -> None:
    page = recorded("3.6.2/chunked/page-chat")
    site = new_site("http://a.b/chat/")
    call, script = run("check auth", page, answer(success=True, data={}), site=site)
    assert call.result() == {}
    assert script.asked == ["GET http://a.b/chat/", f"GET {ROOT}mwai/v1/simpleAuthCheck"]
    assert site.session is None
    assert call.opening() is None
    moved = Answer(301, b"", {"location": "/chat/"})
    _, script = run(
        "check auth", moved, page, answer(success=True, data={}), site=new_site("http://a.b/chat")
    )
    assert len(script.requests) == 3


def test_a_file_whose_name_cannot_be_sent() -> None:
    for source, purpose in ((Source("a\ud83d.png"), "p"), (Source(), "p\ud83d")):
        with pytest.raises(UsageError, match="name or purpose"):
            files.Upload(new_site(), source, purpose, "b", LIMITS)


def api_turn(site: Site, reply: Answer, **options: Any) -> tuple[public_api.ApiTurn, Script]:
    stored = options.pop("stored", ())
    turn = public_api.ApiTurn(
        site,
        read_prompt("Hi"),
        bot=options.pop("bot", Bot()),
        chat_id="c1",
        options=options,
        now=lambda: 0,
        limits=LIMITS,
    )
    turn.attach(stored)
    script = Script(reply)
    script.run(turn)
    return turn, script


def test_a_turn_by_the_public_api() -> None:
    reply = recorded("3.6.2/chunked/api-simple_chatbot_query")
    turn, script = api_turn(new_site(), reply, model="m", stored=[StoredFile("f1")])
    assert script.asked == [f"POST {ROOT}mwai/v1/simpleChatbotQuery"]
    assert json_of(script.requests[0]) == {
        "botId": "default", "message": "Hi", "chatId": "c1", "fileId": "f1", "model": "m",
    }  # fmt: skip
    said = "You said: hello (2 messages)"
    assert script.events == [said, EndEvent(turn.result())]
    assert (turn.result().text, turn.result().chat_id) == (said, "c1")
    _, script = api_turn(new_site(), reply, bot=Bot(None, "x"), stored=[StoredFile("f")] * 2)
    assert json_of(script.requests[0])["fileIds"] == ["f", "f"]
    assert json_of(script.requests[0])["botId"] == "x"


@pytest.mark.parametrize("body", [b'{"success":true,"data":5}', b'{"success":true,"extra":[]}'])
def test_a_turn_by_the_public_api_without_a_reply(body: bytes) -> None:
    turn, _ = api_turn(new_site(), Answer(200, body))
    with pytest.raises(ProtocolError):
        turn.result()
