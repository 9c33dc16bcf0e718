"""What both clients share: settings, and the turns to run."""

from __future__ import annotations

import base64
import copy
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from . import __version__
from .discretion import discreet
from .errors import ChatError, UsageError
from .files import AnyFile, Files, LocalFile
from .messages import Message, Shortcut, StoredFile
from .protocol.address import origin, parse_address
from .protocol.files import Upload
from .protocol.limits import Limits
from .protocol.opening import SessionOpening
from .protocol.prompt import Prompt, PromptInput, fold_prompt, read_prompt
from .protocol.site import Site
from .protocol.turn import Bot, Turn
from .retries import RetryPolicy
from .settings import (
    NO_DEADLINE,
    Deadline,
    HttpSettings,
    Timeout,
    cookie_values,
    is_private,
    merge_headers,
)

USER_AGENT = f"chatgpt4online/{__version__}"
SITE_VARIABLE = "CHATGPT4ONLINE_SITE"

SessionT = TypeVar("SessionT")


def new_id() -> str:
    """Return an id that nobody else has: of a conversation, or to part the fields of a form."""
    # Not by uuid, whose import takes 3 ms.
    return os.urandom(16).hex()


class TurnPlan:
    """A prompt to send.

    Attributes:
        prompt: what is said.
        options: parameters of the chatbot.
        files: what goes with it, uploaded or not.
        chat_id: the id of the conversation; None for a new one.
        greeted: see `Turn`.
    """

    def __init__(
        self,
        prompt: Prompt,
        options: Mapping[str, Any],
        files: Files = (),
        chat_id: str | None = None,
        *,
        greeted: bool = False,
    ) -> None:
        self.prompt = prompt
        self.options = options
        self.files = files
        self.chat_id = chat_id or new_id()
        self.greeted = greeted


def files_to_send(files: Sequence[AnyFile]) -> Files:
    """Look up each file, so that what is wrong with one is known before another is uploaded.

    Raises:
        UsageError: a file is not there, or cannot be read.
    """
    return tuple(file if isinstance(file, StoredFile) else LocalFile(file) for file in files)


def shortcut_message(shortcut: Shortcut) -> tuple[str, dict[str, Any]]:
    """Return the new message and the options that press a shortcut.

    Raises:
        UsageError: the shortcut has neither an id nor a text.
    """
    if shortcut.shortcut_id:
        return "", {"shortcutId": shortcut.shortcut_id}
    if not shortcut.message:
        raise UsageError("The shortcut has nothing that could be sent.")
    return shortcut.message, {}


class BaseClient(ABC, Generic[SessionT]):
    """A client of one site. It keeps what it learns of the site, cookies and connections."""

    @discreet
    def __init__(
        self,
        site: str | None = None,
        bot_id: str | None = None,
        custom_id: str | None = None,
        *,
        auth: tuple[str, str] | None = None,
        token: str | None = None,
        allow_insecure_auth: bool = False,
        proxy: str | None = None,
        timeout: Timeout = Timeout(),
        retry: RetryPolicy = RetryPolicy(),
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        limits: Limits = Limits(),
        session: SessionT | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            site: the site's root, its REST root, or the page that shows the chatbot. None for
                that of the environment variable CHATGPT4ONLINE_SITE.
            bot_id: the id of the chatbot. With neither id, the first one on the page where a page
                was read, else the site's default.
            custom_id: the id of a chatbot that is defined in its page.
            auth: a WordPress user and one of the user's application passwords, to ask as that user.
                None for a guest.
            token: the token of the site's public API, to ask by that API. It is as good as the
                password of the site's first administrator. None for the way of the site's own page.
            allow_insecure_auth: whether to send credentials over plain http to another machine.
            proxy: the address of an http or https proxy. None for what HTTP_PROXY, HTTPS_PROXY,
                ALL_PROXY and NO_PROXY say, '' for no proxy at all.
            timeout: how long to wait, in seconds.
            retry: when to try again.
            headers: sent with each request. Those of the protocol, `auth` and `token` stand before
                them, in any case; a ``Cookie`` goes beside the cookies that the site sets.
            verify: whether to check TLS certificates, or a file of certificates to trust.
            limits: how long an answer may be, in bytes.
            session: a session of the HTTP library to send by. It keeps its own cookies, proxies
                and TLS settings, and is not closed. None for one of the client's own. (The usual
                cookie jar of aiohttp forgets the cookies of a site that is named by an IP address,
                and then every nonce is refused: give it ``CookieJar(unsafe=True)``.)

        Raises:
            UsageError: no site is given, or an argument is wrong.
        """
        site = os.environ.get(SITE_VARIABLE) if site is None else site
        if not site or not isinstance(site, str):
            raise UsageError(
                f"No site is given: pass its address, or set {SITE_VARIABLE}. No site is built in."
            )
        if not isinstance(retry, RetryPolicy) or not isinstance(limits, Limits):
            raise UsageError("retry must be a RetryPolicy, and limits must be Limits.")
        if headers is not None and not isinstance(headers, Mapping):
            raise UsageError("headers must be texts by name.")
        self._site = Site(parse_address(site))
        self._bot = Bot(bot_id, custom_id)
        self._by_api = token is not None
        headers = merge_headers({"User-Agent": USER_AGENT}, headers or {}, credentials(auth, token))
        secret_headers = _secret_headers(headers)
        if secret_headers and not (allow_insecure_auth or is_private(self._site.page_url)):
            raise UsageError(
                "Credentials would be sent over plain http, where others can read them. Use "
                "https, or pass allow_insecure_auth=True."
            )
        self._settings = HttpSettings(
            proxy=proxy,
            verify=verify,
            headers=headers,
            timeout=timeout,
            guarded=bool(secret_headers) and not allow_insecure_auth,
        )
        self._timeout = timeout
        self._retry = retry
        self._limits = limits
        self._site.credentials = tuple(credential_values(auth, token, secret_headers))
        self._failed_openings = 0
        self._opening_failure: ChatError | None = None
        self._connect(session)

    @abstractmethod
    def _connect(self, session: SessionT | None) -> None: ...

    def __repr__(self) -> str:
        site: Site | None = getattr(self, "_site", None)  # None where an argument is wrong
        return f"<{type(self).__name__} of {origin(site.page_url) if site else 'no site'}>"

    def _check_opening(self, failed_before: int) -> None:
        """Raise the failure of an opening that was waited for, rather than fail as slowly again.

        Args:
            failed_before: how many had failed when the wait began.
        """
        if self._opening_failure is not None and self._failed_openings > failed_before:
            failure = copy.copy(self._opening_failure)
            raise failure from self._opening_failure.__cause__

    def _opening_failed(self, error: ChatError, failed_before: int) -> None:
        if self._failed_openings == failed_before:
            self._failed_openings += 1
            self._opening_failure = copy.copy(error)
            self._opening_failure.__cause__ = error.__cause__

    def _turn_plan(
        self, prompt: PromptInput, files: Sequence[AnyFile], options: Mapping[str, Any]
    ) -> TurnPlan:
        """Check what a caller wants to send.

        Raises:
            UsageError: the prompt, a file or an option cannot be sent.
        """
        read = read_prompt(prompt, with_files=bool(files))
        return TurnPlan(read, options, files_to_send(files))

    def _shortcut_plan(self, shortcut: Shortcut, options: Mapping[str, Any]) -> TurnPlan:
        message, extra = shortcut_message(shortcut)
        return TurnPlan(Prompt(message), {**extra, **options})

    def _turn(self, plan: TurnPlan) -> Turn:
        """Return what sends a plan, once its files are attached.

        Raises:
            UsageError: the page told that the site would refuse the message or its files.
        """
        kind, prompt = Turn, plan.prompt
        if self._by_api:
            from .protocol.public_api import ApiTurn

            kind = ApiTurn
            if prompt.history:
                # The public API takes no history.
                latest = [Message("user", prompt.new_message)] if prompt.new_message else []
                prompt = Prompt(fold_prompt([*prompt.history, *latest]))
        turn = kind(
            self._site,
            prompt,
            bot=self._bot,
            chat_id=plan.chat_id,
            options=plan.options,
            now=_milliseconds,
            limits=self._limits,
            greeted=plan.greeted,
        )
        turn.check_against_page(len(plan.files))  # before a file is uploaded
        return turn

    def _deadline(self) -> Deadline:
        total = self._timeout.total
        return NO_DEADLINE if total is None else Deadline(total)

    def _session_opening(self) -> SessionOpening | None:
        return SessionOpening(self._site, self._limits) if self._site.session is None else None

    def _upload_call(self, file: LocalFile, purpose: str) -> Upload:
        return Upload(self._site, file, purpose, new_id(), self._limits)


def _milliseconds() -> int:
    return int(time.time() * 1000)


def _secret_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those of the headers that tell who asks."""
    names = ("authorization", "cookie")
    return {name: value for name, value in headers.items() if name.lower() in names}


def credential_values(
    auth: tuple[str, str] | None, token: str | None, headers: Mapping[str, str]
) -> Iterator[str]:
    """Give each secret among credentials, as it is and as it is sent."""
    for value in headers.values():
        yield value
        yield from value.split(None, 1)[1:]
        yield from cookie_values(value)
    if auth is not None:
        yield auth[1]
    if token is not None:
        yield token


def credentials(auth: tuple[str, str] | None, token: str | None) -> dict[str, str]:
    """Return the header that tells a site who asks; no header for a guest.

    Raises:
        UsageError: both are given, or one cannot be sent.
    """
    if auth is not None and token is not None:
        raise UsageError("Pass auth or token, not both.")
    if token is not None:
        if not (
            isinstance(token, str) and token.isascii() and token.isprintable() and token.strip()
        ):
            raise UsageError("The token must be printable ASCII text.")
        return {"Authorization": f"Bearer {token}"}
    if auth is None:
        return {}
    valid = isinstance(auth, tuple | list) and len(auth) == 2
    if not valid or not all(isinstance(item, str) and item for item in auth) or ":" in auth[0]:
        raise UsageError("auth must be a user, without a colon, and an application password.")
    shown = ":".join(auth).encode("utf-8", "replace")
    return {"Authorization": f"Basic {base64.b64encode(shown).decode()}"}
