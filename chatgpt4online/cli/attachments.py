"""Files to send, with a progress bar for large ones."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .output import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..uploads import AnyFile

_LARGE = 2**20
"""Bytes."""


def _is_large(path: str) -> bool:
    # A file that has gone in the meantime is reported when it is sent.
    return os.path.isfile(path) and os.path.getsize(path) > _LARGE


@contextlib.contextmanager
def opened_files(paths: Sequence[str]) -> Iterator[list[AnyFile]]:
    """Yield files as `generate` takes them. Large ones show their progress on a terminal."""
    large = [path for path in paths if _is_large(path)]
    if not large or not is_terminal(sys.stderr):
        yield list(paths)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        with contextlib.ExitStack() as stack:
            yield [
                stack.enter_context(_WatchedFile(path, progress)) if path in large else path
                for path in paths
            ]


class _WatchedFile(io.FileIO):
    """A file whose progress is shown until all files are read."""

    def __init__(self, path: str, progress: Progress) -> None:
        super().__init__(path)
        self._progress = progress
        self._task = progress.add_task(os.path.basename(path), total=os.path.getsize(path))

    def read(self, size: int | None = -1, /) -> Any:
        """Read from the file, and show how far it has come."""
        data = super().read(size)
        self._progress.update(self._task, completed=self.tell())
        if self._progress.finished:
            self._progress.stop()
        return data
