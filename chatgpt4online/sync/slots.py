"""How many connections a client uses at the same time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Semaphore

from ..network import Deadline


class Slots:
    """Room for so many responses at the same time, or for any number if that is None."""

    def __init__(self, count: int | None) -> None:
        self._free = None if count is None else Semaphore(count)

    def take(self, deadline: Deadline) -> Callable[[], None]:
        """Wait for room, and return the function that frees it again."""
        if self._free is None:
            return _nothing
        if not self._free.acquire(timeout=deadline.left()):
            raise deadline.error(nothing_sent=True)
        return self._free.release


def _nothing() -> None:
    pass
