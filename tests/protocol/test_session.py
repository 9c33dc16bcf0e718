"""Opening a session with plugins of all versions, from any address."""

from __future__ import annotations

import json

import pytest

from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
)
from chatgpt4online.protocol.http import Response
from chatgpt4online.protocol.session import find_root, open_session, read_site_page
from chatgpt4online.protocol.site import Era, Session, Site

from ..recordings import ALL, Recording, names
from .flows import (
    HTML_PAGE,
    NO_ROUTE,
    NONCE_PAGE,
    OLD_PAGE,
    OPENED,
    PLAIN_PAGE,
    ROOT,
    START_SESSION,
    Script,
    new_site,
    recorded,
)

NONCE = "bcc9464d05"
HOME = "GET http://a.b/"
CHAT = "GET http://a.b/chat/"
SECURE_START = "POST https://a.b/wp-json/mwai/v1/start_session"
LINK = {"link": '<http://x/api/>; rel="https://api.w.org/"'}
HTML = HTML_PAGE.body
NOT_FOUND = Response(404, {}, HTML)
SESSIONS = [item for item in ALL if "start_session" in item.case and item.status == 200]


def open_site(address: str, *responses: Response) -> tuple[Site, Script]:
    script = Script(new_site(address), *responses)
    script.run(open_session(script.site))
    return script.site, script


def redirect(location: str, status: int = 301) -> Response:
    return Response(status, {"location": location})


def failed(status: int) -> Response:
    return Response(status, {}, b'{"success":false,"message":"no"}')


@pytest.mark.parametrize(
    ("address", "responses", "sent", "era"),
    [
        ("http://a.b", [OPENED], [START_SESSION], Era.START_SESSION),
        ("http://a.b/wp-json", [OPENED], [START_SESSION], Era.START_SESSION),
        (
            "http://a.b/?rest_route=/",
            [OPENED],
            ["POST http://a.b/?rest_route=/mwai/v1/start_session"],
            Era.START_SESSION,
        ),
        ("http://a.b", [NO_ROUTE, NONCE_PAGE], [START_SESSION, HOME], Era.PAGE_NONCE),
        ("http://a.b", [NO_ROUTE, OLD_PAGE], [START_SESSION, HOME], Era.NO_NONCE),
        ("http://a.b", [NO_ROUTE, HTML_PAGE], [START_SESSION, HOME], Era.NO_NONCE),
        ("http://a.b", [NO_ROUTE, NOT_FOUND], [START_SESSION, HOME], Era.NO_NONCE),
        ("http://a.b/chat/", [NONCE_PAGE], [CHAT], Era.PAGE_NONCE),
        ("http://a.b/chat/", [PLAIN_PAGE, OPENED], [CHAT, START_SESSION], Era.START_SESSION),
        ("http://a.b/chat/", [OLD_PAGE, NO_ROUTE], [CHAT, START_SESSION], Era.NO_NONCE),
        ("http://a.b", [NOT_FOUND, NONCE_PAGE], [START_SESSION, HOME], Era.PAGE_NONCE),
        (
            "http://a.b/api/",
            [Response(200, LINK, b"{}"), OPENED],
            ["GET http://a.b/api/", "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
        ),
        (
            "http://a.b",
            [NOT_FOUND, Response(200, LINK, HTML), OPENED],
            [START_SESSION, HOME, "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
        ),
        (
            "http://a.b",
            [HTML_PAGE, Response(200, LINK, HTML), OPENED],
            [START_SESSION, HOME, "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
        ),
        (
            "http://a.b/chat",
            [redirect("/chat/"), NONCE_PAGE],
            ["GET http://a.b/chat", CHAT],
            Era.PAGE_NONCE,
        ),
        (
            "http://a.b/chat/",
            [redirect("https://a.b/chat/"), PLAIN_PAGE, OPENED],
            [CHAT, "GET https://a.b/chat/", SECURE_START],
            Era.START_SESSION,
        ),
        (
            "http://a.b",
            [redirect("https://a.b/wp-json/mwai/v1/start_session", 308), OPENED],
            [START_SESSION, SECURE_START],
            Era.START_SESSION,
        ),
        (
            "http://a.b",
            [redirect("https://a.b/wp-json/mwai/v1/start_session"), NO_ROUTE, NONCE_PAGE],
            [START_SESSION, SECURE_START, "GET https://a.b/"],
            Era.PAGE_NONCE,
        ),
        (
            "http://a.b",
            [redirect("/login", 302), Response(200, LINK, HTML), OPENED],
            [START_SESSION, HOME, "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
        ),
        (
            "http://a.b",
            [NO_ROUTE, redirect("/home/"), NONCE_PAGE],
            [START_SESSION, HOME, "GET http://a.b/home/"],
            Era.PAGE_NONCE,
        ),
    ],
)
def test_open_session(address: str, responses: list[Response], sent: list[str], era: Era) -> None:
    site, script = open_site(address, *responses)
    assert script.sent == sent
    assert site.era is era
    assert site.session is not None
    assert site.session.nonce == (None if era is Era.NO_NONCE else NONCE)
    assert all("X-WP-Nonce" not in request.headers for request in script.requests)
    assert all(request.repeatable for request in script.requests)


def test_page_with_a_nonce_but_no_root_has_the_usual_root() -> None:
    system = json.dumps({"restNonce": "n1"})
    page = Response(200, {}, f"<p data-system='{system}'>".encode())
    site, _ = open_site("http://a.b/chat/", page)
    assert site.root == ROOT
    assert site.session == Session("n1")


@pytest.mark.parametrize("recording", SESSIONS, ids=names(SESSIONS))
def test_recorded_sessions(recording: Recording) -> None:
    site, _ = open_site("http://a.b", recorded(recording.name))
    assert site.session is not None
    nonce, session_id = site.session.nonce, site.session.session_id
    assert nonce is not None
    assert f'"restNonce":"{nonce}"'.encode() in recording.body
    assert session_id is not None
    assert f'"sessionId":"{session_id.replace("/", chr(92) + "/")}"'.encode() in recording.body
    assert site.redact(f"{nonce} {session_id}") == f"[…] {'N/A' if session_id == 'N/A' else '[…]'}"


@pytest.mark.parametrize(
    ("body", "session"),
    [
        ('{"restNonce":"n1","sessionId":"s"}', Session("n1", "s")),
        ('\ufeff{"restNonce":12,"sessionId":34}', Session("0000000012", "34")),
        ('<br />\nNotice<br />\n{"restNonce":"n1","sessionId":null}', Session("n1", None)),
        ('{"restNonce":"n1","sessionId":true}', Session("n1", None)),
        ('{"restNonce":"n1","sessionId":""}', Session("n1", None)),
    ],
)
def test_session_in_a_response(body: str, session: Session) -> None:
    site, _ = open_site("http://a.b", Response(200, {}, body.encode()))
    assert site.session == session


@pytest.mark.parametrize(
    ("address", "responses", "kind", "text"),
    [
        ("http://a.b", [NOT_FOUND, NOT_FOUND], RouteNotFound, "AI Engine was not found"),
        ("http://a.b", [NOT_FOUND, HTML_PAGE], RouteNotFound, "AI Engine was not found"),
        ("http://a.b/chat/", [NOT_FOUND], RouteNotFound, "AI Engine was not found"),
        ("http://a.b/chat/", [PLAIN_PAGE, NOT_FOUND], RouteNotFound, "AI Engine was not found"),
        ("http://a.b/chat/", [redirect("https://www.a.b/chat/")], StatusError, "another host"),
        ("http://a.b", [redirect("https://www.a.b/wp-json/")], StatusError, "another host"),
        ("http://a.b", [Response(301)] * 6, StatusError, "endlessly"),
        ("http://a.b/chat/", [redirect("/chat/")] * 6, StatusError, "endlessly"),
        ("http://a.b/chat/", [PLAIN_PAGE, redirect("/x")], RouteNotFound, "AI Engine"),
        (
            "http://a.b",
            [Response(403, {"cf-ray": "x"}, HTML)],
            Blocked,
            "does not bypass bot walls",
        ),
        ("http://a.b", [Response(500, {}, HTML)], StatusError, "HTTP status 500"),
        (
            "http://a.b",
            [Response(401, {}, b'{"code":"rest_forbidden"}')],
            StatusError,
            r"does not let guests open a session \(HTTP 401, rest_forbidden\)",
        ),
        ("http://a.b", [failed(200)], ReplyError, "reported an error: no"),
        ("http://a.b", [failed(403)], QueryRejected, "rejected the request: no"),
        (
            "http://a.b",
            [Response(200, {}, b'{"success":true}')],
            ProtocolError,
            "no usable nonce",
        ),
        ("http://a.b", [NO_ROUTE, Response(403, {}, HTML)], Blocked, "HTTP status 403"),
        ("http://a.b/chat/", [Response(500, {}, b"x")], StatusError, "HTTP status 500"),
    ],
)
def test_session_cannot_be_opened(
    address: str, responses: list[Response], kind: type[ChatError], text: str
) -> None:
    with pytest.raises(kind, match=text) as caught:
        open_site(address, *responses)
    assert not caught.value.retryable


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("address", ["http://a.b", "http://a.b/chat/"])
def test_gateway_error_can_be_retried(address: str, status: int) -> None:
    with pytest.raises(StatusError) as caught:
        open_site(address, Response(status, {}, HTML))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("http://a.b", "https://a.b/"),
        ("http://A.b", "https://a.b/"),
        ("http://a.b:80/", "https://a.b/"),
        ("http://a.b/blog/wp-json/", "https://a.b/blog/"),
    ],
)
def test_redirect_to_https_also_applies_to_the_page(address: str, page: str) -> None:
    site = new_site(address)
    assert site.root is not None
    secure = site.root.replace("http:", "https:").replace(":80", "") + "mwai/v1/start_session"
    script = Script(site, redirect(secure), NO_ROUTE, NONCE_PAGE)
    script.run(open_session(site))
    assert script.sent[-1].lower() == f"GET {page}".lower()


def test_redirect_on_the_same_host_keeps_the_page() -> None:
    site, script = open_site(
        "http://A.b/", redirect("/de/wp-json/mwai/v1/start_session"), NO_ROUTE, NONCE_PAGE
    )
    assert script.sent[-1].lower() == "get http://a.b/"
    assert site.root is not None
    assert site.root.lower() == "http://a.b/de/wp-json/"


@pytest.mark.parametrize(
    ("first", "again", "sent"),
    [
        ([OPENED], [OPENED], [START_SESSION]),
        ([NO_ROUTE, NONCE_PAGE], [NONCE_PAGE], [HOME]),
        ([NO_ROUTE, NONCE_PAGE], [PLAIN_PAGE, OPENED], [HOME, START_SESSION]),
        ([NO_ROUTE, OLD_PAGE], [OPENED], [START_SESSION]),
        ([OPENED], [NO_ROUTE, NONCE_PAGE], [START_SESSION, HOME]),
    ],
    ids=["start_session", "page", "page, then updated", "none, then updated", "downgraded"],
)
def test_known_site_is_opened_again(
    first: list[Response], again: list[Response], sent: list[str]
) -> None:
    site, _ = open_site("http://a.b", *first)
    script = Script(site, *again)
    script.run(open_session(site))
    assert script.sent == sent
    assert site.session is not None
    assert site.session.nonce == NONCE
    for request in script.requests:
        cached = request.headers.get("Cache-Control")
        assert cached == ("no-cache" if request.method == "GET" else None)


def test_page_is_kept() -> None:
    script = Script(new_site("http://a.b/chat"), redirect("/chat/"), PLAIN_PAGE)
    page = script.run(read_site_page(script.site))
    assert script.site.page is page
    assert script.site.page_url == "http://a.b/chat/"
    assert [bot.bot_id for bot in page.bots] == ["default"]
    assert script.site.session is None


def test_known_root_needs_no_request() -> None:
    script = Script(new_site())
    assert script.run(find_root(script.site)) == ROOT


WALL = Response(202, {"sg-captcha": "challenge"}, HTML)


@pytest.mark.parametrize("address", ["http://a.b", "http://a.b/chat/"])
def test_a_bot_wall_that_answers_with_a_success(address: str) -> None:
    with pytest.raises(Blocked, match="bot wall"):
        open_site(address, WALL)
