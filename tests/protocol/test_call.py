"""Calling routes: the nonce, its renewal, and the public API."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import (
    AuthenticationError,
    Blocked,
    ChatError,
    LimitReached,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
    UsageError,
)
from chatgpt4online.protocol.call import call, call_public_api
from chatgpt4online.protocol.http import Flow, Request, Response
from chatgpt4online.protocol.site import Session

from .flows import (
    BAD_NONCE,
    HTML_PAGE,
    NO_NONCE,
    NO_ROUTE,
    OLD_PAGE,
    OPENED,
    PLAIN_PAGE,
    ROOT,
    START_SESSION,
    Script,
    answer,
    json_of,
    new_site,
    opened_site,
    recorded,
)

ROUTE = f"POST {ROOT}mwai-ui/v1/x"
DONE = answer(success=True)
NOT_FOUND = Response(404, {}, HTML_PAGE.body)
REFUSED_PASSWORD = recorded("3.6.2/application-password/stream-no-nonce")


def test_call() -> None:
    script = Script(opened_site(), answer(success=True, a=1))
    assert script.run(call(script.site, "mwai-ui/v1/x", {"b": "ü"})) == {"success": True, "a": 1}
    assert script.sent == [ROUTE]
    (request,) = script.requests
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-WP-Nonce": "n1",
    }
    assert request.body == '{"b": "ü"}'.encode()
    assert (request.stream, request.repeatable) == (False, False)


def test_repeatable_call_with_other_headers() -> None:
    script = Script(opened_site(), DONE)
    script.run(call(script.site, "mwai-ui/v1/x", {}, headers={"A": "b"}, repeatable=True))
    (request,) = script.requests
    assert request.headers == {"A": "b", "X-WP-Nonce": "n1"}
    assert request.body == b"{}"
    assert request.repeatable


def test_first_call_opens_a_session_and_the_second_uses_it() -> None:
    script = Script(new_site(), OPENED, DONE)
    script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert script.sent == [START_SESSION, ROUTE]
    again = Script(script.site, DONE)
    again.run(call(script.site, "mwai-ui/v1/x", {}))
    assert again.sent == [ROUTE]
    for request in (script.requests[-1], again.requests[-1]):
        assert request.headers["X-WP-Nonce"] == "bcc9464d05"


def test_site_without_nonces_is_sent_none() -> None:
    script = Script(new_site(), NO_ROUTE, OLD_PAGE, DONE)
    script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert "X-WP-Nonce" not in script.requests[-1].headers


@pytest.mark.parametrize("refusal", [BAD_NONCE, NO_NONCE, REFUSED_PASSWORD])
def test_refused_nonce_is_renewed_once(refusal: Response) -> None:
    script = Script(opened_site(), refusal, OPENED, DONE)
    script.run(call(script.site, "mwai-ui/v1/x", {"a": 1}))
    assert script.sent == [ROUTE, START_SESSION, ROUTE]
    assert json_of(script.requests[-1]) == {"a": 1}
    assert script.requests[-1].headers["X-WP-Nonce"] == "bcc9464d05"


def test_nonce_that_is_refused_twice_is_an_error() -> None:
    script = Script(opened_site(), BAD_NONCE, OPENED, BAD_NONCE)
    with pytest.raises(NonceRejected) as caught:
        script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert script.sent == [ROUTE, START_SESSION, ROUTE]
    assert script.site.session is None
    assert "bcc9464d05" not in str(caught.value)


def test_session_that_another_flow_has_opened_is_used() -> None:
    site = opened_site(Session("old"))
    flow = call(site, "mwai-ui/v1/x", {})
    next(flow)
    site.session = Session("new")
    request = flow.send(BAD_NONCE)
    assert isinstance(request, Request)
    assert request.headers["X-WP-Nonce"] == "new"
    assert site.session == Session("new")


def test_site_that_needs_a_nonce_after_an_update_is_opened_again() -> None:
    script = Script(new_site(), NO_ROUTE, OLD_PAGE, DONE)
    script.run(call(script.site, "mwai-ui/v1/x", {}))
    script = Script(script.site, NO_NONCE, OPENED, DONE)
    script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert script.sent == [ROUTE, START_SESSION, ROUTE]


def test_next_nonce_in_the_header_of_a_success_is_used() -> None:
    script = Script(opened_site(), Response(200, {"x-wp-nonce": "n2"}, DONE.body))
    script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert script.site.session == Session("n2")


def test_nonce_in_the_header_of_a_failure_is_ignored() -> None:
    script = Script(opened_site(), Response(403, {"x-wp-nonce": "n2"}, b'{"success":false}'))
    with pytest.raises(QueryRejected):
        script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert script.site.session == Session("n1")


FAILURES: list[tuple[Response, type[ChatError]]] = [
    (Response(200, {}, b'{"success":false,"message":"no"}'), ReplyError),
    (Response(400, {}, b'{"success":false,"message":"Invalid file type."}'), QueryRejected),
    (Response(429, {}, b'{"success":false,"message":"no"}'), LimitReached),
    (Response(404, {}, b'{"code":"rest_no_route"}'), RouteNotFound),
    (Response(500, {}, b"<html>"), StatusError),
    (Response(200, {}, b"<html>"), StatusError),
    (Response(301, {"location": "https://a.b/"}), StatusError),
    (Response(503, {"retry-after": "1"}), Blocked),
    (Response(200, {}, b""), ProtocolError),
    (Response(200, {}, b'{"success":true'), ProtocolError),
]


@pytest.mark.parametrize(("response", "kind"), FAILURES)
def test_failed_call(response: Response, kind: type[ChatError]) -> None:
    script = Script(opened_site(), response)
    with pytest.raises(kind) as caught:
        script.run(call(script.site, "mwai-ui/v1/x", {}))
    assert type(caught.value) is kind


def test_body_that_cannot_be_sent() -> None:
    with pytest.raises(UsageError, match="The request cannot be sent as JSON"):
        Script(opened_site()).run(call(opened_site(), "mwai-ui/v1/x", {"a": "\ud83d"}))


def test_public_api_needs_no_session() -> None:
    script = Script(new_site(), DONE, DONE)
    assert script.run(_both_calls(script)) == (DONE, DONE)
    get, post = script.requests
    assert script.sent == [f"GET {ROOT}mwai/v1/x", f"POST {ROOT}mwai/v1/y"]
    assert get.headers == {"Accept": "application/json"}
    assert (get.body, get.repeatable, get.stream) == (None, True, False)
    assert post.headers == {"Accept": "application/json", "Content-Type": "application/json"}
    assert (json_of(post), post.repeatable, post.stream) == ({"a": 1}, False, True)
    assert script.site.session is None


def _both_calls(script: Script) -> Flow[tuple[Response, Response]]:
    first = yield from call_public_api(script.site, "mwai/v1/x")
    second = yield from call_public_api(script.site, "mwai/v1/y", {"a": 1}, stream=True)
    return first, second


def test_public_api_finds_the_root_on_the_page() -> None:
    moved = Response(301, {"location": "/chat/"})
    script = Script(new_site("http://a.b/chat"), moved, PLAIN_PAGE, DONE)
    assert script.run(call_public_api(script.site, "mwai/v1/x")) == DONE
    assert script.sent == [
        "GET http://a.b/chat",
        "GET http://a.b/chat/",
        f"GET {ROOT}mwai/v1/x",
    ]


INDEX = f"GET {ROOT}?_fields=namespaces"


def test_public_api_of_a_home_page() -> None:
    """The root is verified once, because no prompt may be sent to a wrong guess."""
    script = Script(new_site("http://a.b"), answer(namespaces=[]), DONE, DONE)
    assert script.run(_both_calls(script)) == (DONE, DONE)
    assert script.sent == [INDEX, f"GET {ROOT}mwai/v1/x", f"POST {ROOT}mwai/v1/y"]


@pytest.mark.parametrize(
    "missing", [NOT_FOUND, HTML_PAGE, Response(405), Response(404, {}, b'{"error":"no"}')]
)
def test_public_api_of_a_home_page_whose_root_was_a_wrong_guess(missing: Response) -> None:
    page = Response(200, {}, b'<link rel="https://api.w.org/" href="/?rest_route=/">')
    script = Script(new_site("http://a.b"), missing, page, DONE, DONE)
    assert script.run(_both_calls(script)) == (DONE, DONE)
    assert script.sent == [
        INDEX,
        "GET http://a.b/",
        "GET http://a.b/?rest_route=/mwai/v1/x",
        "POST http://a.b/?rest_route=/mwai/v1/y",
    ]


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_root_that_cannot_be_verified_now(status: int) -> None:
    script = Script(new_site("http://a.b"), Response(status, {}, HTML_PAGE.body))
    with pytest.raises(StatusError):
        script.run(call_public_api(script.site, "mwai/v1/x"))
    again = Script(script.site, answer(namespaces=[]), DONE)
    assert again.run(call_public_api(again.site, "mwai/v1/x")) == DONE


@pytest.mark.parametrize("index", [Response(401, {}, b'{"code":"rest_login"}'), Response(301)])
def test_a_root_of_which_nothing_else_is_known(index: Response) -> None:
    script = Script(new_site("http://a.b"), index, DONE)
    assert script.run(call_public_api(script.site, "mwai/v1/x")) == DONE


def test_public_api_of_a_home_page_without_a_root() -> None:
    script = Script(new_site("http://a.b"), NOT_FOUND, HTML_PAGE, NOT_FOUND)
    with pytest.raises(RouteNotFound):
        script.run(call_public_api(script.site, "mwai/v1/x"))


def test_public_api_of_a_page_without_a_root() -> None:
    script = Script(new_site("http://a.b/chat/"), HTML_PAGE)
    with pytest.raises(RouteNotFound):
        script.run(call_public_api(script.site, "mwai/v1/x"))


def test_public_api_refuses_the_token() -> None:
    script = Script(new_site(), recorded("3.6.2/chunked/api-unauthorized"))
    with pytest.raises(AuthenticationError, match="refused the token") as caught:
        script.run(call_public_api(script.site, "mwai/v1/x"))
    assert (caught.value.status, caught.value.code) == (401, "rest_forbidden")
    assert caught.value.message == "Sorry, you are not allowed to do that."


@pytest.mark.parametrize(("response", "kind"), [item for item in FAILURES if not item[0].ok])
def test_public_api_fails(response: Response, kind: type[ChatError]) -> None:
    script = Script(new_site(), response)
    with pytest.raises(kind) as caught:
        script.run(call_public_api(script.site, "mwai/v1/x"))
    assert type(caught.value) is kind
