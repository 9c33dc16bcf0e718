"""What both clients share: settings, and the turns to run."""

from __future__ import annotations

import os
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from . import __version__
from .errors import UsageError
from .protocol.address import origin, parse_address
from .protocol.exchanges import Request
from .protocol.limits import Limits
from .protocol.prompt import PromptInput, read_prompt
from .protocol.site import Site
from .protocol.turn import Bot, Turn
from .retries import RetryPolicy
from .settings import HttpSettings, Timeout

USER_AGENT = f"chatgpt4online/{__version__}"
SITE_VARIABLE = "CHATGPT4ONLINE_SITE"

SessionT = TypeVar("SessionT")


class BaseClient(ABC, Generic[SessionT]):
    """A client of one site. It keeps what it learns of the site, cookies and connections.

    Args:
        site: the site's root, its REST root, or the page that shows the chatbot. None for
            that of the environment variable CHATGPT4ONLINE_SITE.
        bot_id: the id of the chatbot. With neither id, the first one on the page where a page
            was read, else the site's default.
        custom_id: the id of a chatbot that is defined in its page.
        proxy: the address of an http or https proxy. None for what HTTP_PROXY, HTTPS_PROXY,
            ALL_PROXY and NO_PROXY say, '' for no proxy at all.
        timeout: how long to wait, in seconds.
        retry: when to try again.
        headers: sent with each request beside those that the protocol needs.
        verify: whether to check TLS certificates, or a file of certificates to trust.
        limits: how long an answer may be, in bytes.
        session: a session of the HTTP library to send by. It keeps its own cookies, proxies
            and TLS settings, and is not closed. None for one of the client's own.

    Raises:
        UsageError: no site is given, or an argument is wrong.
    """

    def __init__(
        self,
        site: str | None = None,
        bot_id: str | None = None,
        custom_id: str | None = None,
        *,
        proxy: str | None = None,
        timeout: Timeout = Timeout(),
        retry: RetryPolicy = RetryPolicy(),
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        limits: Limits = Limits(),
        session: SessionT | None = None,
    ) -> None:
        site = site or os.environ.get(SITE_VARIABLE)
        if not site:
            raise UsageError(
                f"No site is given: pass its address, or set {SITE_VARIABLE}. No site is built in."
            )
        self._site = Site(parse_address(site))
        self._bot = Bot(bot_id, custom_id)
        self._settings = HttpSettings(
            proxy=proxy,
            verify=verify,
            headers={"User-Agent": USER_AGENT, **(headers or {})},
            timeout=timeout,
        )
        self._timeout = timeout
        self._retry = retry
        self._limits = limits
        self._closed = False
        self._connect(session)

    @abstractmethod
    def _connect(self, session: SessionT | None) -> None: ...

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {origin(self._site.page_url)}>"

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("This client is closed; make a new one.")

    def _turn_maker(self, prompt: PromptInput, options: Mapping[str, Any]) -> Callable[[], Turn]:
        """Return what makes the turn of each try.

        Raises:
            UsageError: the prompt or an option cannot be sent.
        """
        read = read_prompt(prompt)
        chat_id = uuid.uuid4().hex

        def make() -> Turn:
            return Turn(
                self._site,
                read,
                bot=self._bot,
                chat_id=chat_id,
                options=options,
                now=int(time.time() * 1000),
                limits=self._limits,
            )

        return make

    def _headers(self, request: Request) -> dict[str, str]:
        """Return all headers of a request: the protocol's come before the caller's."""
        return {**self._settings.headers, **request.headers}
