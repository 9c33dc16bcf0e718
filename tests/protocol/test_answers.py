"""What a final answer means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.errors import (
    Blocked,
    ChatError,
    LimitReached,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
)
from chatgpt4online.messages import Action, Reply, Shortcut, Usage
from chatgpt4online.protocol.answers import read_failure, read_reply, read_retry_after

REJECTED = "Sorry, your query has been rejected."
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = ("success", "reply", "images", "actions", "usage", "code", "message", "overLimit", "type")
ANSWERS = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), JSON_VALUES)


def fail(
    status: int, payload: dict[str, Any] | None = None, head: str = "", **headers: str
) -> ChatError:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_failure(status, names, payload, head, "part")


def test_a_full_reply() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "price": None}
    payload = {
        "success": True, "reply": "Hi", "images": ["data:image/png;base64,x", 5],
        "actions": [{"type": "function", "data": {"name": "f"}}, {"type": 1}, "x"],
        "shortcuts": [{"type": "message", "data": []}], "blocks": None,
        "usage": usage, "responseId": "r1",
    }  # fmt: skip
    assert read_reply(payload, "streamed", "c1") == Reply(
        text="Hi",
        images=("data:image/png;base64,x",),
        actions=(Action("function", {"name": "f"}),),
        shortcuts=(Shortcut("message", {}),),
        usage=Usage(1, 2, 3, usage),
        response_id="r1",
        chat_id="c1",
    )


@pytest.mark.parametrize(
    ("payload", "streamed", "text"),
    [
        ({"reply": "Hi"}, "streamed", "Hi"),
        ({"reply": ""}, "streamed", ""),
        ({"reply": None}, "streamed", "streamed"),
        ({"reply": None}, "", None),
        ({}, "streamed", "streamed"),
        ({"images": ["x"]}, "", ""),
        ({"images": []}, "", None),
        ({}, "", None),
    ],
)
def test_the_text_of_a_reply(payload: dict[str, Any], streamed: str, text: str | None) -> None:
    reply = read_reply(payload, streamed, None)
    assert (reply and reply.text) == text


def test_odd_usage() -> None:
    reply = read_reply({"reply": "", "usage": {"total_tokens": "many"}, "responseId": 5}, "", None)
    assert reply is not None
    assert reply.usage == Usage(0, 0, 0, {"total_tokens": "many"})
    assert reply.response_id is None


@pytest.mark.parametrize(
    ("status", "payload", "kind"),
    [
        (200, {"message": REJECTED}, QueryRejected),
        (200, {"message": "Your query was rejected"}, QueryRejected),
        (500, {"success": False, "message": REJECTED}, QueryRejected),
        (403, {"success": False, "message": "Nein."}, QueryRejected),
        (400, {"success": False, "message": "Invalid or expired shortcut."}, QueryRejected),
        (200, {"message": "You have reached the limit."}, LimitReached),
        (200, {"message": "No more.", "overLimit": True}, LimitReached),
        (429, {"success": False, "message": "No more."}, LimitReached),
        (500, {"success": False, "message": "Rate limit reached for requests"}, ReplyError),
        (200, {"message": None}, ReplyError),
        (200, {"success": False}, ReplyError),
        (500, {"success": True, "reply": "Hi"}, ReplyError),
        (403, {"code": "rest_cookie_invalid_nonce", "message": "m"}, NonceRejected),
        (401, {"code": "rest_forbidden", "message": "m"}, NonceRejected),
        (500, {"code": "rest_forbidden", "message": "m"}, StatusError),
        (404, {"code": "rest_no_route", "message": "m"}, RouteNotFound),
        (404, {"message": "m"}, RouteNotFound),
        (400, {"code": "rest_invalid_json", "message": "m"}, StatusError),
        (500, {"code": "internal_server_error", "message": "<p>m</p>"}, StatusError),
        (200, {"success": True}, ProtocolError),
        (200, {"data": 1}, ProtocolError),
        (500, {"data": 1}, StatusError),
    ],
)
def test_json_failures(status: int, payload: dict[str, Any], kind: type[ChatError]) -> None:
    error = fail(status, payload)
    assert type(error) is kind
    assert not error.retryable
    if isinstance(error, ReplyError | ProtocolError):
        assert error.partial_text == "part"
    else:
        assert isinstance(error, StatusError)
        assert error.status == status
        assert error.code == payload.get("code")


@pytest.mark.parametrize(
    ("status", "head", "headers", "kind"),
    [
        (200, "<!DOCTYPE html><html>", {}, ProtocolError),
        (301, "", {"location": "https://x/"}, StatusError),
        (307, "", {}, StatusError),
        (403, "<html>", {"cf-ray": "x"}, Blocked),
        (403, "", {}, Blocked),
        (429, "", {}, Blocked),
        (503, "<html>", {}, Blocked),
        (404, "<html>", {}, RouteNotFound),
        (500, "<html>", {}, StatusError),
        (502, "", {}, StatusError),
    ],
)
def test_foreign_answers(
    status: int, head: str, headers: dict[str, str], kind: type[ChatError]
) -> None:
    error = fail(status, None, head, **{key.replace("-", "_"): headers[key] for key in headers})
    assert type(error) is kind
    assert not error.retryable


@pytest.mark.parametrize(
    ("head", "headers", "kind"),
    [
        ("<!DOCTYPE html><html>", {}, StatusError),
        ("<!-- cache -->\n<html lang='en'>", {}, StatusError),
        ("<html>", {"cf-mitigated": "challenge"}, Blocked),
        ("<br />\n<b>Fatal error</b>: x", {}, ProtocolError),
        ("", {"cf-ray": "x"}, ProtocolError),
    ],
)
def test_a_web_page_in_place_of_an_answer(
    head: str, headers: dict[str, str], kind: type[ChatError]
) -> None:
    error = read_failure(200, headers, None, head, "")
    assert type(error) is kind


@pytest.mark.parametrize("status", [429, 503])
def test_before_the_plugin_retry_after_makes_an_answer_retryable(status: int) -> None:
    error = fail(status, retry_after="7")
    assert isinstance(error, Blocked)
    assert (error.retryable, error.retry_after) == (True, 7.0)
    assert "7 seconds" in str(error)
    by_wordpress = fail(status, {"code": "too_many"}, retry_after="7")
    assert (by_wordpress.retryable, type(by_wordpress)) == (True, StatusError)
    by_plugin = fail(status, {"success": False}, retry_after="7")
    assert not by_plugin.retryable
    assert not fail(403, retry_after="7").retryable


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("0", "", 0.0),
        (" 120 ", "", 120.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", "Sun, 22 Nov 2026 12:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", "", None),
        ("Sun, 22 Nov 2026 12:00:30 GMT", "Sun, 22 Nov 2026 12:00:00", None),
        ("soon", "Sun, 22 Nov 2026 12:00:00 GMT", None),
        ("-5", "", None),
        ("1e9", "", None),
        ("9999999999", "", None),
        ("", "", None),
    ],
)
def test_retry_after(value: str, date: str, seconds: float | None) -> None:
    assert read_retry_after({"retry-after": value, "date": date}) == seconds


def test_what_the_site_said_is_one_line_of_plain_text() -> None:
    said = "<p>Line&nbsp;1 &amp; 2</p>\n<a href='x'>more</a>\x1b[2J\x9b\x00" + "y" * 900
    error = fail(500, {"success": False, "message": said})
    assert isinstance(error, ReplyError)
    assert error.message.startswith("Line 1 & 2 more [2J yyy")
    assert len(error.message) == 500
    assert str(error) == f"The site says that it failed: {error.message}"
    assert str(fail(500, {"success": False})) == "The site says that it failed."


@given(st.integers(100, 599), ANSWERS | st.none(), st.text(max_size=30), st.text(max_size=20))
def test_any_answer_means_something(
    status: int, payload: dict[str, Any] | None, head: str, value: str
) -> None:
    headers = {"retry-after": value, "date": value}
    assert isinstance(read_failure(status, headers, payload, head, ""), ChatError)
    if payload is not None:
        read_reply(payload, head, None)


@pytest.mark.parametrize(
    ("message", "secret", "kind"),
    [
        ("Sorry, you have reached the limit.", "limit", LimitReached),
        (REJECTED, "query", QueryRejected),
        (REJECTED, REJECTED, QueryRejected),
    ],
)
def test_what_is_hidden_still_tells_the_kind(
    message: str, secret: str, kind: type[ChatError]
) -> None:
    payload = {"success": False, "message": message}
    error = read_failure(200, {}, payload, "", "", secrets=[secret])
    assert type(error) is kind
    assert secret not in str(error).partition(": ")[2]
    code = {"code": "rest_no_route", "message": "m"}
    assert type(read_failure(404, {}, code, "", "", secrets=["rest_no_route"])) is RouteNotFound
