"""The chat page of the local site, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
import requests

from chatgpt4online import Message
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite
from chatgpt4online.server.nonces import HALF_LIFE

from ..browser import BACKSPACE, ENTER, ESCAPE, SHIFT_ENTER, SHIFT_TAB, Browser
from ..loopback import WAIT_LIMIT, LoopbackServer, response
from ..recordings import WIRE
from .chat_pages import CUT, GOES_ON, GREETING, HandFedBot, ScriptedSite


def test_a_reply_is_shown_as_it_arrives(browser: Browser) -> None:
    bot = HandFedBot()
    with LocalSite(bot=bot) as site:
        browser.open(site.url)
        browser.expect(GREETING)
        browser.ask("Hello")
        bot.give("One **tw")
        browser.expect("One **tw")
        assert browser.texts("summary") == ["Starting stream..."]
        assert browser.find("article.assistant[aria-busy=true]")
        assert browser.texts("form button") == ["", "Stop"]
        bot.give("o** three", None)
        browser.expect_end()
        assert browser.texts("article .text") == [GREETING, "Hello", "One two three"]
        assert browser.texts("article strong") == ["two"]
        assert browser.texts("form button") == ["Send", ""]
        assert "Starting stream..." not in browser.seen()
        loaded = browser.run("return performance.getEntriesByType('resource').map((e) => e.name)")
        assert all(address.startswith(site.url) for address in loaded)


def test_the_history_is_sent_under_one_id(browser: Browser) -> None:
    with LocalSite(discussions=False) as site:
        browser.open(site.url + "/chat/")
        browser.ask("First")
        browser.expect("You said: First (1 word, message 2 of this conversation)")
        browser.ask("Second")
        browser.expect("You said: Second (1 word, message 4 of this conversation)")
    first, second = site.app.submissions
    assert first["chatId"] == second["chatId"]
    assert (first["botId"], first["contextId"]) == ("default", 1)
    assert [item["role"] for item in second["messages"]] == ["assistant", "user", "assistant"]
    assert second["messages"][1]["content"] == "First"


def test_stop_and_retry(browser: Browser) -> None:
    bot = HandFedBot()
    with LocalSite(bot=bot) as site:
        browser.open(site.url)
        browser.ask("Hello")
        bot.give("Half of")
        browser.expect("Half of")
        browser.click("#stop")
        browser.expect("Stopped.")
        bot.finish(" it")  # the site goes on with a reply that was stopped
        bot.give("All of it", None)
        browser.click(".buttons button")
        browser.expect("All of it")
        browser.expect_end()
        assert browser.texts("article .text") == [GREETING, "Hello", "All of it"]
        assert "Stopped." not in browser.seen()
    first, second = site.app.submissions
    assert first["chatId"] != second["chatId"]
    assert [item["content"] for item in second["messages"]] == [GREETING]


def test_shortcuts_are_buttons(browser: Browser) -> None:
    with LocalSite() as site:
        browser.open(site.url)
        browser.ask("Hello")
        browser.expect("Tell me more")
        browser.click(".shortcut")
        browser.expect("You said: Tell me more (3 words, message 4 of this conversation)")
        assert len(browser.find(".shortcut")) == 1  # those of the last reply


def test_keyboard_only(browser: Browser) -> None:
    bot = HandFedBot()
    with LocalSite(bot=bot) as site:
        browser.open(site.url)
        browser.press("one", SHIFT_ENTER, "two", ENTER)
        bot.give("Half of")
        browser.expect("Half of")
        browser.press("three", ENTER)  # waits until the reply is there
        browser.press(ESCAPE)
        browser.expect("Stopped.")
        bot.finish()
        bot.give("Again", None)
        browser.press(SHIFT_TAB)  # to Retry, the last control before the message
        browser.press(ENTER)
        browser.expect("Again")
        browser.expect_end()
        bot.give("Third", None)
        browser.press(ENTER)
        browser.expect("Third")
    assert [body["newMessage"] for body in site.app.submissions] == ["one\ntwo"] * 2 + ["three"]


def test_a_usage_limit(browser: Browser) -> None:
    with LocalSite(max_prompts=0) as site:
        browser.open(site.url)
        browser.ask("Hello")
        browser.expect_end()
        assert browser.texts("[role=alert]") == ["The usage limit is reached\nCome back tomorrow."]


def test_an_error_after_a_part_of_the_reply(browser: Browser) -> None:
    attempts: list[Sequence[Message]] = []

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        attempts.append(messages)
        yield "A part"
        if len(attempts) == 1:
            raise ValueError("private")

    with LocalSite(bot=bot, masked_errors=True) as site:
        browser.open(site.url)
        browser.ask("Hello")
        browser.expect_end()
        (alert,) = browser.texts("[role=alert]")
        assert alert.startswith("No complete reply\nOops! Something went wrong")
        assert browser.texts("article .text")[-1] == "A part"
        browser.ask("Hello again")
        browser.expect("Retry")
        browser.expect_end()
    assert [message.content for message in attempts[1]] == [GREETING, "Hello again"]


def test_a_message_that_is_too_long_is_not_sent(browser: Browser) -> None:
    with LocalSite(max_length=10) as site:
        browser.open(site.url)
        browser.ask("1234567890X")
        assert browser.texts("#counter") == ["11 of 10 characters"]
        browser.press(BACKSPACE, ENTER)
        browser.expect("You said: 1234567890")
        assert browser.texts("#counter") == [""]
    assert len(site.app.submissions) == 1


def test_the_conversation_survives_a_reload(browser: Browser) -> None:
    with LocalSite(discussions=False) as site:
        browser.open(site.url)
        browser.ask("**Hello**")
        browser.expect_end()
        texts = browser.texts("article .text")
        assert texts[:2] == [GREETING, "**Hello**"]
        browser.reload()
        browser.wait("the conversation", lambda: browser.texts("article .text") == texts)
        browser.ask("Go on")
        browser.expect("You said: Go on (2 words, message 4 of this conversation)")
        browser.click("#new")
        assert browser.texts("article .text") == [GREETING]
        browser.reload()
        browser.ask("Anew")
        browser.expect("You said: Anew (1 word, message 2 of this conversation)")
    first, second, third = site.app.submissions
    assert first["chatId"] == second["chatId"] != third["chatId"]


@pytest.mark.parametrize("era", Era)
def test_a_stale_nonce_is_renewed(era: Era, browser: Browser) -> None:
    now = 1_000 * HALF_LIFE - 10.0
    with LocalSite(era=era, clock=lambda: now) as site:
        browser.open(site.url)
        browser.ask("First")
        browser.expect("You said: First")
        browser.expect_end()
        now += 5 * HALF_LIFE
        browser.ask("Second")
        browser.expect("You said: Second")
        assert not browser.find("[role=alert]")
    assert site.app.sessions_opened == (2 if era is Era.START_SESSION else 0)


def test_activity_is_collapsed(browser: Browser) -> None:
    answer = (WIRE / "3.6.2/close-delimited/stream-events.response").read_bytes()
    with LocalSite() as page, LoopbackServer(ScriptedSite(page, answer)) as server:
        browser.open(server.url)
        browser.ask("Hello there")
        browser.expect_end()
        browser.expect("You said: Hello there (2 messages)")
        assert browser.texts("details summary") == ["Activity"]
        assert "Calling get_weather..." not in browser.seen()
        browser.click("summary")
        browser.expect("Calling get_weather...")
        assert 'The user greets me; 2 < 3 & "quotes".' in browser.seen()
        assert "raw" not in browser.texts("details li")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (CUT, "The reply broke off before its end."),
        (CUT.replace(b"\r\n\r\n", b"\r\nContent-Length: 999\r\n\r\n"), "The connection was lost."),
        (response("<h1>Bad</h1>", 502), "The site answered with HTTP status 502."),
        (response({"success": False, "message": "<b>No</b>"}, 500), "<b>No</b>"),
        (
            (WIRE / "3.8.1-hybrid/close-delimited/stream-approval.response").read_bytes(),
            "The chatbot needs an approval to use the tool",
        ),
    ],
    ids=["cut", "lost", "gateway", "refused", "approval"],
)
def test_other_failures(answer: bytes, message: str, browser: Browser) -> None:
    with LocalSite() as page, LoopbackServer(ScriptedSite(page, answer)) as server:
        browser.open(server.url)
        browser.ask("Hello")
        browser.expect_end()
        assert message in browser.texts("[role=alert]")[0]
        assert browser.texts(".buttons button") == ["Retry"]


def test_a_reload_stops_a_reply(browser: Browser) -> None:
    with LocalSite() as page, LoopbackServer(ScriptedSite(page, CUT + GOES_ON)) as server:
        browser.open(server.url)
        browser.ask("Hello")
        browser.expect("Half of")
        browser.reload()
        browser.expect("Stopped.")
        assert browser.texts("article .text") == [GREETING, "Hello", "Half of"]
        browser.ask("Go on")
        browser.wait("a second prompt", lambda: len(server.prompts) == 2)
    first, second = (prompt.json for prompt in server.prompts)
    assert first["chatId"] != second["chatId"]
    assert [item["content"] for item in second["messages"]] == [GREETING, "Hello", "Half of"]


@pytest.mark.parametrize(
    ("session", "shown"),
    [
        (response("<!doctype html>", 200, "Connection: close"), "did not open a session"),
        (response("{", 200, "Content-Length: 100", length=False), "The connection was lost."),
        (response("{", 500, "Content-Length: 100", length=False), "The connection was lost."),
    ],
    ids=["another page", "cut", "cut refusal"],
)
def test_a_session_that_is_not_opened(session: bytes, shown: str, browser: Browser) -> None:
    with LocalSite() as page, LoopbackServer(ScriptedSite(page, CUT, session)) as server:
        browser.open(server.url)
        browser.ask("Hello")
        browser.expect_end()
        (alert,) = browser.texts("[role=alert]")
        assert shown in alert


def test_headers() -> None:
    """The page can load nothing from elsewhere, nor run what is written into it."""
    with LocalSite() as site, requests.Session() as session:
        for path in ("/", "/chat/", "/chat-page/chat.js", "/chat-page/chat.css"):
            found = session.get(site.url + path, timeout=WAIT_LIMIT)
            assert found.status_code == 200
            policy = found.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
            assert "unsafe" not in policy
            assert found.headers["X-Content-Type-Options"] == "nosniff"
            assert found.headers["Referrer-Policy"] == "no-referrer"
        assert session.get(site.url + "/chat-page/chat.html", timeout=WAIT_LIMIT).status_code == 404
        attack = {"Host": 'x"><script>'}
        assert "<script>" not in session.get(site.url, headers=attack, timeout=WAIT_LIMIT).text
