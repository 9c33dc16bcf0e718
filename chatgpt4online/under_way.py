"""What an async client has under way, and the one timer that looks after all of it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import weakref

from .async_answer import AsyncAnswer

_LOOKS = 10
_LONGEST_PAUSE = 1.0


class UnderWay:
    """The requests and the answers of a client that are not at their end.

    A timer for each would take a tenth of what it takes to send a request: event loops keep
    timers sorted, cancelled ones too. So one timer looks after all, now and then, while there are
    any; each wait ends that much later than it should.

    Args:
        idle: the longest silence of the site, in seconds, of which a tenth passes from one look
            to the next, a second at most; None for no limit.
    """

    def __init__(self, idle: float | None) -> None:
        self._idle = idle
        self._pause = _LONGEST_PAUSE if idle is None else min(idle / _LOOKS, _LONGEST_PAUSE)
        self._requests: dict[asyncio.Timeout, float | None] = {}
        self._answers: weakref.WeakSet[AsyncAnswer] = weakref.WeakSet()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, request: asyncio.Timeout, seconds: float | None) -> None:
        """Have a request take so many seconds; None for no limit."""
        loop = asyncio.get_running_loop()
        self._requests[request] = None if seconds is None else loop.time() + seconds
        if self._timer is None:
            self._set_timer(loop)

    def go_on(self, request: asyncio.Timeout, seconds: float | None) -> None:
        """Have what is left of a request take so many seconds; None changes nothing."""
        if seconds is not None and request in self._requests:
            self._requests[request] = asyncio.get_running_loop().time() + seconds

    def sent(self, request: asyncio.Timeout) -> None:
        """Have the answer to a request begin before the site has been silent for too long."""
        self.go_on(request, self._idle)

    def done(self, request: asyncio.Timeout) -> None:
        """Look after a request no more."""
        self._requests.pop(request, None)

    def add(self, answer: AsyncAnswer) -> None:
        """Look after the answer to a request, which must have been looked after until now."""
        self._answers.add(answer)

    def end(self) -> None:
        """End all requests, and close all answers."""
        for request in tuple(self._requests):
            _end(request)
        for answer in tuple(self._answers):
            answer.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """End what takes too long, and go on looking where something is left."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for request, end in tuple(self._requests.items()):
            if end is not None and end <= now:
                _end(request)
        left = [answer.see_to_reader() for answer in tuple(self._answers)]
        if self._requests or any(left):
            self._set_timer(loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        # A context of its own, or that of the first request would be kept, and what is in it.
        context = contextvars.Context()
        self._timer = loop.call_later(self._pause, _look, weakref.ref(self), context=context)


def _look(under_way: weakref.ref[UnderWay]) -> None:
    """Look where the client has not been forgotten, which its timer must not keep."""
    alive = under_way()
    if alive is not None:
        alive._look()


def _end(request: asyncio.Timeout) -> None:
    with contextlib.suppress(RuntimeError):  # it ends just now
        request.reschedule(0)
