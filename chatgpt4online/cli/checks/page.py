"""The report as one HTML file, without scripts and without anything to load."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from .differences import Part, differences
from .html import Node, document, tag
from .plot import time_plot
from .results import Outcome, Result, Run, summary
from .runner import Subject
from .style import STYLE


def html_page(
    results: Sequence[Result], name: str, subjects: Sequence[Subject], start: datetime
) -> bytes:
    """Return the report.

    Args:
        results: The results.
        name: The name of the file of cases.
        subjects: The chatbots.
        start: When the check began.
    """
    title = f"{name}: {summary(results)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", STYLE),
    )
    plot = time_plot(results)
    body = tag(
        "body",
        *_heading(results, name, subjects, start),
        _overview(results),
        *([tag("h2", "Seconds of each run"), _legend(subjects), plot] if plot is not None else []),
        tag("h2", "Replies"),
        *([_key()] if len(subjects) > 1 else []),
        *(_details(result, number) for number, result in enumerate(results, 1)),
    )
    return document(tag("html", head, body, lang="en"))


def _policy() -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _heading(
    results: Sequence[Result], name: str, subjects: Sequence[Subject], start: datetime
) -> Iterator[ET.Element]:
    yield tag("h1", f"Check of {name}")
    passed = all(result.passed for result in results)
    yield tag("p", summary(results), class_="good" if passed else "bad")
    for letter, subject in zip("AB", subjects, strict=False):
        sign: list[Node] = []
        if len(subjects) > 1:
            sign = [tag("strong", letter, class_=letter.lower()), ": "]
        yield tag("p", *sign, subject.label)
    yield tag("p", start.strftime("%Y-%m-%d %H:%M"), class_="quiet")


def _overview(results: Sequence[Result]) -> ET.Element:
    two = len(results[0].outcomes) > 1
    titles = ["Case", "A", "B", "A is"] if two else ["Case", "Runs passed"]
    rows = [
        tag(
            "tr",
            tag("td", tag("a", result.case.name, href=f"#case-{number}")),
            *(tag("td", _count(outcome)) for outcome in result.outcomes),
            *([_change(result)] if two else []),
        )
        for number, result in enumerate(results, 1)
    ]
    head = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in titles)))
    return tag("table", head, tag("tbody", *rows))


def _count(outcome: Outcome) -> ET.Element:
    text = f"{outcome.good} of {len(outcome.runs)}"
    if outcome.passed:
        return tag("span", text, class_="good")
    return tag("span", f"{text}, failed", class_="bad")


def _change(result: Result) -> ET.Element:
    return tag("td", result.change, class_="bad" if result.change == "worse" else "good")


def _legend(subjects: Sequence[Subject]) -> ET.Element:
    signs: list[Node] = []
    for letter in "AB" if len(subjects) > 1 else ():
        sign = "\u25cf" if letter == "A" else "\u25cb"
        signs += [tag("span", f"{sign} {letter}", class_=letter.lower()), "  "]
    return tag("p", *signs, "The upright line is the median.", class_="quiet")


def _key() -> ET.Element:
    return tag(
        "p", "Words that ", tag("ins", "only A"), " has and words that ", tag("del", "only B"),
        " has are marked.", class_="quiet",
    )  # fmt: skip


def _details(result: Result, number: int) -> ET.Element:
    """Return the replies of a case. They are shown at once if it failed or has changed."""
    outcome = result.outcomes[0]
    count = f"{outcome.good} of {len(outcome.runs)}{outcome.requirement}"
    note = f"{count}; {result.change} than B" if result.change else count
    status = tag(
        "span", "passed" if result.passed else "FAILED", class_="good" if result.passed else "bad"
    )
    head = tag(
        "summary", tag("strong", result.case.name), status, " ", tag("span", note, class_="quiet")
    )
    turns = [part for index in range(len(result.case.turns)) for part in _turn(result, index)]
    body = tag("div", *turns, class_="body", id=f"case-{number}")
    opened = {} if result.passed and not result.change else {"open": "open"}
    return tag("details", head, body, **opened)


def _turn(result: Result, index: int) -> Iterator[ET.Element]:
    """Yield a prompt of a case, and the replies to it."""
    yield tag("p", f"Follow-up {index}" if index else "Prompt", class_="quiet")
    yield tag("div", result.case.turns[index].prompt, class_="prompt", dir="auto")
    two = len(result.outcomes) > 1
    cells = [
        cell
        for number, runs in enumerate(zip(*(item.runs for item in result.outcomes), strict=True), 1)
        for cell in _run(runs, number, index)
    ]
    yield tag("div", *cells, class_="runs two" if two else "runs")


def _run(runs: Sequence[Run], number: int, index: int) -> Iterator[ET.Element]:
    """Yield the replies of a run to a prompt, one for each chatbot."""
    exchanges = [run.exchanges[index] if index < len(run.exchanges) else None for run in runs]
    texts = [exchange.answer.text if exchange is not None else "" for exchange in exchanges]
    parts = [[Part(text)] for text in texts]
    if len(texts) > 1 and all(texts):
        parts = list(differences(*texts))
    for lane, (run, exchange) in enumerate(zip(runs, exchanges, strict=True)):
        label = f"{'AB'[lane]}, run {number}" if len(runs) > 1 else f"Run {number}"
        if exchange is None:
            error = run.error if index == len(run.exchanges) else "Not asked, after an error."
            yield _cell(label, [], [error or ""])
        else:
            label += f", {exchange.answer.seconds:.1f} s"
            yield _cell(
                label, _marked(parts[lane], "ins" if lane == 0 else "del"), exchange.problems
            )


def _marked(parts: Sequence[Part], name: str) -> list[Node]:
    return [tag(name, part.text) if part.differs else part.text for part in parts]


def _cell(label: str, reply: Sequence[Node], problems: Sequence[str]) -> ET.Element:
    shown = [tag("div", *reply, class_="reply", dir="auto")] if reply else []
    complaints = [tag("p", problem, class_="bad") for problem in problems]
    return tag("div", tag("p", label, class_="quiet"), *shown, *complaints, class_="run")
