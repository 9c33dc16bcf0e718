"""Interleaved measurements, tables in reStructuredText, and plots."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot, ticker

RUNS = 5
RESULTS = Path(__file__).parent / "results"
RESULTS.mkdir(exist_ok=True)


@dataclass(frozen=True)
class Table:
    """The figures of several contestants. The first one is the base.

    Attributes:
        title: What was measured.
        unit: The unit of the values.
        values: The value of each contestant in its slowest run.
        runs: What each contestant is compared by, for each run: the ratio to the base, or the
            value if `has_ratios` is False.
        has_ratios: Whether contestants are compared with the base.
        more_is_better: Whether the slowest run is the one with the lowest figure.
    """

    title: str
    unit: str
    values: dict[str, float]
    runs: dict[str, list[float]] = field(default_factory=dict)
    has_ratios: bool = False
    more_is_better: bool = False

    def slowest(self, figures: list[float]) -> float:
        """Return the figure of the slowest run."""
        return min(figures) if self.more_is_better else max(figures)

    def shown(self, name: str) -> float:
        """Return what a contestant is compared by, in its slowest run."""
        return self.slowest(self.runs[name]) if name in self.runs else self.values[name]

    def text(self) -> str:
        """Return the table in reStructuredText."""
        width = max(map(len, self.values))
        bar = f"{'=' * width}  {'=' * 13}  {'=' * 8}  {'=' * 10}"
        rows = [bar, f"{'contestant':{width}}  {self.unit:13}  {'ratio':8}  median run", bar]
        for name, value in self.values.items():
            ratio = f"{self.shown(name):.2f}" if self.has_ratios else "-"
            median = f"{statistics.median(self.runs[name]):.4g}" if name in self.runs else "-"
            rows.append(f"{name:{width}}  {value:<13.4g}  {ratio:8}  {median}")
        return "\n".join([self.title, "-" * len(self.title), "", *rows, bar, ""])

    def axis(self) -> str:
        """Return what the bars of the plot show."""
        figure = f"relative to {next(iter(self.values))}" if self.has_ratios else self.unit
        return f"{figure} (slowest run; {'more' if self.more_is_better else 'less'} is better)"

    def plot(self, path: Path) -> None:
        """Draw the table as a bar chart."""
        shown = {name: self.shown(name) for name in self.values}
        figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.4 * len(shown)))
        names = list(shown)[::-1]
        colors = ["#c2410c" if "chatgpt4online" in name else "#94a3b8" for name in names]
        bars = axes.barh(names, [shown[name] for name in names], color=colors)
        axes.bar_label(bars, fmt="%.2f", padding=3)
        axes.set_title(self.title, fontsize=9)
        axes.set_xlabel(self.axis(), fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        if max(shown.values()) > 8 * statistics.median(shown.values()):
            axes.set_xscale("log")
            axes.set_xlim(left=min(shown.values()) / 2)
            axes.xaxis.set_major_formatter(ticker.FuncFormatter("{:g}".format))
            axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_minor_locator(ticker.NullLocator())
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)


def compare(
    title: str,
    contestants: dict[str, Callable[[], float]],
    rounds: int,
    *,
    unit: str,
    per: float,
    added: bool = False,
    more_is_better: bool = False,
) -> Table:
    """Measure contestants in turn, each next to the base, in several runs.

    On a shared machine the speed changes every few seconds. So the base is measured again right
    before or after each contestant, and only such pairs are compared. Rounds differ in their
    order, because a contestant is faster right after another one that uses the same library.

    Args:
        title: What is measured.
        contestants: A function that takes one measurement, by name. The first one is the base.
        rounds: The number of rounds in each run.
        unit: The unit of the values.
        per: What a measurement is divided by.
        added: Whether to show the difference to the base in place of the ratio.
        more_is_better: Whether a higher figure is a better one.
    """
    base, *names = contestants
    shuffle = random.Random(title).shuffle
    for measure in contestants.values():
        measure()  # to warm up
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    medians: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(RUNS):
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for number in range(rounds):
            shuffle(names)
            for name in names:
                taken[name].append(_pair(contestants[name], contestants[base], number % 2 == 0))
        bases = [value for pairs in taken.values() for _, value in pairs]
        figures[base].append(0.0 if added else 1.0)
        medians[base].append(statistics.median(bases) / per)
        for name, pairs in taken.items():
            # Less than nothing is noise.
            compared = [
                max(0.0, mine - other) / per if added else mine / other for mine, other in pairs
            ]
            figures[name].append(statistics.median(compared))
            medians[name].append(statistics.median(mine for mine, _ in pairs) / per)
    slowest = min if more_is_better else max
    values = {name: slowest((figures if added else medians)[name]) for name in contestants}
    return Table(title, unit, values, figures, not added, more_is_better)


def _pair(
    measure: Callable[[], float], measure_base: Callable[[], float], base_first: bool
) -> tuple[float, float]:
    if base_first:
        base = measure_base()
        return measure(), base
    return measure(), measure_base()
