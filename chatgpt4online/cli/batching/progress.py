"""The progress of a batch, on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator

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
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[others]}"),
        TextColumn("{task.fields[pace]}"), TimeElapsedColumn(), TextColumn("left:"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task_id = progress.add_task("", total=count_rows(), others="", pace="")
        task = progress.tasks[0]

        def show(counts: Counter[str]) -> None:
            others = [f"{counts[name]} {name}" for name in (FAILED, UNKNOWN) if counts[name]]
            pace = f"{task.speed * 60:.0f}/min" if task.speed else ""
            done = counts.total()
            progress.update(task_id, completed=done, others=", ".join(others), pace=pace)

        yield show
