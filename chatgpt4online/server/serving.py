"""One server with AI Engine's dialect and OpenAI's in front of a source of replies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Self

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from ..errors import UsageError
from ..protocol.site import Era
from ..transport_errors import reason_of
from .access import AccessControl
from .app import SiteApp
from .bodies import body_first
from .guards import (
    API_USER,
    HEALTH,
    LARGEST_REQUEST,
    is_loopback,
    limit_size,
    needs_key,
    own_pages_only,
)
from .openai_dialect import OpenAIDialect
from .sources import Source
from .storage import Storage

ACCESS_LOG = logging.getLogger("chatgpt4online.access")
LONGEST_MESSAGE = 100_000
"""Characters, in AI Engine's dialect."""
_BACKLOG = 1024
DRAIN = 10.0
"""Seconds that running replies have to end when the server is stopped."""


class Server:
    """A server; an async context manager, which lets running replies end.

    Args:
        source: Where the replies come from. It is closed with the server.
        host: The address to listen on.
        port: The port. Default: any free one.
        era: Which versions of AI Engine the server is like.
        api_key: The key that clients need. Default: none, which needs a loopback address.
        data: A folder in which discussions are kept. Default: they are kept in memory.
        drain: Seconds that running replies have to end.

    Attributes:
        url: The address of the server. Empty unless it is running.

    Raises:
        UsageError: Other machines could use the server without a key, it cannot listen, or `data`
            is in use by another process.
    """

    def __init__(
        self,
        source: Source,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        era: Era = Era.START_SESSION,
        api_key: str | None = None,
        data: str | os.PathLike[str] | None = None,
        drain: float = DRAIN,
    ) -> None:
        if not (is_loopback(host) or api_key):
            raise UsageError(
                f"Other machines could use a server on {host}: it needs an API key, in the "
                "environment variable CHATGPT4ONLINE_API_KEY."
            )
        self.url = ""
        self._source = source
        self._host = host
        self._port = port
        self._runner = web.AppRunner(
            _make_app(source, host, era, api_key, Storage(data)),
            access_log=ACCESS_LOG,
            access_log_class=_AccessLogger,
            handler_cancellation=True,
            shutdown_timeout=drain / 2,  # which aiohttp waits twice
        )

    async def __aenter__(self) -> Self:
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port, backlog=_BACKLOG).start()
        except OSError as error:
            await self.__aexit__()
            raise UsageError(
                f"Cannot listen on {self._host}:{self._port}: {reason_of(error)}."
            ) from error
        except UsageError:
            await self.__aexit__()
            raise
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.url = ""
        await self._runner.cleanup()
        await self._source.close()


async def serve(server: Server, announce: Callable[[str], None]) -> None:
    """Run a server until Ctrl-C or SIGTERM; another one stops it at once.

    Args:
        server: The server.
        announce: Called with its address once it serves.
    """
    stopped = asyncio.Event()
    with _signals(stopped):
        async with server:
            announce(server.url)
            await stopped.wait()


@contextlib.contextmanager
def _signals(stopped: asyncio.Event) -> Iterator[None]:
    """Set an event with the first signal. The next has its usual effect."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop() -> None:
        stopped.set()
        restore()

    def restore() -> None:
        for number in numbers:
            loop.remove_signal_handler(number)

    try:
        for number in numbers:
            loop.add_signal_handler(number, stop)
    except NotImplementedError:  # on Windows, where Ctrl-C is an exception
        yield
        return
    try:
        yield
    finally:
        restore()


def _make_app(
    source: Source, host: str, era: Era, api_key: str | None, storage: Storage
) -> web.Application:
    key = [needs_key(api_key)] if api_key else []
    middlewares = [body_first, own_pages_only(host), *key, limit_size]
    app = web.Application(middlewares=middlewares, client_max_size=LARGEST_REQUEST)
    app.router.add_get(HEALTH, _health)
    OpenAIDialect(source).add_routes(app)
    users = {API_USER: api_key} if api_key else {}
    site = SiteApp(
        source=source,
        era=era,
        access=AccessControl(era, users, api_key, time.time),
        storage=storage,
        clock=time.time,
        pace=0.0,
        max_length=LONGEST_MESSAGE,
        uploads=0,
        discussions=True,
        approval=None,
        max_prompts=None,
        masked_errors=False,
        max_submissions=0,
    )
    site.add_routes(app)
    return app


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


class _AccessLogger(AbstractAccessLogger):
    """Logs who asked for what and how that ended, but nothing of what was said."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Log a request at its end."""
        path = request.rel_url.raw_path  # without the query, and on one line
        self.logger.info(
            "%s %s %s %d %d bytes %.3f s",
            request.remote, request.method, path, response.status, response.body_length, time,
        )  # fmt: skip
