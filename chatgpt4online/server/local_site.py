"""Running the local site, in a thread or in the current event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from typing import Self

from aiohttp import web

from ..protocol.site import Era
from .access import AccessControl
from .app import SiteApp
from .bots import Bot, offline_bot
from .sources import BotSource
from .storage import Storage


class LocalSite:
    """An AI Engine site on a free loopback port; a sync and async context manager.

    Args:
        bot: The bot that replies to prompts. An async function runs in the event loop of the site,
            any other in a thread; at its end, the site waits for the piece that one is computing.
        era: How guests get a nonce, which depends on the version of the plugin.
        pace: Seconds between two pieces of a reply.
        max_length: Longest message in characters.
        uploads: Whether guests may upload files.
        max_uploads: The most files per message. With 1 the page does not say so, as before version
            3.1.2 of the plugin.
        discussions: Whether the site keeps conversations and goes on with them by their chat_id.
        approval: Name of a tool that needs an approval before each reply. Default: none.
        max_prompts: How many prompts the usage limit allows. Default: any number.
        masked_errors: Whether the site gives no reason if the bot raises an exception or a message
            is too long, as from version 3.7 of the plugin on.
        users: Application passwords by user name. Default: no users.
        token: Token of the public API. Default: none, the API is disabled.
        data: Folder for discussions and files, which the next site on it goes on with. Default:
            discussions are kept in memory, and the contents of files are discarded.
        clock: Returns the seconds since 1970. Nonces expire by it, and discussions are dated by
            it.

    Attributes:
        url: Address of the site, whose home page is a chat page. Empty unless the site is running.
        app: The web application, which records what it receives.

    Raises:
        UsageError: The folder cannot be used, or another process is using it. Raised at the start.
    """

    def __init__(
        self,
        *,
        bot: Bot = offline_bot,
        era: Era = Era.START_SESSION,
        pace: float = 0.0,
        max_length: int = 512,
        uploads: bool = True,
        max_uploads: int = 3,
        discussions: bool = True,
        approval: str | None = None,
        max_prompts: int | None = None,
        masked_errors: bool = False,
        users: Mapping[str, str] | None = None,
        token: str | None = None,
        data: str | os.PathLike[str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = ""
        self._source = BotSource(bot)
        self.app = SiteApp(
            source=self._source,
            era=era,
            access=AccessControl(era, users or {}, token, clock),
            storage=Storage(data),
            clock=clock,
            pace=pace,
            max_length=max_length,
            uploads=max_uploads if uploads else 0,
            discussions=discussions,
            approval=approval,
            max_prompts=max_prompts,
            masked_errors=masked_errors,
        )
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app.web_app(), access_log=None, shutdown_timeout=1.0)
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        except BaseException:
            await self.__aexit__()
            raise
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.url = ""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
            await self._source.close()

    def __enter__(self) -> Self:
        started: SimpleQueue[Exception | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="LocalSite", daemon=True
        )
        self._thread.start()
        error = started.get()
        if error is not None:
            self._thread.join()
            raise error
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def _run(self, started: SimpleQueue[Exception | None]) -> None:
        runner = asyncio.Runner()
        try:
            runner.get_loop()
        except Exception as error:  # noqa: BLE001 - it is raised where the site was started
            started.put(error)
            return
        with runner:
            runner.run(self._serve(started))

    async def _serve(self, started: SimpleQueue[Exception | None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            await self.__aenter__()
        except Exception as error:  # noqa: BLE001 - it is raised where the site was started
            started.put(error)
            return
        started.put(None)
        await self._stop.wait()
        await self.__aexit__()
