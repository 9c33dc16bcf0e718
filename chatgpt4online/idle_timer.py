"""How long the async client waits for more of an answer."""

from __future__ import annotations

import asyncio
import weakref

import aiohttp

_LOOKS = 10
_LONGEST_LOOK = 1.0


class IdleTimer:
    """Bounds each wait for more of a body, at no cost for each chunk.

    aiohttp sets its own timer anew for whatever comes, which takes a fifth of what a chunk costs.
    So that timer is on only while a reader waits, and has waited for a while: a wait ends up to
    two looks later than it should.

    Args:
        response: whose body is read.
        seconds: the longest silence of the site while it is waited for; None for no limit.

    Attributes:
        steps: what the reader counts up when a wait begins, and again when it ends.
    """

    def __init__(self, response: aiohttp.ClientResponse, seconds: float | None) -> None:
        self.steps = 0
        self._seen = 0
        self._response = response
        self._is_on = seconds is not None
        self._handle: asyncio.TimerHandle | None = None
        if seconds is not None:
            self._look(seconds)

    def stop(self) -> None:
        """Look no more."""
        if self._handle is not None:
            self._handle.cancel()

    def _look(self, seconds: float) -> None:
        """Switch the timer of aiohttp on where a wait has lasted since the last look."""
        connection = self._response.connection
        protocol = connection.protocol if connection is not None else None
        if protocol is None:
            return  # all is here, and the connection may serve another request
        waits = self.steps % 2 == 1 and self.steps == self._seen
        self._seen = self.steps
        if waits is not self._is_on:
            self._is_on = waits
            protocol.read_timeout = seconds if waits else None
            protocol.start_timeout()  # or, with no time to wait, ends the one that runs
        pause = min(seconds / _LOOKS, _LONGEST_LOOK) * (_LOOKS if waits else 1)
        loop = asyncio.get_running_loop()
        self._handle = loop.call_later(pause, _look, weakref.ref(self), seconds)


def _look(timer: weakref.ref[IdleTimer], seconds: float) -> None:
    """Look where the answer has not been forgotten, which its timer must not keep."""
    alive = timer()
    if alive is not None:
        alive._look(seconds)
