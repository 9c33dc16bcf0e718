"""A plot of times: a row for each case, with a mark for each run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from .html import tag
from .results import Outcome, Result

_LANE = 16
"""The height of a chatbot's marks in pixels."""


def time_plot(results: Sequence[Result]) -> ET.Element | None:
    """Return the plot; None if there are no times."""
    times = [seconds for result in results for item in result.outcomes for seconds in item.times]
    if not times:
        return None
    ticks = _ticks(max(times))
    rows = [
        tag("div", tag("span", result.case.name), _lanes(result.outcomes, ticks), class_="row")
        for result in results
    ]
    axis = tag("div", tag("span", "seconds"), _axis(ticks), class_="row axis")
    return tag("div", *rows, axis, class_="plot")


def _ticks(longest: float) -> list[float]:
    """Return round numbers from 0 to at least `longest`, three to six of them."""
    step = 10.0 ** math.floor(math.log10(max(longest, 0.001)))
    step = next(step * part for part in (0.2, 0.5, 1, 2, 5) if step * part * 5 >= longest)
    return [number * step for number in range(math.ceil(longest / step) + 1)]


def _lanes(outcomes: Sequence[Outcome], ticks: Sequence[float]) -> ET.Element:
    """Return the marks of a case, one lane for each chatbot."""
    height = _LANE * len(outcomes)
    lines = [
        tag("line", x1=_place(tick, ticks), x2=_place(tick, ticks), y1="0", y2=str(height))
        for tick in ticks
    ]
    marks = [
        mark
        for lane, outcome in enumerate(outcomes)
        for mark in _marks(outcome, "ab"[lane], _LANE * lane + _LANE // 2, ticks)
    ]
    label = "; ".join(map(_spoken, outcomes))
    return _svg(height, *lines, *marks, label=label)


def _marks(outcome: Outcome, name: str, y: int, ticks: Sequence[float]) -> Iterator[ET.Element]:
    if outcome.median is not None:
        x = _place(outcome.median, ticks)
        yield tag("line", x1=x, x2=x, y1=str(y - 7), y2=str(y + 7), class_=f"median {name}")
    for seconds in outcome.times:
        title = tag("title", f"{seconds:.2f} s")
        yield tag("circle", title, cx=_place(seconds, ticks), cy=str(y), r="4", class_=name)


def _axis(ticks: Sequence[float]) -> ET.Element:
    digits = max(0, -math.floor(math.log10(ticks[1])))
    labels = [
        tag("text", f"{tick:.{digits}f}", x=_place(tick, ticks), y="12", text_anchor="middle")
        for tick in ticks
    ]
    return _svg(_LANE, *labels, label="")


def _svg(height: int, *children: ET.Element, label: str) -> ET.Element:
    seen = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return tag("svg", *children, width="100%", height=str(height), **seen)


def _place(seconds: float, ticks: Sequence[float]) -> str:
    return f"{100 * seconds / ticks[-1]:.2f}%"


def _spoken(outcome: Outcome) -> str:
    if outcome.median is None:
        return "no times"
    return f"median {outcome.median:.2f} seconds of {len(outcome.times)} runs"
