"""The report for CI systems, in the XML of JUnit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from .results import Outcome, Result

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: Sequence[Result], name: str, label: str, start: datetime) -> bytes:
    """Return the report on the chatbot that is checked.

    Args:
        results: The results.
        name: The name of the file of cases.
        label: The name of the chatbot.
        start: When the check began.
    """
    outcomes = [result.outcomes[0] for result in results]
    kinds = Counter(_kind(outcome) for outcome in outcomes if not outcome.passed)
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(kinds["failure"]),
        "errors": str(kinds["error"]),
        "time": _seconds(sum(map(_time, outcomes))),
    }
    root = ET.Element("testsuites", counts)
    stamp = start.strftime("%Y-%m-%dT%H:%M:%S")
    suite = ET.SubElement(
        root, "testsuite", {"name": _clean(label), **counts, "skipped": "0", "timestamp": stamp}
    )
    for outcome in outcomes:
        _add_case(suite, outcome, name)
    ET.indent(root)
    report: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return report


def _add_case(suite: ET.Element, outcome: Outcome, name: str) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "classname": _clean(name),
            "name": _clean(outcome.case.name),
            "time": _seconds(_time(outcome)),
        },
    )
    if not outcome.problems:
        return
    count = f"{outcome.good} of {len(outcome.runs)} passed{outcome.requirement}"
    text = "\n".join([f"{count}.", *_described(outcome)])
    if outcome.passed:
        ET.SubElement(case, "system-out").text = _clean(text)
    else:
        first = next(iter(outcome.problems))
        message = {"message": _clean(f"{count}: {first}")}
        ET.SubElement(case, _kind(outcome), message).text = _clean(text)


def _kind(outcome: Outcome) -> str:
    return "failure" if outcome.has_wrong_reply else "error"


def _described(outcome: Outcome) -> list[str]:
    """Return lines on each run that failed."""
    lines = []
    for number, run in enumerate(outcome.runs, 1):
        if not run.passed:
            lines += ["", f"Run {number}:", *run.problems]
            lines += [f"> {exchange.answer.text}" for exchange in run.exchanges]
    return lines


def _time(outcome: Outcome) -> float:
    return sum(run.seconds for run in outcome.runs)


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot have."""
    return _NOT_IN_XML.sub("\ufffd", text)
