"""Opening a session with a site of any era, from any address."""

from __future__ import annotations

import json

import pytest

from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ChatTimeout,
    ConnectError,
    ProtocolError,
    QueryRejected,
    RouteNotFound,
    StatusError,
)
from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.opening import SessionOpening
from chatgpt4online.protocol.site import Era, Site

from .scripted import Answer, Script, recorded

NONCE = "bcc9464d05"
ROOT_POST = "POST http://a.b/wp-json/mwai/v1/start_session"
LINK = {"link": '<http://x/api/>; rel="https://api.w.org/"'}
HTML = b"<!doctype html><html></html>"
OPENED = recorded("3.6.2/chunked/start_session")
NO_ROUTE = recorded("2.4.0/close-delimited/start_session")
NONCE_PAGE = recorded("2.4.0/close-delimited/page")
PLAIN_PAGE = recorded("3.6.2/chunked/page-chat")
OLD_PAGE = recorded("1.9.84/close-delimited/page")
NOT_FOUND = Answer(404, HTML)


def open_site(address: str, *answers: Answer) -> tuple[Site, Script]:
    site, script = Site(parse_address(address)), Script(*answers)
    script.run(SessionOpening(site, Limits()))
    assert not script.answers
    return site, script


@pytest.mark.parametrize(
    ("address", "answers", "asked", "era", "nonce"),
    [
        ("http://a.b", [OPENED], [ROOT_POST], Era.START_SESSION, NONCE),
        (
            "http://a.b/wp-json",
            [recorded("2.6.5/close-delimited/start_session")],
            [ROOT_POST],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [recorded("3.6.2/chunked/start_session-bom")],
            [ROOT_POST],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b/?rest_route=/",
            [recorded("3.6.2/chunked/restroute-start_session")],
            ["POST http://a.b/?rest_route=/mwai/v1/start_session"],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [NO_ROUTE, NONCE_PAGE],
            [ROOT_POST, "GET http://a.b/"],
            Era.PAGE_NONCE,
            NONCE,
        ),
        ("http://a.b", [NO_ROUTE, OLD_PAGE], [ROOT_POST, "GET http://a.b/"], Era.NO_NONCE, None),
        (
            "http://a.b",
            [NO_ROUTE, Answer(200, HTML)],
            [ROOT_POST, "GET http://a.b/"],
            Era.NO_NONCE,
            None,
        ),
        ("http://a.b", [NO_ROUTE, NOT_FOUND], [ROOT_POST, "GET http://a.b/"], Era.NO_NONCE, None),
        ("http://a.b/chat/", [NONCE_PAGE], ["GET http://a.b/chat/"], Era.PAGE_NONCE, NONCE),
        (
            "http://a.b/chat/",
            [PLAIN_PAGE, OPENED],
            ["GET http://a.b/chat/", ROOT_POST],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b/chat/",
            [OLD_PAGE, NO_ROUTE],
            ["GET http://a.b/chat/", ROOT_POST],
            Era.NO_NONCE,
            None,
        ),
        (
            "http://a.b/api/",
            [Answer(200, b"{}", LINK), OPENED],
            ["GET http://a.b/api/", "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [Answer(404, HTML, LINK), OPENED],
            [ROOT_POST, "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [Answer(200, HTML), Answer(200, HTML, LINK), OPENED],
            [ROOT_POST, "GET http://a.b/", "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [NOT_FOUND, NONCE_PAGE],
            [ROOT_POST, "GET http://a.b/"],
            Era.PAGE_NONCE,
            NONCE,
        ),
        (
            "http://a.b/chat",
            [Answer(301, b"", {"location": "/chat/"}), NONCE_PAGE],
            ["GET http://a.b/chat", "GET http://a.b/chat/"],
            Era.PAGE_NONCE,
            NONCE,
        ),
        (
            "http://a.b/chat/",
            [Answer(301, b"", {"location": "https://a.b/chat/"}), PLAIN_PAGE, OPENED],
            [
                "GET http://a.b/chat/",
                "GET https://a.b/chat/",
                "POST https://a.b/wp-json/mwai/v1/start_session",
            ],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [Answer(308, b"", {"location": "https://a.b/wp-json/mwai/v1/start_session"}), OPENED],
            [ROOT_POST, "POST https://a.b/wp-json/mwai/v1/start_session"],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [
                Answer(301, b"", {"location": "https://a.b/wp-json/mwai/v1/start_session"}),
                NO_ROUTE,
                NONCE_PAGE,
            ],
            [ROOT_POST, "POST https://a.b/wp-json/mwai/v1/start_session", "GET https://a.b/"],
            Era.PAGE_NONCE,
            NONCE,
        ),
        (
            "http://a.b",
            [Answer(302, b"", {"location": "/login"}), Answer(200, HTML, LINK), OPENED],
            [ROOT_POST, "GET http://a.b/", "POST http://a.b/api/mwai/v1/start_session"],
            Era.START_SESSION,
            NONCE,
        ),
        (
            "http://a.b",
            [NO_ROUTE, Answer(301, b"", {"location": "/home/"}), NONCE_PAGE],
            [ROOT_POST, "GET http://a.b/", "GET http://a.b/home/"],
            Era.PAGE_NONCE,
            NONCE,
        ),
    ],
)
def test_ways_in(
    address: str, answers: list[Answer], asked: list[str], era: Era, nonce: str | None
) -> None:
    site, script = open_site(address, *answers)
    assert script.asked == asked
    assert site.era is era
    assert site.session is not None
    assert site.session.nonce == nonce
    assert all("X-WP-Nonce" not in request.headers for request in script.requests)


def test_a_page_that_tells_a_nonce_but_no_root_has_the_usual_root() -> None:
    system = json.dumps({"restNonce": "n1"})
    site, _ = open_site("http://a.b/chat/", Answer(200, f"<p data-system='{system}'>".encode()))
    assert site.root == "http://a.b/wp-json/"
    assert site.session == Session("n1")


@pytest.mark.parametrize(
    ("address", "answers", "kind", "text"),
    [
        ("http://a.b", [NOT_FOUND, NOT_FOUND], RouteNotFound, "AI Engine does not answer there"),
        ("http://a.b", [NOT_FOUND, Answer(200, HTML)], RouteNotFound, "AI Engine does not answer"),
        ("http://a.b/chat/", [NOT_FOUND], RouteNotFound, "AI Engine does not answer there"),
        ("http://a.b/chat/", [PLAIN_PAGE, NOT_FOUND], RouteNotFound, "AI Engine does not answer"),
        ("http://a.b/chat/", [PLAIN_PAGE, Answer(404, HTML, LINK)], RouteNotFound, "AI Engine"),
        (
            "http://a.b/chat/",
            [Answer(301, b"", {"location": "https://www.a.b/chat/"})],
            StatusError,
            "redirects to another host",
        ),
        ("http://a.b", [Answer(301, b"", {})] * 6, StatusError, "without end"),
        (
            "http://a.b/chat/",
            [Answer(301, b"", {"location": "/chat/"})] * 6,
            StatusError,
            "without end",
        ),
        (
            "http://a.b/chat/",
            [PLAIN_PAGE, Answer(301, b"", {"location": "/x"})],
            RouteNotFound,
            "AI Engine",
        ),
        (
            "http://a.b",
            [Answer(403, HTML, {"cf-ray": "x"})],
            Blocked,
            "does not get round bot walls",
        ),
        ("http://a.b", [Answer(500, HTML)], StatusError, "HTTP status 500"),
        (
            "http://a.b",
            [Answer(401, b'{"code":"rest_forbidden"}')],
            StatusError,
            "lets no guest open a session",
        ),
        ("http://a.b", [Answer(200, b'{"success":false,"message":"no"}')], ChatError, "failed: no"),
        ("http://a.b", [Answer(200, b'{"success":true}')], ProtocolError, "gave no nonce"),
        ("http://a.b", [Answer(403, b'{"success":false,"message":"no"}')], QueryRejected, "no"),
        ("http://a.b", [NO_ROUTE, Answer(403, HTML)], Blocked, "HTTP status 403"),
        ("http://a.b/chat/", [Answer(500, b"x")], StatusError, "HTTP status 500"),
    ],
)
def test_no_way_in(address: str, answers: list[Answer], kind: type[ChatError], text: str) -> None:
    with pytest.raises(kind, match=text) as caught:
        open_site(address, *answers)
    assert not caught.value.retryable


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_fails_may_be_asked_again(status: int) -> None:
    for address in ("http://a.b", "http://a.b/chat/"):
        with pytest.raises(StatusError) as caught:
            open_site(address, Answer(status, HTML))
        assert caught.value.retryable


def test_an_interrupted_opening_may_be_tried_again() -> None:
    error = ChatTimeout("slow")
    opening = SessionOpening(Site(parse_address("http://a.b")), Limits())
    assert opening.interrupted(error) is error
    assert error.retryable
    for retryable in (True, False):
        unreachable = ConnectError("no", retryable=retryable)
        assert opening.interrupted(unreachable) is unreachable
        assert unreachable.retryable is retryable


def test_a_page_over_the_limit_is_an_error() -> None:
    opening = SessionOpening(Site(parse_address("http://a.b")), Limits(page=10))
    opening.next_request()
    opening.receive_head(200, {})
    opening.receive_data(b"x" * 10)
    assert not opening.has_enough
    with pytest.raises(ProtocolError, match="longer than 10 bytes"):
        opening.receive_data(b"x")


@pytest.mark.parametrize(
    ("first", "again", "asked"),
    [
        ([OPENED], [OPENED], [ROOT_POST]),
        ([NO_ROUTE, NONCE_PAGE], [NONCE_PAGE], ["GET http://a.b/"]),
        ([NO_ROUTE, NONCE_PAGE], [PLAIN_PAGE, OPENED], ["GET http://a.b/", ROOT_POST]),
        ([NO_ROUTE, OLD_PAGE], [OPENED], [ROOT_POST]),
        ([OPENED], [NO_ROUTE, NONCE_PAGE], [ROOT_POST, "GET http://a.b/"]),
    ],
    ids=["session", "page", "page, then updated", "none, then updated", "session, then reverted"],
)
def test_a_known_site_is_opened_again_by_its_era(
    first: list[Answer], again: list[Answer], asked: list[str]
) -> None:
    site, _ = open_site("http://a.b", *first)
    script = Script(*again)
    script.run(SessionOpening(site, Limits()))
    assert script.asked == asked
    assert site.session is not None
    assert site.session.nonce == NONCE
    for request in script.requests:
        cached = request.headers.get("Cache-Control")
        assert cached == ("no-cache" if request.method == "GET" else None)


def test_a_nonce_is_taken_over_for_its_own_session_only() -> None:
    site, _ = open_site("http://a.b", OPENED)
    used = site.session
    assert used is not None
    for nonce in (None, "", used.nonce):
        site.renew_nonce(used, nonce)
        assert site.session is used
    site.renew_nonce(Session(used.nonce, used.session_id), "other")
    assert site.session is used
    site.renew_nonce(used, "next")
    assert site.session == Session("next", used.session_id)
    site.drop_session(used)
    assert site.session is not None
    site.drop_session(site.session)
    assert site.session is None
