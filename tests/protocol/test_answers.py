"""What a final answer means: a reply, or which error."""

from __future__ import annotations

import dataclasses
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
    RateLimited,
    ReplyError,
    RouteNotFound,
    StatusError,
)
from chatgpt4online.models import Action, Reply, Shortcut, Usage
from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.answers import (
    explain_failure,
    is_web_page,
    read_approval,
    read_failure,
    read_reply,
    read_retry_after,
)
from chatgpt4online.protocol.http import Response
from chatgpt4online.protocol.site import MARK, Site

from ..loopback import live
from .flows import new_site

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
    return explain_failure(new_site(), Response(status, names), payload, head, "part")


def test_reply() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "price": None}
    payload = {
        "success": True, "reply": "Hi", "images": ["data:image/png;base64,x", 5],
        "actions": [{"type": "function", "data": {"name": "f"}}, {"type": 1}, "x"],
        "shortcuts": [{"type": "message", "data": []}], "blocks": None,
        "usage": usage, "responseId": "r1",
    }  # fmt: skip
    reply = read_reply({**payload, "new_token": "n2"}, "streamed", "c1")
    assert reply is not None
    assert reply.raw == payload
    assert dataclasses.replace(reply, raw={}) == Reply(
        text="Hi",
        images=("data:image/png;base64,x",),
        actions=(Action("function", {"name": "f"}),),
        shortcuts=(Shortcut("message", {}),),
        usage=Usage(1, 2, 3, usage),
        response_id="r1",
        chat_id="c1",
    )


@pytest.mark.parametrize(("reset", "response_id"), [(True, None), (False, "r1"), (None, "r1")])
def test_response_id_that_is_reset(reset: bool | None, response_id: str | None) -> None:
    reply = read_reply({"reply": "", "responseId": "r1", "resetResponseId": reset}, "", None)
    assert reply is not None
    assert reply.response_id == response_id


@pytest.mark.parametrize(
    ("raw", "tokens"),
    [
        ({"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}, (1, 2, 3)),
        ({"input_tokens": 1, "output_tokens": 2}, (1, 2, 3)),
        ({"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 10}, (4, 5, 10)),
    ],
)
def test_usage(raw: dict[str, int], tokens: tuple[int, int, int]) -> None:
    reply = read_reply({"reply": "", "usage": raw}, "", None)
    assert reply is not None
    assert reply.usage == Usage(*tokens, raw)


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
def test_text_of_a_reply(payload: dict[str, Any], streamed: str, text: str | None) -> None:
    reply = read_reply(payload, streamed, None)
    assert (reply and reply.text) == text


def test_malformed_usage() -> None:
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
        (200, {"message": "You have reached your monthly limit."}, LimitReached),
        (200, {"message": "No more.", "overLimit": True}, LimitReached),
        (200, {"message": "No more.", "overLimit": True, "code": "limit"}, LimitReached),
        (429, {"message": "No more.", "overLimit": True, "code": "limit"}, LimitReached),
        (200, {"message": "Dead <b>now</b>", "code": "wp_die"}, ReplyError),
        (429, {"success": False, "message": "No more."}, LimitReached),
        (200, {"message": "The message limit has been reached.", "overLimit": False}, LimitReached),
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
def test_failure_in_json(status: int, payload: dict[str, Any], kind: type[ChatError]) -> None:
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
        (429, "", {}, RateLimited),
        (503, "<html>", {}, Blocked),
        (404, "<html>", {}, RouteNotFound),
        (500, "<html>", {}, StatusError),
        (502, "", {}, StatusError),
    ],
)
def test_failure_without_json(
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
def test_other_content_instead_of_a_reply(
    head: str, headers: dict[str, str], kind: type[ChatError]
) -> None:
    error = explain_failure(new_site(), Response(200, headers), None, head, "")
    assert type(error) is kind
    assert is_web_page(head) is (kind is not ProtocolError)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_from_before_the_plugin_makes_an_error_retryable(status: int) -> None:
    error = fail(status, retry_after="7")
    assert isinstance(error, Blocked)
    assert (error.retryable, error.retry_after) == (True, 7.0)
    assert "Retry after 7 seconds." in str(error)
    assert isinstance(error, RateLimited) == (status == 429)
    by_wordpress = fail(status, {"code": "too_many"}, retry_after="7")
    kind = RateLimited if status == 429 else Blocked
    assert (by_wordpress.retryable, type(by_wordpress)) == (True, kind)
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
def test_read_retry_after(value: str, date: str, seconds: float | None) -> None:
    assert read_retry_after({"retry-after": value, "date": date}) == seconds


def test_message_is_one_line_of_plain_text() -> None:
    said = "<p>Line&nbsp;1 &amp; 2</p>\n<a href='x'>more</a>\x1b[2J\x9b\x00" + "y" * 900
    error = fail(500, {"success": False, "message": said})
    assert isinstance(error, ReplyError)
    assert error.message.startswith("Line 1 & 2 more [2J yyy")
    assert len(error.message) == 500
    assert str(error) == f"The site reported an error: {error.message}"
    assert str(fail(500, {"success": False})) == "The site reported an error."


@given(st.integers(100, 599), ANSWERS | st.none(), st.text(max_size=30), st.text(max_size=20))
def test_any_failure_is_a_documented_error(
    status: int, payload: dict[str, Any] | None, head: str, value: str
) -> None:
    headers = {"retry-after": value, "date": value}
    response = Response(status, headers)
    assert isinstance(explain_failure(new_site(), response, payload, head, ""), ChatError)
    if payload is not None:
        read_reply(payload, head, None)
        read_approval(new_site(), payload, head)


@given(st.integers(100, 599), st.binary(max_size=100))
def test_any_response_is_a_documented_error(status: int, body: bytes) -> None:
    assert isinstance(read_failure(new_site(), Response(status, {}, body)), ChatError)


@pytest.mark.parametrize(
    ("status", "body", "kind", "partial_text"),
    [
        (500, live("Hello") + b'data: {"type":"error","data":"no"}\n\n', ReplyError, "Hello"),
        (403, b'data: {"type":"error","data":"no"}\n\n', QueryRejected, ""),
        (500, b'<br />\n{"success":false,"message":"no"}', ReplyError, ""),
        (500, live("Hello"), StatusError, None),
        (500, b"x" * 100, StatusError, None),
        (404, b"", RouteNotFound, None),
    ],
)
def test_body_of_a_failure(
    status: int, body: bytes, kind: type[ChatError], partial_text: str | None
) -> None:
    error = read_failure(new_site(), Response(status, {}, body))
    assert type(error) is kind
    assert getattr(error, "partial_text", None) == partial_text


def test_secrets_are_removed_from_what_the_site_says() -> None:
    site = Site(parse_address("http://a.b"), credentials=["secret"])
    for payload in (
        {"success": False, "message": "Bad <b>secret</b>."},
        {"code": "bad_secret", "message": "Bad s&#101;cret."},
    ):
        error = explain_failure(site, Response(500), payload, "", "")
        assert "secret" not in f"{error} {vars(error)}"
        assert f"Bad {MARK}" in str(error)


@pytest.mark.parametrize(
    ("message", "secret", "kind"),
    [
        ("Sorry, you have reached the limit.", "limit", LimitReached),
        (REJECTED, "query", QueryRejected),
    ],
)
def test_removed_secrets_do_not_change_the_kind_of_error(
    message: str, secret: str, kind: type[ChatError]
) -> None:
    site = Site(parse_address("http://a.b"), credentials=[secret])
    payload = {"success": False, "message": message}
    assert type(explain_failure(site, Response(200), payload, "", "")) is kind


@pytest.mark.parametrize(
    ("approval", "tool", "arguments"),
    [
        ({"tool": "delete", "args": {"ID": 7}}, "delete", {"ID": 7}),
        ({"tool": "<b>de\nlete</b>", "args": {}}, "de lete", {}),
        ({"tool": None, "args": []}, "", {}),
        ({}, "", {}),
    ],
)
def test_approval(approval: dict[str, Any], tool: str, arguments: dict[str, Any]) -> None:
    error = read_approval(new_site(), {"success": True, "reply": "", "approval": approval}, "part")
    assert error is not None
    assert (error.tool, error.arguments, error.partial_text) == (tool, arguments, "part")
    assert not error.retryable


@pytest.mark.parametrize("payload", [{}, {"approval": None}, {"approval": True}, {"approval": []}])
def test_no_approval(payload: dict[str, Any]) -> None:
    assert read_approval(new_site(), payload, "") is None
