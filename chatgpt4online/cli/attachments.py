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


@contextlib.contextmanager
def opened_files(paths: Sequence[str]) -> Iterator[list[AnyFile]]:
    """Yield files as `generate` takes them. Large ones show their progress on a terminal."""
    large = [path for path in paths if os.path.getsize(path) > _LARGE]
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
