"""What came out of a check."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from .cases import Case
from .rules import Answer


@dataclass(frozen=True, slots=True)
class Exchange:
    """A reply, and what is wrong with it.

    Attributes:
        answer: The reply.
        problems: Which rules it breaks, as sentences.
    """

    answer: Answer
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One conversation of a case with a chatbot.

    Attributes:
        exchanges: The replies, up to the first error.
        error: Why there was no further reply; None if there was no error.
    """

    exchanges: tuple[Exchange, ...]
    error: str | None = field(default=None, repr=False)

    @property
    def problems(self) -> tuple[str, ...]:
        """All that went wrong, in order."""
        found = [
            _located(problem, index)
            for index, exchange in enumerate(self.exchanges)
            for problem in exchange.problems
        ]
        if self.error is not None:
            found.append(_located(self.error, len(self.exchanges)))
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong."""
        return not self.problems

    @property
    def seconds(self) -> float:
        """How long all replies took together."""
        return sum(exchange.answer.seconds for exchange in self.exchanges)


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs of a case with one chatbot.

    Attributes:
        case: The case.
        runs: Its runs.
    """

    case: Case
    runs: tuple[Run, ...]

    @property
    def good(self) -> int:
        """How many runs passed."""
        return sum(run.passed for run in self.runs)

    @property
    def passed(self) -> bool:
        """Whether as many runs passed as are needed."""
        return self.good >= self.case.needed

    @property
    def has_wrong_reply(self) -> bool:
        """Whether a reply breaks a rule. If not, only errors can keep the case from passing."""
        return any(exchange.problems for run in self.runs for exchange in run.exchanges)

    @property
    def requirement(self) -> str:
        """How many runs must pass, to follow the number that did; empty if all must."""
        return f", {self.case.needed} needed" if self.case.needed < len(self.runs) else ""

    @property
    def times(self) -> list[float]:
        """The seconds of each run that had no error."""
        return [run.seconds for run in self.runs if run.error is None]

    @property
    def median(self) -> float | None:
        """The median of the times; None if there are none."""
        return statistics.median(self.times) if self.times else None

    @property
    def problems(self) -> Counter[str]:
        """What went wrong, and in how many runs."""
        return Counter(problem for run in self.runs for problem in dict.fromkeys(run.problems))


@dataclass(frozen=True, slots=True)
class Result:
    """A case, with the chatbot that is checked and perhaps with another.

    Attributes:
        case: The case.
        outcomes: What came out with each chatbot. The first one is that which is checked.
    """

    case: Case
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether the chatbot that is checked has passed."""
        return self.outcomes[0].passed

    @property
    def change(self) -> str:
        """``worse`` or ``better`` than the other chatbot, or an empty string."""
        if all(outcome.passed == self.passed for outcome in self.outcomes):
            return ""
        return "better" if self.passed else "worse"


def unanswered(case: Case, chatbots: int, error: str) -> Result:
    """Return the result of a case of which nothing could be sent.

    Args:
        case: The case.
        chatbots: How many chatbots there are.
        error: Why.
    """
    runs = tuple(Run((), error) for _ in range(case.repeat))
    return Result(case, tuple(Outcome(case, runs) for _ in range(chatbots)))


def summary(results: Sequence[Result]) -> str:
    """Return a sentence on how many cases have failed."""
    failed = sum(not result.passed for result in results)
    cases = "1 case" if len(results) == 1 else f"{len(results)} cases"
    return f"{failed} of {cases} failed." if failed else f"{cases} passed."


def _located(problem: str, index: int) -> str:
    return f"Follow-up {index}: {problem}" if index else problem
