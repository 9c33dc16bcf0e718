"""Sending a file with aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from ..protocol.http import Form


class Upload(AsyncIterator[bytes]):
    """A form on its way to a site. It is read in threads, because reading a file can block."""

    def __init__(self, form: Form) -> None:
        self.size = len(form)
        self.on_chunk: Callable[[], None] | None = None
        self._chunks = iter(form)
        self._reading: asyncio.Future[bytes | None] | None = None

    async def __anext__(self) -> bytes:
        self._reading = asyncio.ensure_future(asyncio.to_thread(next, self._chunks, None))
        chunk = await asyncio.shield(self._reading)
        if self.on_chunk is not None:
            self.on_chunk()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def close(self) -> None:
        """Stop reading the file, which another try may read again."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        self._chunks.close()
