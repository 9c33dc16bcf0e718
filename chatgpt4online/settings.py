"""The arguments of a client, checked, and what both clients make of them."""

from __future__ import annotations

import base64
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Any
from urllib.parse import unquote

from . import __version__
from .config import SITE_VARIABLE, Limits, RetryPolicy, Timeout, read_timeout
from .errors import ReplyError, UsageError
from .logs import read_log_variable
from .models import Shortcut
from .network import Network, checked_headers, is_private, merge_headers, parse_cookies
from .protocol.address import parse_address
from .protocol.chat import Turn, chat, read_parameters, second_try
from .protocol.http import Flow, Response
from .protocol.prompt import Prompt, PromptInput, read_prompt
from .protocol.public_api import chat_by_api, message_for
from .protocol.reply_reader import ReplyReader
from .protocol.site import Bot, Site, User
from .uploads import AnyFile, attach

USER_AGENT = f"chatgpt4online/{__version__}"
_CREDENTIAL_HEADERS = ("authorization", "cookie")


def new_id() -> str:
    """Return a new unique id."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a client. If `uses_api`, it chats through the site's public API."""

    site: Site
    bot: Bot
    uses_api: bool
    network: Network
    headers: Mapping[str, str] = field(repr=False)
    timeout: Timeout
    retry: RetryPolicy

    def with_options(
        self,
        timeout: Timeout | float | None,
        retry: RetryPolicy | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Settings:
        """Return these settings with other options, as far as they are not None."""
        new = checked_headers(headers or {})
        if any(name.lower() in _CREDENTIAL_HEADERS for name in new):
            raise UsageError(
                "Authorization and Cookie belong to the site's session: make a client of its own."
            )
        return replace(
            self,
            timeout=self.timeout if timeout is None else read_timeout(timeout, self.timeout),
            retry=self.retry if retry is None else _checked_retry(retry),
            headers=merge_headers(self.headers, new) if new else self.headers,
        )

    def turn(
        self, prompt: PromptInput, files: Sequence[AnyFile], parameters: Mapping[str, Any]
    ) -> Turn:
        """Return the turn for a prompt outside a conversation."""
        return self.turn_for(read_prompt(prompt, with_files=bool(files)), files, parameters)

    def turn_for(
        self,
        prompt: Prompt,
        files: Sequence[AnyFile],
        parameters: Mapping[str, Any],
        chat_id: str | None = None,
        *,
        greet: bool = False,
        continued: bool = False,
    ) -> Turn:
        """Return a turn with its files checked."""
        return Turn(
            prompt=prompt,
            bot=self.bot,
            chat_id=chat_id or new_id(),
            timestamp=int(time.time() * 1000),
            parameters=parameters,
            attachments=attach(files),
            greet=greet,
            continued=continued,
        )

    def shortcut_turn(self, shortcut: Shortcut, parameters: Mapping[str, Any]) -> Turn:
        """Return the turn that presses a shortcut outside a conversation."""
        message, parameters = shortcut_prompt(shortcut, parameters)
        return self.turn_for(Prompt(message), (), parameters)

    def chat(self, turn: Turn) -> Flow[tuple[ReplyReader, Response]]:
        """Return the flow that sends a turn."""
        return (chat_by_api if self.uses_api else chat)(self.site, turn)

    def second_try(self, turn: Turn, error: ReplyError) -> Flow[Turn]:
        """Return the flow that returns the turn to send after a refusal, or raises the error."""
        message = message_for(self.site, turn) if self.uses_api else turn.prompt.new_message
        return second_try(self.site, turn, message, error, new_id())


def chat_parameters(
    *,
    model: str | None,
    temperature: float | None,
    max_tokens: int | None,
    instructions: str | None,
    stream: bool = True,
    params: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the arguments of a call by the plugin's own names, or raise a `UsageError`."""
    return read_parameters(
        params, model=model, temperature=temperature, maxTokens=max_tokens,
        instructions=instructions, stream=None if stream else False,
    )  # fmt: skip


def shortcut_prompt(
    shortcut: Shortcut, parameters: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any]]:
    """Return the message and all parameters that press a shortcut, whose own id wins."""
    if shortcut.shortcut_id:
        return "", {**parameters, "shortcutId": shortcut.shortcut_id}
    if not shortcut.message:
        raise UsageError("The shortcut has neither an id nor a message to send.")
    return shortcut.message, parameters


def read_settings(
    site: str | None,
    bot_id: str | None,
    custom_id: str | None,
    *,
    auth: tuple[str, str] | None,
    token: str | None,
    allow_insecure_auth: bool,
    proxy: str | None,
    timeout: Timeout | float,
    retry: RetryPolicy,
    headers: Mapping[str, str] | None,
    verify: bool | str | SSLContext,
    limits: Limits,
    max_connections: int | None,
) -> Settings:
    """Check the arguments of a client, which have no defaults here."""
    read_log_variable()
    site = os.environ.get(SITE_VARIABLE) if site is None else site
    if hasattr(site, "scheme"):  # a URL of yarl, httpx or pydantic
        site = str(site)
    if not (site is None or isinstance(site, str)):
        raise UsageError(f"The site must be a string, not {type(site).__name__}.")
    if not site:
        raise UsageError(f"No site is given: pass its URL, or set {SITE_VARIABLE}.")
    if not isinstance(limits, Limits):
        raise UsageError("limits must be Limits.")
    address = parse_address(site)
    all_headers = merge_headers(
        {"User-Agent": USER_AGENT}, checked_headers(headers or {}), _auth_headers(auth, token)
    )
    secret = [value for name, value in all_headers.items() if name.lower() in _CREDENTIAL_HEADERS]
    if secret and not (allow_insecure_auth or is_private(address.page)):
        raise UsageError(
            "The credentials would be sent over plain http, where others can read them. Use "
            "https, or pass allow_insecure_auth=True."
        )
    cookies = {}
    for name in [name for name in all_headers if name.lower() == "cookie"]:
        cookies = parse_cookies(all_headers.pop(name))
    network = Network(
        proxy=proxy,
        verify=verify,
        cookies=cookies,
        max_connections=max_connections,
        has_credentials=bool(secret) and not allow_insecure_auth,
    )
    basic = any(value.lower().startswith("basic ") for value in secret)
    user = User.UNVERIFIED if basic else User.GUEST
    credentials = {part for value in secret for part in _secret_parts(value)}
    if auth is not None:
        credentials |= {auth[1], auth[1].replace(" ", "")}  # WordPress ignores the blanks
    return Settings(
        site=Site(address, limits, credentials, user),
        bot=Bot(bot_id, custom_id),
        uses_api=token is not None,
        network=network,
        headers=all_headers,
        timeout=read_timeout(timeout),
        retry=_checked_retry(retry),
    )


def _checked_retry(retry: RetryPolicy) -> RetryPolicy:
    if not isinstance(retry, RetryPolicy):
        raise UsageError("retry must be a RetryPolicy, such as RetryPolicy(attempts=1).")
    return retry


def _secret_parts(header: str) -> list[str]:
    """Return the parts of a credential header that no error may show."""
    cookies = [value.strip('"') for value in parse_cookies(header).values()]
    return [header, *header.strip().split(None, 1)[1:], *cookies, *map(unquote, cookies)]


def _auth_headers(auth: tuple[str, str] | None, token: str | None) -> dict[str, str]:
    if auth is not None and token is not None:
        raise UsageError("Pass auth or token, not both.")
    if token is not None:
        if not (
            isinstance(token, str) and token.isascii() and token.isprintable() and token.strip()
        ):
            raise UsageError("token must be printable ASCII text.")
        return {"Authorization": f"Bearer {token}"}
    if auth is None:
        return {}
    valid = isinstance(auth, tuple | list) and len(auth) == 2
    if not valid or not all(isinstance(item, str) and item for item in auth) or ":" in auth[0]:
        raise UsageError("auth must be a user name, without a colon, and an application password.")
    encoded = base64.b64encode(":".join(auth).encode("utf-8", "replace")).decode()
    return {"Authorization": f"Basic {encoded}"}
