"""The report on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.text import Text

from ..terminal import harmless, shortened
from .cases import Case
from .results import Outcome, Result, Run, summary
from .runner import Subject

_WIDEST_NAME = 40
_EXCERPT = 200
"""Characters."""
_COLUMN = 18


class TerminalReport:
    """Lines on the results of a check, each made as its case is done.

    Args:
        cases: The cases.
        subjects: The chatbots.
    """

    def __init__(self, cases: Sequence[Case], subjects: Sequence[Subject]) -> None:
        self._subjects = subjects
        self._width = min(_WIDEST_NAME, max(cell_len(case.name) for case in cases))

    def head(self) -> Iterator[Text]:
        """Yield the lines before the results."""
        if len(self._subjects) == 1:
            yield Text(f"Checking {self._subjects[0].label}")
            yield Text()
            return
        for letter, subject in zip("AB", self._subjects, strict=True):
            yield Text(f"{letter}: {subject.label}")
        yield Text()
        yield Text(" " * (8 + self._width + 2) + "A".ljust(_COLUMN) + "B", style="bold")

    def result(self, result: Result) -> Iterator[Text]:
        """Yield the lines on a case."""
        name = harmless(result.case.name)
        status = ("passed", "green") if result.passed else ("FAILED", "bold red")
        line = Text.assemble(status, f"  {name}  ")
        line.append(" " * (self._width - cell_len(name)))
        line.append("".join(_times(outcome).ljust(_COLUMN) for outcome in result.outcomes))
        if result.change:
            line.append(result.change, style="bold")
        line.rstrip()
        yield line
        if not result.passed:
            yield from _problems(result.outcomes[0])

    def foot(self, results: Sequence[Result]) -> Iterator[Text]:
        """Yield the lines after the results."""
        yield Text()
        passed = all(result.passed for result in results)
        yield Text(summary(results), style="green" if passed else "red")
        for change in ("worse", "better"):
            names = [harmless(result.case.name) for result in results if result.change == change]
            if names:
                yield Text(f"A is {change} than B: {', '.join(names)}.")


def _times(outcome: Outcome) -> str:
    count = f"{outcome.good} of {len(outcome.runs)}"
    return count if outcome.median is None else f"{count}  {outcome.median:.1f} s"


def _problems(outcome: Outcome) -> Iterator[Text]:
    """Yield what went wrong, each with the first reply where it did."""
    many = len(outcome.runs) > 1
    for problem, count in outcome.problems.items():
        times = f"{count} of {len(outcome.runs)}: " if many else ""
        yield Text(harmless(f"        {times}{problem}"))
    first = next(run for run in outcome.runs if not run.passed)
    if excerpt := _excerpt(first):
        yield Text(f"        > {harmless(excerpt)}", style="dim")


def _excerpt(run: Run) -> str:
    """Return the beginning of the first reply with a problem, on one line."""
    for exchange in run.exchanges:
        if exchange.problems:
            return shortened(" ".join(exchange.answer.text.split()), _EXCERPT)
    return ""
