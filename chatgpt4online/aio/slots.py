"""How many connections a client uses at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..network import Deadline


class Slots:
    """Room for so many responses at the same time, or for any number if that is None."""

    def __init__(self, count: int | None) -> None:
        self._free = None if count is None else asyncio.Semaphore(count)

    async def take(self, deadline: Deadline) -> Callable[[], None]:
        """Wait for room, and return the function that frees it again."""
        if self._free is None:
            return _nothing
        try:
            async with asyncio.timeout(deadline.left()):
                await self._free.acquire()
        except TimeoutError:
            raise deadline.error(nothing_sent=True) from None
        return self._free.release


def _nothing() -> None:
    pass
