"""The progress of a batch, on a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta

from ..output import is_terminal
from .files import FAILED, UNKNOWN

Show = Callable[[Counter[str]], None]
"""Shows how many rows have which outcome."""


@contextlib.contextmanager
def progress_bar(count_rows: Callable[[], int | None]) -> Iterator[Show]:
    """Yield a function that shows the progress, if stderr is a terminal.

    Args:
        count_rows: Returns the number of rows, or None if it is unknown. It is called only for
            a terminal, because it may take a while.
    """
    if not is_terminal(sys.stderr):
        yield lambda counts: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[others]}"),
        TextColumn("{task.fields[pace]}"), TimeElapsedColumn(), TextColumn("{task.fields[left]}"),
    )  # fmt: skip
    total, before, begun = count_rows(), None, time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total, others="", pace="", left="")

        def show(counts: Counter[str]) -> None:
            nonlocal before
            done = counts.total()
            before = done if before is None else before  # an earlier run has finished these
            others = [f"{counts[name]} {name}" for name in (FAILED, UNKNOWN) if counts[name]]
            pace, left = estimate(done - before, total and total - done, time.monotonic() - begun)
            progress.update(task, completed=done, others=", ".join(others), pace=pace, left=left)

        yield show


def estimate(done: int, left: int | None, seconds: float) -> tuple[str, str]:
    """Return the pace of a batch and the time that is left, to show them.

    Args:
        done: How many rows were finished.
        left: How many are left, or None if that is unknown.
        seconds: How long it took to finish them.
    """
    if not done or not seconds:
        return "", ""
    pace = f"{60 * done / seconds:.0f}/min"
    if left is None:
        return pace, ""
    return pace, f"left: {timedelta(seconds=round(seconds / done * left))}"
