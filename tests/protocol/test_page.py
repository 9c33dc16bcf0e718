"""Pages with chatbots."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.protocol.page import read_page
from chatgpt4online.protocol.site import Bot, Session

from ..recordings import ALL, Recording, names

PAGE = "https://a.b/chat/"
UPLOADS = {"3.6.2": (True, 3, "chat"), "3.8.1-hybrid": (True, 5, "chat")}
PAGES = [item for item in ALL if item.case.startswith("page")]


@pytest.mark.parametrize("recording", PAGES, ids=names(PAGES))
def test_recorded_pages(recording: Recording) -> None:
    page = read_page(recording.body, "http://127.0.0.1:8802/chat/")
    version = recording.name.partition("/")[0]
    assert page.session == (Session("bcc9464d05", "N/A") if version == "2.4.0" else None)
    assert page.root == "http://127.0.0.1:8802/wp-json/"
    assert len(page.bots) == (2 if version in ("2.4.0", "2.6.5") else 1)
    bot = page.bots[0]
    assert (bot.bot_id, bot.custom_id, bot.context_id) == ("default", None, 4)
    assert (bot.start_sentence, bot.input_limit) == ("Hi! How can I help you?", 512)
    assert (bot.uploads, bot.max_uploads, bot.mode) == UPLOADS.get(version, (None, None, None))
    assert bot.streaming
    assert "bcc9464d05" not in repr(page)


def container(system: Any, params: str = "{}") -> str:
    shown = html.escape(system if isinstance(system, str) else json.dumps(system))
    return f"<div class='x' data-params='{params}' data-system='{shown}'></div>"


def test_first_nonce_is_used() -> None:
    bots = [{"botId": "a", "restNonce": None}, {"restNonce": 7, "sessionId": 8}, {"restNonce": "c"}]
    page = read_page("".join(map(container, bots)).encode(), PAGE)
    assert page.session == Session("0000000007", "8")
    assert [bot.system for bot in page.bots] == bots


def test_malformed_chatbots_are_skipped() -> None:
    text = container("{cut") + container("[]") + container("") + container({"a": 1}, "{cut")
    page = read_page(text.encode(), PAGE)
    assert [(bot.system, bot.params) for bot in page.bots] == [({"a": 1}, {})]
    assert page.root is None


@pytest.mark.parametrize("sentence", ["<b>Hi</b>", "a < b", "<" * 20, "<i>" * 20])
def test_parameters_with_an_unescaped_less_than_sign(sentence: str) -> None:
    """The HTML serializer does not escape them in attributes."""
    text = container({"botId": "a"}, json.dumps({"startSentence": sentence}))
    (bot,) = read_page(text.encode(), PAGE).bots
    assert (bot.bot_id, bot.start_sentence) == ("a", sentence)


def test_text_in_attributes_is_not_a_tag() -> None:
    hidden = '<link rel="https://api.w.org/" href="https://a.b/evil/wp-json/">'
    text = f"<div data-system='{{&quot;botId&quot;: 1}}' title='data-system: {hidden}'></div>"
    page = read_page(text.encode(), PAGE)
    assert (page.root, len(page.bots)) == (None, 1)


@pytest.mark.parametrize("before", ["<p>api.w.org", "a < b data-system" * 30, "<p>" * 3000])
def test_a_chatbot_after_what_only_looks_like_one(before: str) -> None:
    (bot,) = read_page((before + container({"botId": "a"})).encode(), PAGE).bots
    assert bot.bot_id == "a"


def test_the_chatbots_of_a_large_page_are_read_up_to_a_limit() -> None:
    filler = " a" * 100_000
    text = "".join(f'<div {filler} data-system=\'{{"botId": "b"}}\'></div>' for _ in range(9))
    assert 0 < len(read_page(text.encode(), PAGE).bots) < 9


def test_root_of_the_link_is_preferred() -> None:
    system = container({"restUrl": "http://other/x/?rest_route="})
    assert read_page(system.encode(), PAGE).root == "https://a.b/x/?rest_route="
    link = '<link rel="https://api.w.org/" href="http://other/api/"><link rel="https://api.w.org/">'
    assert read_page((system + link).encode(), PAGE).root == "https://a.b/api/"
    assert read_page(container({"restUrl": 5}).encode(), PAGE).root is None


def test_scripts_are_ignored() -> None:
    assert read_page(f"<script>{container({'a': 1})}</script>".encode(), PAGE).bots == ()


@pytest.mark.parametrize("after", ["<![<", "<!--", "<a data-system='", "<", "data-system", "&#"])
def test_malformed_end_of_page(after: str) -> None:
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
def test_malformed_page_is_read_quickly(part: str) -> None:
    assert read_page(part.encode() * (400_000 // len(part)), PAGE).session is None


def test_overlong_tag_is_skipped() -> None:
    long = container({"restNonce": "n1", "x": "y" * 300_000})
    assert read_page((long + container({"restNonce": "n2"})).encode(), PAGE).session == Session(
        "n2"
    )


def test_comments_are_ignored() -> None:
    text = "<!-- " + container({"restNonce": "n1"}) + " --><style>x</style>"
    assert read_page((text + container({"restNonce": "n2"})).encode(), PAGE).session == Session(
        "n2"
    )


def test_attribute_may_contain_angle_brackets() -> None:
    system = json.dumps({"restNonce": "n1", "x": "a > b"})
    shown = f"<div title=\"it's > that\" data-system='{system}'></div>"
    assert read_page(shown.encode(), PAGE).session == Session("n1")


def test_text_that_cannot_be_sent_back_is_ignored() -> None:
    text = json.dumps({"botId": "a\ud83d", "contextId": "\ud83d", "sessionId": "x\ud83d"})
    (bot,) = read_page(container(text).encode(), PAGE).bots
    assert (bot.bot_id, bot.context_id) == (None, None)
    params = html.escape(json.dumps({"startSentence": "Hi\ud83d"}))
    (bot,) = read_page(container({"a": 1}, params).encode(), PAGE).bots
    assert bot.start_sentence == "Hi?"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Bot(), "first"),
        (Bot("b1"), "first"),
        (Bot("b2"), "second"),
        (Bot(None, "c3"), "third"),
        (Bot("b3"), None),
        (Bot("b1", "c3"), None),
    ],
)
def test_find_chatbot(wanted: Bot, found: str | None) -> None:
    bots = [
        {"botId": "b1", "name": "first"},
        {"botId": "b2", "name": "second"},
        {"customId": "c3", "name": "third"},
    ]
    bot = read_page("".join(map(container, bots)).encode(), PAGE).find(wanted)
    assert (bot and bot.system["name"]) == found


def test_page_without_chatbots() -> None:
    page = read_page(
        b"<html><p>Hello</p></html>", PAGE, '<http://x/api/>; rel="https://api.w.org/"'
    )
    assert (page.root, page.bots, page.session) == ("https://a.b/api/", (), None)
    assert page.find(Bot()) is None


@given(st.binary(max_size=300) | st.text(alphabet="<>!-/='\"& datsyem{}[]", max_size=200))
def test_any_page_can_be_read(body: bytes | str) -> None:
    read_page(body if isinstance(body, bytes) else body.encode(), PAGE)


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
def test_input_limit(value: Any, limit: int | None) -> None:
    params = html.escape(json.dumps({"textInputMaxLength": value, "fileUpload": False, "mode": 5}))
    (bot,) = read_page(container({"botId": ""} | {"a": 1}, params).encode(), PAGE).bots
    assert bot.input_limit == limit
    assert (bot.uploads, bot.mode, bot.bot_id, bot.context_id) == (False, None, None, None)
