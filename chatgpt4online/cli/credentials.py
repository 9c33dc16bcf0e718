"""Passwords and tokens: from the environment, a keyring or the keyboard."""

from __future__ import annotations

import getpass
import os
import sys
from importlib.util import find_spec
from typing import Any

from ..errors import UsageError
from ..protocol.address import origin
from ..settings import PASSWORD_VARIABLE, TOKEN_VARIABLE
from .configuration import SiteEntry

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
    return _read(PASSWORD_VARIABLE if environment else None, account, question)


def read_token(site: str, *, environment: bool = True) -> str:
    """Return the token of a site's public API.

    Raises:
        UsageError: There is none.
    """
    variable = TOKEN_VARIABLE if environment else None
    return _read(variable, token_account(site), f"Token of {origin(site)}: ")


def password_account(site: str, user: str) -> str:
    """Return the name under which a keyring keeps a password."""
    return f"{user} at {origin(site)}"


def token_account(site: str) -> str:
    """Return the name under which a keyring keeps a token."""
    return f"the API of {origin(site)}"


def store(account: str, secret: str) -> None:
    """Keep a secret in the keyring.

    Raises:
        UsageError: There is no keyring.
    """
    if find_spec("keyring") is None:
        raise UsageError('Keyrings need another package: pip install "chatgpt4online[keyring]"')
    import keyring

    try:
        keyring.set_password(SERVICE, account, secret)
    except keyring.errors.KeyringError as error:
        raise UsageError(f"The keyring cannot be used: {error}.") from error


def _read(variable: str | None, account: str, question: str) -> str:
    secret = (os.environ.get(variable) if variable else None) or _from_keyring(account)
    if secret:
        return secret
    if sys.stdin is None or not sys.stdin.isatty():
        way = f"set {variable}, or keep it" if variable else "keep it"
        raise UsageError(
            f"No secret of {account} is given: {way} in a keyring with: chatgpt4online config "
            "secret NAME"
        )
    return getpass.getpass(question)


def _from_keyring(account: str) -> str | None:
    if find_spec("keyring") is None:
        return None
    import keyring

    try:
        return keyring.get_password(SERVICE, account)
    except keyring.errors.KeyringError:
        return None
