"""Files to send, with a progress bar for large ones."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .output import is_terminal

if TYPE_CHECKING:
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
                stack.enter_context(progress.open(path, "rb", description=os.path.basename(path)))
                if path in large
                else path
                for path in paths
            ]
