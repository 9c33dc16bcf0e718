"""Interleaved measuring, tables in reStructuredText, and plots."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot

RUNS = 5
RESULTS = Path(__file__).parent / "results"
RESULTS.mkdir(exist_ok=True)


@dataclass(frozen=True)
class Table:
    """A table of contestants; the first is the base.

    Attributes:
        title: what was measured.
        unit: of the values.
        values: the median of each contestant, in the slowest of the runs.
        ratios: to the base, in the slowest of the runs; empty where there is no base.
        usual: `shown`, in the median of the runs; empty where there was but one.
    """

    title: str
    unit: str
    values: dict[str, float]
    ratios: dict[str, float]
    usual: dict[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> dict[str, float]:
        """What contestants are compared by: ratios, or the values where there is no base."""
        return self.ratios or self.values

    def text(self) -> str:
        """The table in reStructuredText."""
        wide = max(map(len, self.values))
        bar = f"{'=' * wide}  {'=' * 12}  {'=' * 8}  {'=' * 10}"
        rows = [bar, f"{'contestant':{wide}}  {self.unit:12}  {'ratio':8}  median run", bar]
        for name, value in self.values.items():
            ratio = f"{self.ratios[name]:.2f}" if name in self.ratios else "-"
            usual = f"{self.usual[name]:.4g}" if name in self.usual else "-"
            rows.append(f"{name:{wide}}  {value:<12.4g}  {ratio:8}  {usual}")
        return "\n".join([self.title, "-" * len(self.title), "", *rows, bar, ""])

    def plot(self, path: Path) -> None:
        """Write the table as bars."""
        shown = self.shown
        figure, axes = pyplot.subplots(figsize=(8, 0.6 + 0.4 * len(shown)))
        names = list(shown)[::-1]
        colors = ["#c2410c" if "chatgpt4online" in name else "#94a3b8" for name in names]
        bars = axes.barh(names, [shown[name] for name in names], color=colors)
        axes.bar_label(bars, fmt="%.2f", padding=3)
        axes.set_title(self.title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        if max(shown.values()) > 8 * statistics.median(shown.values()):
            axes.set_xscale("log")
        figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)


def medians(
    title: str,
    contestants: dict[str, Callable[[], float]],
    rounds: int,
    *,
    unit: str,
    per: float,
    added: bool = False,
    more: bool = False,
) -> Table:
    """Measure contestants in turn, each beside the base, in several runs of some rounds.

    A machine that others use is now fast, now slow, for seconds at a time. So the base is measured
    again right before or after each contestant, and only such pairs are compared. A contestant
    that runs after another one on the same library finds its code in the caches, so each round has
    an order of its own.

    Args:
        title: what is measured.
        contestants: by name, what measures one; the first is the base.
        rounds: in each run.
        unit: of what is shown.
        per: what a measured value is divided by to be shown.
        added: whether what a contestant adds to the base counts, in place of their ratio.
        more: whether more is better.
    """
    slowest = min if more else max
    base, *names = contestants
    dice = random.Random(title)
    for measure in contestants.values():
        measure()  # warm
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(RUNS):
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for number in range(rounds):
            dice.shuffle(names)
            for name in names:
                taken[name].append(_pair(contestants[name], contestants[base], number % 2 == 0))
        values = [value for pairs in taken.values() for _, value in pairs]
        found[base].append((0.0 if added else 1.0, statistics.median(values)))
        for name, pairs in taken.items():
            compared = [mine - other if added else mine / other for mine, other in pairs]
            found[name].append(
                (statistics.median(compared), statistics.median(v for v, _ in pairs))
            )
    worst = {name: slowest(runs) for name, runs in found.items()}
    usual = {name: statistics.median(ratio for ratio, _ in runs) for name, runs in found.items()}
    if added:
        shown, usual = ({n: v / per for n, v in part.items()} for part in (_first(worst), usual))
        return Table(title, unit, shown, {}, usual)
    values_shown = {name: value / per for name, (_, value) in worst.items()}
    return Table(title, unit, values_shown, _first(worst), usual)


def _first(pairs: dict[str, tuple[float, float]]) -> dict[str, float]:
    return {name: first for name, (first, _) in pairs.items()}


def _pair(
    measure: Callable[[], float], measure_base: Callable[[], float], base_first: bool
) -> tuple[float, float]:
    if base_first:
        base = measure_base()
        return measure(), base
    return measure(), measure_base()
