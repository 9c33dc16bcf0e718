"""Passwords and tokens: from the environment, a keyring or the keyboard."""

from __future__ import annotations

import getpass
import os
import sys
from importlib.util import find_spec
from typing import Any

from ..config import PASSWORD_VARIABLE, TOKEN_VARIABLE
from ..errors import UsageError
from ..protocol.address import origin, parse_address
from .configuration import SiteEntry, check_address

SERVICE = "chatgpt4online"
"""The name under which a keyring keeps the secrets."""


def client_arguments(
    site: SiteEntry, secret: str | None = None, *, environment: bool = True
) -> dict[str, Any]:
    """Return the keyword arguments of `Client` and `AsyncClient` for a site.

    Args:
        site: The entry of the configuration file.
        secret: The password or the token that it needs. Default: it is looked for.
        environment: Whether the secrets in environment variables are for this site.

    Raises:
        UsageError: There is none.
    """
    from ..network import is_private

    check_address(site.url)
    if (site.user or site.public_api) and not is_private(parse_address(site.url).page):
        raise UsageError(
            "The password or token would be sent over plain http, where others can read it. Use "
            "https."
        )
    arguments: dict[str, Any] = {"site": site.url, "bot_id": site.bot, "proxy": site.proxy}
    if site.timeout is not None:
        arguments["timeout"] = site.timeout
    if site.public_api:
        arguments["token"] = secret or read_token(site.url, environment=environment)
    elif site.user:
        password = secret or read_password(site.url, site.user, environment=environment)
        arguments["auth"] = (site.user, password)
    return arguments


def read_password(site: str, user: str, *, environment: bool = True) -> str:
    """Return a user's application password.

    Raises:
        UsageError: There is none.
    """
    account, question = password_account(site, user), f"Application password of {user}: "
    variable = PASSWORD_VARIABLE if environment else None
    return _read(variable, account, question, f"url={origin(site)} user={user}")


def read_token(site: str, *, environment: bool = True) -> str:
    """Return the token of a site's public API.

    Raises:
        UsageError: There is none.
    """
    variable = TOKEN_VARIABLE if environment else None
    question, entry = f"Token of {origin(site)}: ", f"url={origin(site)} public_api=true"
    return _read(variable, token_account(site), question, entry)


def password_account(site: str, user: str) -> str:
    """Return the name under which a keyring keeps a password."""
    return f"{user} at {origin(site)}"


def token_account(site: str) -> str:
    """Return the name under which a keyring keeps a token."""
    return f"the API of {origin(site)}"


def ask_and_store(account: str, question: str) -> None:
    """Ask for a secret, and keep it in the keyring.

    Raises:
        UsageError: There is no keyring, or nobody to ask.
    """
    if find_spec("keyring") is None:
        raise UsageError('Keyrings need another package: pip install "chatgpt4online[keyring]"')
    import keyring

    try:
        keyring.get_password(SERVICE, account)  # so that it fails before the secret is typed
        keyring.set_password(SERVICE, account, _ask(question))
    except keyring.errors.KeyringError as error:
        reason = str(error).removesuffix(".")
        raise UsageError(f"The keyring cannot be used: {reason}.") from error


def _read(variable: str | None, account: str, question: str, entry: str) -> str:
    secret = (os.environ.get(variable) if variable else None) or _from_keyring(account)
    if secret:
        return secret
    if not _can_ask():
        way = f"set {variable}, or keep it" if variable else "keep it"
        raise UsageError(
            f"No secret of {account} is given: {way} in a keyring with: chatgpt4online config "
            f"secret NAME. NAME is a site of yours; if it has none: chatgpt4online config set NAME "
            f"{entry}"
        )
    return _ask(question)


def _ask(question: str) -> str:
    if not _can_ask():
        raise UsageError("The secret can only be typed on a terminal.")
    secret = getpass.getpass(question)
    if not secret:
        raise UsageError("Nothing was typed.")
    return secret


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _from_keyring(account: str) -> str | None:
    if find_spec("keyring") is None:
        return None
    import keyring

    try:
        return keyring.get_password(SERVICE, account)
    except keyring.errors.KeyringError:
        return None
