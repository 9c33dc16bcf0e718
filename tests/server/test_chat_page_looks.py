"""What the chat page shows: Markdown, never HTML, on screens of any size and in any colors."""

from __future__ import annotations

import os
from pathlib import Path

from chatgpt4online.server import LocalSite

from ..browser import Browser
from .chat_pages import saying

PICTURES = os.environ.get("CHAT_PAGE_PICTURES")
"""The folder to write the pictures of the documentation to; none are written without it."""
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
