"""Nonces from session answers and from pages."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.protocol.nonce import Session, read_nonce, read_page, read_session_answer

from ..recordings import ALL, Recording

PAGE = "https://a.b/chat/"
SESSIONS = [item for item in ALL if "start_session" in item.case and item.status == 200]
PAGES = [item for item in ALL if item.case.startswith("page")]


@pytest.mark.parametrize("recording", SESSIONS, ids=lambda item: str(item.name))
def test_recorded_session_answers(recording: Recording) -> None:
    session = read_session_answer(recording.body)
    assert session is not None
    expected = "e5dd58413b" if "application-password" in recording.name else "bcc9464d05"
    assert session.nonce == expected
    assert session.session_id == ("N/A" if "2.6.5" in recording.name else session.session_id)
    assert expected not in repr(session)


@pytest.mark.parametrize("recording", PAGES, ids=lambda item: str(item.name))
def test_recorded_pages(recording: Recording) -> None:
    page = read_page(recording.body, "http://127.0.0.1:8802/chat/")
    has_nonce = "2.4.0" in recording.name
    assert page.session == (Session("bcc9464d05", "N/A") if has_nonce else None)
    assert page.root == "http://127.0.0.1:8802/wp-json/"
    assert len(page.bots) == (2 if recording.name[:3] in ("2.4", "2.6") else 1)
    assert page.bots[0].system["contextId"] == 4
    assert page.bots[0].params["textInputMaxLength"] == 512
    assert "Hi! How" not in repr(page)


@pytest.mark.parametrize(
    ("value", "nonce"),
    [
        ("bcc9464d05", "bcc9464d05"),
        (12345678, "0012345678"),
        (0, "0000000000"),
        (9999999999, "9999999999"),
        (99999999999, None),
        (-1, None),
        (1.5, None),
        (True, None),
        (None, None),
        ("", None),
        ("a b", None),
        ("a\r\nCookie: x", None),
        ("\u041f", None),
        ("x" * 129, None),
        (["x"], None),
    ],
)
def test_what_is_a_nonce(value: object, nonce: str | None) -> None:
    assert read_nonce(value) == nonce


@pytest.mark.parametrize(
    ("answer", "session"),
    [
        ('{"restNonce":"n1","sessionId":"s"}', Session("n1", "s")),
        ('\ufeff{"restNonce":12,"sessionId":34}', Session("0000000012", "34")),
        ('<br />\nNotice<br />\n{"restNonce":"n1","sessionId":null}', Session("n1", None)),
        ('{"restNonce":"n1","sessionId":true}', Session("n1", None)),
        ('{"restNonce":"n1","sessionId":""}', Session("n1", None)),
        ('{"restNonce":null}', None),
        ("[]", None),
        ("", None),
        ("<html>", None),
    ],
)
def test_session_answers(answer: str, session: Session | None) -> None:
    assert read_session_answer(answer.encode()) == session


def container(system: Any, params: str = "{}") -> str:
    shown = html.escape(system if isinstance(system, str) else json.dumps(system))
    return f"<div class='x' data-params='{params}' data-system='{shown}'></div>"


def test_the_first_nonce_of_several_containers_counts() -> None:
    bots = [{"botId": "a", "restNonce": None}, {"restNonce": 7, "sessionId": 8}, {"restNonce": "c"}]
    page = read_page("".join(map(container, bots)).encode(), PAGE)
    assert page.session == Session("0000000007", "8")
    assert [bot.system for bot in page.bots] == bots


def test_broken_containers_are_passed_over() -> None:
    text = container("{cut") + container("[]") + container("") + container({"a": 1}, "{cut")
    page = read_page(text.encode(), PAGE)
    assert [(bot.system, bot.params) for bot in page.bots] == [({"a": 1}, {})]
    assert page.root is None


def test_the_root_of_the_link_comes_before_that_of_the_chatbot() -> None:
    system = container({"restUrl": "http://other/x/?rest_route="})
    assert read_page(system.encode(), PAGE).root == "https://a.b/x/?rest_route="
    link = '<link rel="https://api.w.org/" href="http://other/api/"><link rel="https://api.w.org/">'
    assert read_page((system + link).encode(), PAGE).root == "https://a.b/api/"
    assert read_page(container({"restUrl": 5}).encode(), PAGE).root is None


def test_a_container_inside_a_script_is_none() -> None:
    assert read_page(f"<script>{container({'a': 1})}</script>".encode(), PAGE).bots == ()


def test_what_comes_before_a_malformed_declaration_counts() -> None:
    page = read_page((container({"restNonce": "n1"}) + "<![<").encode(), PAGE)
    assert page.session == Session("n1")


@given(st.binary(max_size=300) | st.text(alphabet="<>!-/='\"& datsyem{}[]", max_size=200))
def test_any_page_can_be_read(body: bytes | str) -> None:
    read_page(body if isinstance(body, bytes) else body.encode(), PAGE)
    read_session_answer(body if isinstance(body, bytes) else body.encode())
