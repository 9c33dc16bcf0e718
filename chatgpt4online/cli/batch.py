"""``batch``: many questions from a file, and their replies to another."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from ..batches import BatchResult, batch
from ..config import RetryPolicy
from ..errors import ChatError, QueryRejected, UsageError
from .app import INTERRUPTED
from .batching.files import FAILED, REPLIED, UNKNOWN, BatchFiles
from .batching.progress import Show, progress_bar
from .batching.rows import InputRow, guess_format, opened_input, read_rows
from .batching.stop import Stop, stop_on_ctrl_c
from .output import warn
from .parameters import chat_options
from .target import Target, target_options

_ROW = "its row"
"""The key, which is not sent, under which a prompt has its `InputRow`."""
_LONGEST_WAIT = 3600.0
"""Seconds that the site may ask to wait."""
_MOST_FAILURES = 25
"""How many rows may fail one after the other, unless twice the concurrency is more."""


@click.command("batch")
@click.argument("questions", type=click.Path(dir_okay=False, allow_dash=True), metavar="QUESTIONS")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    required=True,
    metavar="FILE",
    help="Where the replies go.",
)
@target_options
@chat_options
@click.option(
    "--format",
    type=click.Choice(["jsonl", "csv", "lines"]),
    help="Default: jsonl for files with the suffix .jsonl or .ndjson, csv for .csv, lines for .txt "
    "and files without a suffix.",
)
@click.option(
    "-n",
    "--concurrency",
    type=click.IntRange(1),
    default=2,
    metavar="N",
    help="How many questions to ask at the same time. Default: 2.",
)
@click.option(
    "--per-minute",
    type=click.FloatRange(0, min_open=True),
    metavar="N",
    help="The most questions to ask in a minute.",
)
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=2,
    metavar="N",
    help="How often to ask again if the site cannot have seen a question. Default: 2.",
)
@click.option("--ordered", is_flag=True, help="Sort the replies when all are there.")
@click.option("--resume", is_flag=True, help="Go on with a batch that was stopped.")
@click.option("--retry-failed", is_flag=True, help="Resume, and ask again what has failed.")
@click.option(
    "--retry-unknown",
    is_flag=True,
    help="Resume, and ask again what the site may have run without a reply. It may charge twice.",
)
def command(
    target: Target,
    questions: str,
    output: str,
    files: Sequence[str],
    options: dict[str, Any],
    format: str | None,
    concurrency: int,
    per_minute: float | None,
    retries: int,
    ordered: bool,
    resume: bool,
    retry_failed: bool,
    retry_unknown: bool,
) -> int:
    """Ask many questions and write the replies to a file of JSON lines.

    QUESTIONS is a file, or - for stdin: JSON lines (strings, or objects with "prompt"), CSV with
    a column "prompt", or a question on each line.

    Ctrl-C waits for the replies that are on their way. A batch that was stopped, even by kill -9,
    goes on with --resume, which asks no question twice.

    Exit codes: 0 all have a reply, 1 error or not all, 2 usage, 130 interrupted.
    """
    again = [name for name, wanted in ((FAILED, retry_failed), (UNKNOWN, retry_unknown)) if wanted]
    guessed = format is None
    format = format or guess_format(questions)
    retry = RetryPolicy(attempts=retries + 1, max_retry_after=_LONGEST_WAIT)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(opened_input(questions))
        rows = read_rows(file, format, guessed=guessed)
        client = stack.enter_context(target.client()).with_options(retry=retry)
        replies = stack.enter_context(BatchFiles(output, resume=resume or bool(again)))
        replies.resume(again)
        stop = stack.enter_context(stop_on_ctrl_c())
        show = stack.enter_context(progress_bar(lambda: _count_rows(questions, format)))
        run = _Run(replies, stop, show, max(_MOST_FAILURES, 2 * concurrency))
        run.take(
            batch(
                client, run.rows_to_send(rows), concurrency=concurrency, per_minute=per_minute,
                files=files, **options,
            )
        )  # fmt: skip
        if ordered and not stop.requested:
            replies.sort()
    return run.end()


class _Run:
    """The rows on their way from the input to the output."""

    def __init__(self, replies: BatchFiles, stop: Stop, show: Show, most_failures: int) -> None:
        self._replies = replies
        self._stop = stop
        self._show = show
        self._most_failures = most_failures
        self._failures = 0
        self._given_up = False
        self._error: ChatError | None = None

    def rows_to_send(self, rows: Iterable[InputRow]) -> Iterator[Mapping[str, Any]]:
        """Yield what is to be sent, after it was noted in the side file."""
        for row in rows:
            if self._stop.requested:
                return
            if self._replies.settle(row):
                continue
            self._stop.in_flight += 1
            self._replies.start(row)
            content = {**row.content, _ROW: row}
            if row.problem is None:
                yield content
            else:
                self._finish(BatchResult(0, content, error=UsageError(row.problem)))

    def take(self, results: Iterable[BatchResult]) -> None:
        """Write the results; stop if the site seems to be at fault."""
        self._show(self._replies.counts)
        for result in results:
            self._finish(result)
            if result.reply is not None:
                self._failures = 0
            elif not isinstance(result.error, UsageError | QueryRejected):
                self._failures += 1
                if self._failures == self._most_failures:
                    self._given_up = self._stop.requested = True

    def end(self) -> int:
        """Say how it ended, and return the exit code."""
        counts = self._replies.counts
        if self._given_up:
            warn(
                f"Stopped, because {self._most_failures} questions in a row have got no reply. Go "
                f"on with {_way_on(counts)}."
            )
        if self._stop.interrupted:
            warn("Interrupted. Go on with --resume.")
        warn(_summary(counts))
        if self._error is not None:
            warn(f"The last error: {self._error}")
        if self._stop.interrupted:
            return INTERRUPTED
        return int(self._stop.requested or counts[REPLIED] < counts.total())

    def _finish(self, result: BatchResult) -> None:
        content: Any = result.row
        self._error = result.error or self._error
        self._replies.finish(content[_ROW], result.as_dict())
        self._stop.in_flight -= 1
        self._show(self._replies.counts)


def _way_on(counts: Counter[str]) -> str:
    ways = {FAILED: "--retry-failed", UNKNOWN: "--retry-unknown, which may charge twice"}
    return " and ".join(way for outcome, way in ways.items() if counts[outcome])


def _summary(counts: Counter[str]) -> str:
    others = "".join(f", {counts[name]} {name}" for name in (FAILED, UNKNOWN) if counts[name])
    total = counts.total()
    return (
        f"{total} {'question' if total == 1 else 'questions'}: {counts[REPLIED]} replied{others}."
    )


def _count_rows(questions: str, format: str) -> int | None:
    if not os.path.isfile(questions):
        return None  # it can be read only once
    with opened_input(questions) as file:
        return sum(1 for _ in read_rows(file, "csv" if format == "csv" else "lines"))
