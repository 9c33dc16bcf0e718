"""Running cases with one or two chatbots."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from ...errors import ChatError
from .cases import Case
from .results import Exchange, Outcome, Result, Run
from .rules import Answer

if TYPE_CHECKING:
    from ...aio.client import AsyncClient


@dataclass(frozen=True, slots=True)
class Subject:
    """A chatbot to check.

    Attributes:
        label: What the reports call it.
        arguments: The keyword arguments of its client.
        options: The keyword arguments of each call.
    """

    label: str
    arguments: Mapping[str, Any] = field(repr=False)
    options: Mapping[str, Any] = field(repr=False)


async def run_cases(
    cases: Sequence[Case],
    subjects: Sequence[Subject],
    concurrency: int,
    show: Callable[[Result], None],
) -> list[Result]:
    """Run cases with each of the chatbots.

    Args:
        cases: The cases.
        subjects: The chatbots.
        concurrency: The most conversations with a chatbot at the same time.
        show: Is called with each result, in the order of the cases.

    Raises:
        ChatError: A site cannot be used at all, so that no case was run.
    """
    from ...aio.client import AsyncClient

    async with contextlib.AsyncExitStack() as stack:
        talks = []
        for subject in subjects:
            client = await stack.enter_async_context(AsyncClient(**subject.arguments))
            await client.open_session()  # so that it does not count as time of the first case
            talks.append(_Talks(client, subject.options, asyncio.Semaphore(concurrency)))
        # Conversations begin in the order in which they are created here.
        started = [_start(case, talks) for case in cases]
        stack.push_async_callback(_end, [task for rows in started for task in chain(*rows)])
        results = []
        for case, tasks in zip(cases, started, strict=True):
            runs = [[await task for task in row] for row in tasks]
            outcomes = tuple(Outcome(case, column) for column in zip(*runs, strict=True))
            results.append(Result(case, outcomes))
            show(results[-1])
        return results


def _start(case: Case, talks: Sequence[_Talks]) -> list[list[asyncio.Task[Run]]]:
    """Create the runs of a case: a row for each repeat, with a run for each chatbot."""
    return [[asyncio.create_task(talk.run(case)) for talk in talks] for _ in range(case.repeat)]


async def _end(tasks: Sequence[asyncio.Task[Run]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Talks:
    """The conversations with one chatbot, a few at a time."""

    client: AsyncClient
    options: Mapping[str, Any]
    slots: asyncio.Semaphore

    async def run(self, case: Case) -> Run:
        options = {**self.options, **case.options}
        options["params"] = self.options["params"] | case.options.get("params", {})
        async with self.slots:
            conversation = self.client.conversation()
            exchanges: list[Exchange] = []
            for turn in case.turns:
                start = time.perf_counter()
                try:
                    reply = await conversation.generate(turn.prompt, **options)
                except ChatError as error:
                    return Run(tuple(exchanges), str(error))
                answer = Answer(reply.text, time.perf_counter() - start)
                problems = filter(None, (rule(answer) for rule in turn.rules))
                exchanges.append(Exchange(answer, tuple(problems)))
            return Run(tuple(exchanges))
