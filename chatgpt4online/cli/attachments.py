"""Files to send, with a progress bar for large ones."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .output import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..uploads import LocalFile

_LARGE = 2**20
"""Bytes."""


def _is_large(path: str) -> bool:
    # A file that has gone in the meantime is reported when it is sent.
    return os.path.isfile(path) and os.path.getsize(path) > _LARGE


@contextlib.contextmanager
def watched_files(paths: Sequence[str]) -> Iterator[list[Any]]:
    """Yield files as `generate` takes them. Large ones show their progress on a terminal."""
    large = [path for path in paths if _is_large(path)]
    if not large or not is_terminal(sys.stderr):
        yield list(paths)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield [_watched(path, progress) if path in large else path for path in paths]


def _watched(path: str, progress: Progress) -> LocalFile:
    """Return a file whose progress is shown until all files are sent."""
    from ..uploads import LocalFile

    task = progress.add_task(os.path.basename(path), total=os.path.getsize(path))

    def show(sent: int, total: int) -> None:
        progress.update(task, completed=sent, total=total)
        if progress.finished:
            progress.stop()

    return LocalFile(path, progress=show)
