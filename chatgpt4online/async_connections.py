"""Connections of aiohttp for many streams of small chunks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler


class Connector(aiohttp.TCPConnector):
    """Makes connections whose answers are read by a `Handler`.

    Nothing public tells aiohttp by what to read. Should a later one have another name for
    `_factory`, it reads in its own way, which is as right.
    """

    def __init__(self) -> None:
        # Without a limit the 101st stream does not wait for another to end.
        super().__init__(limit=0)
        handler: type[ResponseHandler] = Handler  # partial[Handler] is no partial[ResponseHandler]
        self._factory = partial(handler, asyncio.get_running_loop())


class Handler(ResponseHandler):
    """Takes what comes over a connection of aiohttp.

    For each chunk that is read, aiohttp has the connection go on, which parses nothing anew and
    asks the event loop to read on: a tenth of what a stream of small chunks takes. Here it goes on
    only where it was paused.
    """

    _is_paused = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._buffer: Any = _Heads()

    def pause_reading(self) -> None:
        self._is_paused = True
        super().pause_reading()

    def resume_reading(self, *arguments: Any, **options: Any) -> None:
        if self._is_paused:
            self._is_paused = False
            super().resume_reading(*arguments, **options)


class _Heads(list[Any]):
    """Holds the one head that is to be read next; a deque would take 0.7 KiB for it."""

    __slots__ = ()

    def popleft(self) -> Any:
        """Return the oldest one."""
        return self.pop(0)
