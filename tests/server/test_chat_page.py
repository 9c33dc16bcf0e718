"""The chat page of the local site, in a real browser."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests

from chatgpt4online import Message
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite
from chatgpt4online.server.nonces import HALF_LIFE

from ..browser import BACKSPACE, ENTER, ESCAPE, SHIFT_ENTER, SHIFT_TAB, Browser, missing_programs
from ..loopback import SESSION, WAIT_LIMIT, Connection, LoopbackServer, Received, live, response
from ..recordings import WIRE

PICTURES = os.environ.get("CHAT_PAGE_PICTURES")
"""The folder to write the pictures of the documentation to; none are written without it."""
GREETING = "Hi! How can I help you?"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="selenium is not installed")
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}")
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser with an empty tab. A test fails on an error in the console."""
    chromium.reset()
    yield chromium
    # The browser logs failed requests too, which tests expect on the page.
    log = [line for line in chromium.console() if "Failed to load resource" not in line]
    assert not log


class HandFedBot:
    """Replies with the pieces that a test gives it, when the test gives them."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def __call__(self, messages: Sequence[Message]) -> Iterator[str]:
        while (piece := self._pieces.get(timeout=WAIT_LIMIT)) is not None:
            yield piece

    def give(self, *pieces: str | None) -> None:
        """Give pieces of a reply; None ends it."""
        for piece in pieces:
            self._pieces.put(piece)


def saying(text: str) -> HandFedBot:
    """Return a bot that says a text once."""
    bot = HandFedBot()
    bot.give(text, None)
    return bot


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


MARKDOWN = """# Title #
Some *em*, __strong__, ***both***, ~~old~~, `a < b`, snake_case_name and 2 * 3.
Next line, https://example.com/a_b_c. And [a *link*](https://example.com/(x)).

> quoted

1. one
2. two
   - inner

   ```python
   print("<b>")
   ```
3. three

| A | B |
|---|:-:|
| `x` | \\| |

---
```
a  b
"""


def test_markdown(browser: Browser) -> None:
    with LocalSite(bot=saying(MARKDOWN)) as site:
        browser.open(site.url)
        browser.ask("Show")
        browser.expect_end()
        text = "article:last-of-type > .text"

        def shown(selector: str) -> list[str]:
            return browser.texts(f"{text} {selector}")

        assert shown("> h3") == ["Title"]
        assert shown("em") == ["em", "both", "link"]
        assert shown("strong") == ["strong", "both"]
        assert shown("p > code") == ["a < b"]
        assert "snake_case_name and 2 * 3.\nNext line" in shown("> p")[0]
        links = [link.get_attribute("href") for link in browser.find(f"{text} a")]
        assert links == ["https://example.com/a_b_c", "https://example.com/(x)"]
        assert {link.get_attribute("rel") for link in browser.find(f"{text} a")} == {
            "noopener noreferrer"
        }
        assert shown("blockquote > p") == ["quoted"]
        assert len(shown("> ol > li")) == 3
        assert shown("> ol > li li") == ["inner"]
        assert shown("li .bar span") == ["python"]
        assert shown("pre") == ['print("<b>")', "a  b"]
        assert (shown("th"), shown("td")) == (["A", "B"], ["x", "|"])
        assert len(browser.find(f"{text} > hr")) == 1


def test_code_is_copied(browser: Browser) -> None:
    with LocalSite(bot=saying("```\nx = 1\n```")) as site:
        browser.open(site.url)
        browser.allow_clipboard()
        browser.ask("Show")
        browser.expect_end()
        browser.click(".code button")
        browser.expect("Copied")


HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe>",
    "[click](javascript:window.hacked=1)",
    "[click](JaVaScRiPt:window.hacked=1)",
    "[click](data:text/html,<script>1</script>)",
    "![x](https://127.0.0.1:9/track.png)",
    "[a](https://example.com/\"onmouseover='window.hacked=1')",
    "`<svg onload=window.hacked=1>`",
    "**<b onclick=window.hacked=1>bold</b>**",
    "&lt;script&gt;",
)


def test_remote_text_is_never_html(browser: Browser) -> None:
    reply = "\n\n".join([*HOSTILE, "```<u>\n<u>\n```", "| <u> |\n|---|\n| <u> |", "# <u>", "- <u>"])
    with LocalSite(bot=saying(reply)) as site:
        browser.open(site.url)
        browser.ask(HOSTILE[0])
        browser.expect_end()
        for _ in range(2):
            shown = browser.seen()
            assert shown.count(HOSTILE[0]) == 2
            for text in (*HOSTILE[:6], "<svg onload", "<b onclick", "&lt;", "<u>"):
                assert text in shown
            unwanted = "script, img, iframe, svg, b, u, [onerror], [onmouseover], [style]"
            assert not browser.find(f"#log :is({unwanted})")
            for link in browser.find("#log a"):
                assert str(link.get_attribute("href")).startswith("https://")
            assert browser.run("return window.hacked ?? null") is None
            browser.reload()
            browser.expect("click")


def test_unfinished_and_endless_markdown(browser: Browser) -> None:
    bots = ("*a **b _c `d ~~e [f](", "> " * 500 + "deep", "*" * 50_000, "- " * 2_000 + "x")
    for text in bots:
        with LocalSite(bot=saying(text)) as site:
            browser.open(site.url)
            browser.ask("Show")
            browser.expect_end()
            assert browser.find("article.assistant")[-1].text.strip()


def test_stop_and_retry(browser: Browser) -> None:
    bot = HandFedBot()
    with LocalSite(bot=bot) as site:
        browser.open(site.url)
        browser.ask("Hello")
        bot.give("Half of")
        browser.expect("Half of")
        browser.click("#stop")
        browser.expect("Stopped.")
        bot.give(" it", None, "All of it", None)
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
        bot.give(None, "Again", None)
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


GOES_ON = b": goes on"
"""The end of an answer after which the site leaves the connection open."""


class ScriptedSite:
    """Handles requests as a site with the chat page that gives one answer to all messages."""

    def __init__(self, page: LocalSite, answer: bytes) -> None:
        self._page = page
        self._answer = answer

    def __call__(self, connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(response(SESSION))
        elif "submit" in request.target:
            connection.send(self._answer)
            if self._answer.endswith(GOES_ON):
                connection.wait_closed()
            connection.close()
        else:
            found = requests.get(self._page.url + request.target, timeout=WAIT_LIMIT)
            kind = f"Content-Type: {found.headers['Content-Type']}"
            connection.send(response(found.content, found.status_code, kind))


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


CUT = response(live("Half of"), 200, "Content-Type: text/event-stream", length=False)


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


RIVERS = """Three **long rivers** and where they end:

| River | Length | Ends in |
|---|---|---|
| Nile | 6,650 km | the Mediterranean |
| Amazon | 6,400 km | the Atlantic |
| Yangtze | 6,300 km | the East China Sea |

The longest of a list, in Python:

```python
longest = max(rivers, key=lambda river: river.length)
```

Lengths depend on what counts as the source, so sources differ by a few percent."""


def test_pictures(browser: Browser) -> None:
    """No part of the page is wider than a phone, and every text has contrast in both schemes."""
    with LocalSite(bot=saying(RIVERS)) as site:
        browser.open(site.url)
        browser.ask("Which rivers are the longest?")
        browser.expect_end()
        for name, scheme, width, height in (
            ("light", "light", 1000, 760),
            ("dark", "dark", 1000, 760),
            ("narrow", "light", 390, 760),
        ):
            browser.emulate(scheme=scheme, width=width, height=height)
            browser.run("document.getElementById('log').scrollTop = 0")
            assert browser.run(OVERFLOW) == []
            assert browser.run(LOW_CONTRAST) == []
            picture = browser.picture()
            if PICTURES:
                Path(PICTURES, f"page-{name}.png").write_bytes(picture)


def test_long_words_fit_a_phone(browser: Browser) -> None:
    word = "x" * 300
    reply = f"{word}\n\n- {word}\n\n`{word}`\n\nhttps://{word}\n\n```\n{word}\n```\n\n# {word}"
    with LocalSite(bot=saying(reply)) as site:
        browser.emulate(scheme="dark", width=320, height=560)
        browser.open(site.url)
        browser.ask(word)
        browser.expect_end()
        assert browser.run(OVERFLOW) == []


OVERFLOW = """
const wide = [document.documentElement, ...document.querySelectorAll("body, #log, form")];
return wide.filter((part) => part.scrollWidth > part.clientWidth).map((part) => part.outerHTML);
"""
LOW_CONTRAST = """
const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
const luminance = (color) => {
  const [red, green, blue] = numbers(color).map((value) => {
    const part = value / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const background = (part) => {
  const color = getComputedStyle(part).backgroundColor;
  return numbers(color)[3] === 0 ? background(part.parentElement) : color;
};
const contrast = (part) => {
  const [low, high] = [getComputedStyle(part).color, background(part)].map(luminance)
    .sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
};
const shown = [...document.body.querySelectorAll("*")].filter((part) => (
  part.checkVisibility() && !part.disabled
  && [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim())));
return shown.filter((part) => contrast(part) < 4.5).map((part) => part.outerHTML);
"""


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
