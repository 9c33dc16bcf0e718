"""Pages that show a chatbot."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.protocol.nonce import Session, read_session_answer
from chatgpt4online.protocol.page import read_page

from ..recordings import ALL, Recording

PAGE = "https://a.b/chat/"
SESSIONS = [item for item in ALL if "start_session" in item.case and item.status == 200]
PAGES = [item for item in ALL if item.case.startswith("page")]


@pytest.mark.parametrize("recording", PAGES, ids=lambda item: str(item.name))
def test_recorded_pages(recording: Recording) -> None:
    page = read_page(recording.body, "http://127.0.0.1:8802/chat/")
    has_nonce = "2.4.0" in recording.name
    assert page.session == (Session("bcc9464d05", "N/A") if has_nonce else None)
    assert page.root == "http://127.0.0.1:8802/wp-json/"
    assert len(page.bots) == (2 if recording.name[:3] in ("2.4", "2.6") else 1)
    bot = page.bots[0]
    assert (bot.bot_id, bot.custom_id, bot.context_id) == ("default", None, 4)
    assert (bot.start_sentence, bot.input_limit) == ("Hi! How can I help you?", 512)
    recent = recording.name.startswith("3.6.2")
    assert (bot.uploads, bot.max_uploads, bot.mode) == (
        (True, 3, "chat") if recent else (None, None, None)
    )
    assert bot.streaming
    assert "bcc9464d05" not in repr(page)


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


@pytest.mark.parametrize("after", ["<![<", "<!--", "<a data-system='", "<", "data-system", "&#"])
def test_what_comes_before_something_malformed_counts(after: str) -> None:
    page = read_page((container({"restNonce": "n1"}) + after).encode(), PAGE)
    assert page.session == Session("n1")


@pytest.mark.parametrize(
    "part",
    [
        "<a ",
        "<!--",
        "<a data-system='",
        "<a data-system",
        "<",
        "data-system",
        "<x data-system='{}'>",
        "<script",
        "<a data-system='&#",
        '<p data-system="{}" ',
    ],
)
def test_a_page_that_would_take_the_parser_hours(part: str) -> None:
    assert read_page(part.encode() * (400_000 // len(part)), PAGE).session is None


def test_a_tag_that_is_longer_than_any() -> None:
    long = container({"restNonce": "n1", "x": "y" * 300_000})
    assert read_page((long + container({"restNonce": "n2"})).encode(), PAGE).session == Session(
        "n2"
    )


def test_a_comment_between_tags_is_left_out() -> None:
    text = "<!-- " + container({"restNonce": "n1"}) + " --><style>x</style>"
    assert read_page((text + container({"restNonce": "n2"})).encode(), PAGE).session == Session(
        "n2"
    )


def test_a_mark_inside_an_attribute_ends_no_tag() -> None:
    system = json.dumps({"restNonce": "n1", "x": "a > b"})
    shown = f"<div title=\"it's > that\" data-system='{system}'></div>"
    assert read_page(shown.encode(), PAGE).session == Session("n1")


def test_texts_that_could_not_be_sent_back_are_left_out() -> None:
    text = json.dumps({"botId": "a\ud83d", "contextId": "\ud83d", "sessionId": "x\ud83d"})
    (bot,) = read_page(container(text).encode(), PAGE).bots
    assert (bot.bot_id, bot.context_id) == (None, None)
    params = html.escape(json.dumps({"startSentence": "Hi\ud83d"}))
    (bot,) = read_page(container({"a": 1}, params).encode(), PAGE).bots
    assert bot.start_sentence == "Hi?"


@given(st.binary(max_size=300) | st.text(alphabet="<>!-/='\"& datsyem{}[]", max_size=200))
def test_any_page_can_be_read(body: bytes | str) -> None:
    read_page(body if isinstance(body, bytes) else body.encode(), PAGE)
    read_session_answer(body if isinstance(body, bytes) else body.encode())


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        (512, 512),
        ("512", 512),
        ("", None),
        (None, None),
        (0, None),
        (True, None),
        ("9" * 5000, 999999999),
    ],
)
def test_an_input_limit_may_be_a_number_a_text_or_nothing(value: Any, limit: int | None) -> None:
    params = html.escape(json.dumps({"textInputMaxLength": value, "fileUpload": False, "mode": 5}))
    (bot,) = read_page(container({"botId": ""} | {"a": 1}, params).encode(), PAGE).bots
    assert bot.input_limit == limit
    assert (bot.uploads, bot.mode, bot.bot_id, bot.context_id) == (False, None, None, None)
