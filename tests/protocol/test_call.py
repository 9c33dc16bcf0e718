"""The nonce of a call, its renewal, and a call that is made once more."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import ChatError, NonceRejected, RouteNotFound
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.steps import Step

from ..loopback import live
from ..recordings import HELLO
from .scripted import (
    BAD_NONCE,
    END,
    HELLO_ANSWER,
    NO_NONCE,
    NO_ROUTE,
    OLD_HELLO,
    OPENED,
    Answer,
    Script,
    new_site,
    new_turn,
    recorded,
    run,
    streamed,
)

NO_NONCE_WITH_PASSWORD = recorded("3.6.2/application-password/stream-no-nonce")
SUBMIT_POST = "POST http://a.b/wp-json/mwai-ui/v1/chats/submit"
SESSION_POST = "POST http://a.b/wp-json/mwai/v1/start_session"


def test_a_first_turn_opens_a_session_and_a_second_does_not() -> None:
    site = new_site()
    _, first = run(OPENED, HELLO_ANSWER, site=site)
    _, second = run(HELLO_ANSWER, site=site)
    assert first.asked == [SESSION_POST, SUBMIT_POST]
    assert second.asked == [SUBMIT_POST]
    for script in (first, second):
        assert script.requests[-1].headers["X-WP-Nonce"] == "bcc9464d05"


def test_a_site_without_nonces_is_sent_none() -> None:
    site = new_site()
    era1 = [
        recorded(f"1.9.84/close-delimited/{case}")
        for case in ("start_session", "page", "stream-hello")
    ]
    turn, script = run(*era1, site=site)
    assert turn.result().text == HELLO
    assert "X-WP-Nonce" not in script.requests[-1].headers
    assert run(OLD_HELLO, site=site)[1].asked == [SUBMIT_POST]


@pytest.mark.parametrize("refusal", [BAD_NONCE, NO_NONCE, NO_NONCE_WITH_PASSWORD])
def test_a_refused_nonce_is_renewed_once(refusal: Answer) -> None:
    turn, script = run(refusal, OPENED, HELLO_ANSWER)
    assert turn.result().text == HELLO
    assert script.asked == [SUBMIT_POST, SESSION_POST, SUBMIT_POST]
    assert script.requests[-1].headers["X-WP-Nonce"] == "bcc9464d05"
    turn, script = run(refusal, OPENED, refusal)
    assert len(script.requests) == 3
    with pytest.raises(NonceRejected) as caught:
        turn.result()
    assert "bcc9464d05" not in str(caught.value)


def test_a_refused_nonce_that_another_turn_renewed_needs_no_opening() -> None:
    site = new_site()
    site.session = Session("old")
    turn, script = new_turn(site), Script(BAD_NONCE, HELLO_ANSWER)
    script.answer(turn, request := turn.next_request() or pytest.fail())
    assert request.headers["X-WP-Nonce"] == "old"
    assert turn.step is Step.RENEW
    site.session = Session("new")
    script.run(turn)
    assert turn.result().text == HELLO
    assert script.requests[-1].headers["X-WP-Nonce"] == "new"


def test_a_site_that_wants_a_nonce_but_shows_none_is_not_asked_twice() -> None:
    turn, script = run(NO_ROUTE, Answer(200, b"<html>"), NO_NONCE, site=new_site())
    assert script.asked == [SESSION_POST, "GET http://a.b/", SUBMIT_POST]
    with pytest.raises(NonceRejected, match="use the address of the page"):
        turn.result()


def test_a_site_that_has_come_to_want_a_nonce_is_opened_anew() -> None:
    site = new_site()
    run(
        *[
            recorded(f"1.9.84/close-delimited/{case}")
            for case in ("start_session", "page", "stream-hello")
        ],
        site=site,
    )
    turn, script = run(NO_NONCE, OPENED, HELLO_ANSWER, site=site)
    assert turn.result().text == HELLO
    assert script.asked == [SUBMIT_POST, SESSION_POST, SUBMIT_POST]


def test_a_turn_that_was_made_before_a_bare_session_renews_it_too() -> None:
    site = new_site()
    turn = new_turn(site)
    run(
        *[
            recorded(f"1.9.84/close-delimited/{case}")
            for case in ("start_session", "page", "stream-hello")
        ],
        site=site,
    )
    script = Script(NO_NONCE, OPENED, HELLO_ANSWER)
    script.run(turn)
    assert turn.result().text == HELLO


def test_a_site_without_the_plugin_ends_in_route_not_found() -> None:
    turn, _ = run(NO_ROUTE, Answer(200, b"<html>"), NO_ROUTE, site=new_site())
    with pytest.raises(RouteNotFound):
        turn.result()


def test_the_next_nonce_is_taken_over_from_header_and_answer() -> None:
    site = new_site()
    site.session = Session("8543e52f09")
    run(recorded("3.6.2/chunked/stream-new_token"), site=site)
    assert site.session == Session("25bf36a19b")
    run(Answer(200, END % b"x", {"x-wp-nonce": "byheader"}), site=site)
    assert site.session == Session("byheader")
    body = b'{"success":true,"reply":"x","new_token":"bytoken"}'
    run(Answer(200, body), site=site)
    assert site.session == Session("bytoken")
    run(Answer(403, b'{"success":false}', {"x-wp-nonce": "refused"}), site=site)
    assert site.session == Session("bytoken")


@pytest.mark.parametrize(
    "first",
    [(streamed(live("Half")),), (BAD_NONCE, OPENED, BAD_NONCE), (Answer(503),)],
    ids=["half a reply", "a refused nonce", "a refusal"],
)
def test_a_turn_that_starts_over_knows_nothing_of_the_try_before(
    first: tuple[Answer, ...],
) -> None:
    turn, _ = run(*first)
    with pytest.raises(ChatError):
        turn.result()
    turn.start_over()
    assert not turn.finished
    assert not turn.accepted
    assert turn.text == ""
    script = Script(BAD_NONCE, OPENED, HELLO_ANSWER)
    turn._site.session = Session("n1")
    script.run(turn)
    assert turn.result().text == HELLO
    assert turn.result().chat_id == "c" * 32
    assert "".join(event for event in script.events if isinstance(event, str)) == HELLO
