"""The files that `chatgpt4online check` writes: JUnit XML and HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

HOSTILE = "<script>alert(1)</script><img src=x onerror='a'>\"&amp;\x00\x1b\ufffe\u202e</div>"
CASES = """
[defaults]
repeat = 2

[[case]]
name = "<b>hours</b> & \\u0007"
prompt = "<i>When?</i>"
contains = "10"

[[case.then]]
prompt = "And on Monday?"

[[case]]
name = "prices"
prompt = "How much?"
pass = 1
not = "</script>"
"""


def old(messages: Sequence[Message]) -> Iterator[str]:
    yield "We are open from 10 to 4. " + HOSTILE.replace("</script>", "")


def new(messages: Sequence[Message]) -> Iterator[str]:
    yield "We are open from 9 to 4. " + HOSTILE


@pytest.fixture
def reports(tmp_path: Path) -> tuple[str, str]:
    """The reports of a check of two bots: JUnit's and HTML's."""
    (tmp_path / "cases.toml").write_text(CASES, encoding="utf-8")
    junit, html = tmp_path / "report.xml", tmp_path / "report.html"
    with LocalSite(bot=new) as site, LocalSite(bot=old) as other:
        arguments = ["--site", site.url, "-b", "new", "--against", other.url]
        files = ["--junit", str(junit), "--html", str(html), str(tmp_path / "cases.toml")]
        assert main(["check", *arguments, *files]) == 1
    return junit.read_text(encoding="utf-8"), html.read_text(encoding="utf-8")


def test_junit(reports: tuple[str, str]) -> None:
    root = ET.fromstring(reports[0].encode())
    (suite,) = root
    first, second = suite
    assert (root.tag, suite.tag, first.tag) == ("testsuites", "testsuite", "testcase")
    assert suite.attrib["name"].startswith("new at 127.0.0.1:")
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", "2")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert first.attrib["classname"] == second.attrib["classname"] == "cases.toml"
    # TOML may have control characters, XML may not.
    assert [case.attrib["name"] for case in suite] == ["<b>hours</b> & \ufffd", "prices"]
    assert float(suite.attrib["time"]) >= float(first.attrib["time"]) > 0
    (failure,) = first
    assert failure.tag == "failure"
    assert failure.attrib["message"] == '0 of 2 passed: The reply does not contain "10".'
    assert failure.text is not None
    assert "Run 2:" in failure.text
    assert "> We are open from 9 to 4. <script>alert(1)</script>" in failure.text
    assert "\ufffd\ufffd\ufffd" in failure.text


def test_junit_of_a_case_that_passes_now_and_then(tmp_path: Path) -> None:
    numbers = iter(range(9))

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield f"From {10 if next(numbers) else 9} to 4."

    cases, junit = tmp_path / "cases.toml", tmp_path / "report.xml"
    head = '[[case]]\nname = "hours"\nprompt = "When?"\ncontains = "10"\n'
    cases.write_text(f"{head}repeat = 3\npass = 2\n{head.replace('hours', 'again')}")
    with LocalSite(bot=bot) as site:
        assert main(["check", "--site", site.url, "--junit", str(junit), str(cases)]) == 0
    (suite,) = ET.fromstring(junit.read_bytes())
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("2", "0")
    (note,), again = suite
    assert note.tag == "system-out"
    assert note.text is not None
    assert note.text.startswith("2 of 3 passed, 2 needed.\n\nRun ")
    assert not list(again)


def test_reports_on_a_site_that_cannot_be_reached(dead_port: int, tmp_path: Path) -> None:
    cases, junit, html = (tmp_path / name for name in ("cases.toml", "r.xml", "r.html"))
    cases.write_text(CASES, encoding="utf-8")
    arguments = ["--site", f"http://127.0.0.1:{dead_port}", "--against-bot", "b2"]
    assert main(["check", *arguments, "--junit", str(junit), "--html", str(html), str(cases)]) == 1
    (suite,) = ET.fromstring(junit.read_bytes())
    counts = {name: suite.attrib[name] for name in ("tests", "failures", "errors")}
    assert counts == {"tests": "2", "failures": "0", "errors": "2"}
    for case in suite:
        (error,) = case
        assert error.tag == "error"
        assert error.attrib["message"].startswith("0 of 2 passed")
        assert ": Could not connect to http://127.0.0.1" in error.attrib["message"]
    page = Page(html.read_text(encoding="utf-8"))
    assert sum("Could not connect" in text for text in page.texts["p"]) == 2 * 2 * 2


class Page(HTMLParser):
    """What a browser makes of a report: its elements, and its text by element."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_nothing_in_the_page_runs_or_loads(reports: tuple[str, str]) -> None:
    page = Page(reports[1])
    known = {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "strong", "span", "a",
        "table", "thead", "tbody", "tr", "th", "td", "div", "svg", "line", "circle", "text",
        "details", "summary", "ins", "del",
    }  # fmt: skip
    assert {name for name, _ in page.elements} == known
    for _, attributes in page.elements:
        assert not {"src", "style", "srcset", "action"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert attributes.get("href", "#").startswith("#")
    policy = next(item for item in page.all("meta") if "http-equiv" in item)
    digest = hashlib.sha256(page.texts["style"][0].encode()).digest()
    assert policy["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert f"'sha256-{base64.b64encode(digest).decode()}'" in policy["content"]
    assert "@import" not in page.texts["style"][0]
    assert "url(" not in page.texts["style"][0]


def test_the_page_shows_what_was_said(reports: tuple[str, str]) -> None:
    page = Page(reports[1])
    assert page.texts["title"][0] == "cases.toml: 2 of 2 cases failed."
    assert page.texts["a"] == ["<b>hours</b> & ␇", "prices"]
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert {attributes["href"] for attributes in page.all("a")} == {f"#{item}" for item in ids}
    assert "<i>When?</i>" in page.texts["div"]
    texts = "".join(text for texts in page.texts.values() for text in texts)
    assert "<img src=x onerror='a'>\"&amp;␀␛" in texts
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", reports[1])
    problems = [text for text in page.texts["p"] if text.startswith("The reply")]
    assert (
        problems
        == ['The reply does not contain "10".'] * 2 + ['The reply contains "</script>".'] * 2
    )


def test_the_page_shows_what_differs(reports: tuple[str, str]) -> None:
    page = Page(reports[1])
    # The first one of each is in the explanation.
    assert page.texts["ins"][1:] == ["9", "</script>"] * 6
    assert page.texts["del"][1:] == ["10"] * 6
    assert [cell for cell in page.texts["td"] if cell in ("worse", "better")] == ["worse"] * 2
    assert [item.get("open") for item in page.all("details")] == ["open", "open"]


def test_the_page_has_a_mark_for_each_run(reports: tuple[str, str]) -> None:
    page = Page(reports[1])
    marks = page.all("circle")
    assert [mark["class"] for mark in marks] == ["a", "a", "b", "b"] * 2
    for mark in marks:
        assert 0 <= float(mark["cx"].removesuffix("%")) <= 100
    labels = [float(label) for label in page.texts["text"]]
    assert labels[0] == 0
    assert labels == sorted(set(labels))


def test_the_page_of_a_bot_that_fails(tmp_path: Path) -> None:
    cases, html = tmp_path / "cases.toml", tmp_path / "report.html"
    cases.write_text('[[case]]\nname = "a"\nprompt = "Hello"\n[[case.then]]\nprompt = "And?"\n')
    with LocalSite(max_prompts=0) as site, LocalSite() as other:
        arguments = ["check", "--site", site.url, "--html", str(html), str(cases)]
        assert main(arguments) == 1
        page = Page(html.read_text(encoding="utf-8"))
        assert page.all("svg") == page.all("ins") == []
        assert "Come back tomorrow." in "".join(page.texts["p"])
        assert "Not asked, after an error." in page.texts["p"]
        assert main([*arguments, "--against", other.url]) == 1
    page = Page(html.read_text(encoding="utf-8"))
    assert [mark["class"] for mark in page.all("circle")] == ["b"]
    assert page.all("svg")[0]["aria-label"].startswith("no times; median ")
    assert "You said: Hello (1 word)" in page.texts["div"]


def test_a_page_of_cases_that_pass(tmp_path: Path) -> None:
    cases, html = tmp_path / "cases.toml", tmp_path / "report.html"
    cases.write_text('[[case]]\nname = "a"\nprompt = "Hello"\n')
    with LocalSite() as site:
        assert main(["check", "--site", site.url, "--html", str(html), str(cases)]) == 0
    page = Page(html.read_text(encoding="utf-8"))
    assert page.texts["title"][0] == "cases.toml: 1 case passed."
    assert page.all("details") == [{}]
    assert "You said: Hello (1 word)" in page.texts["div"]
