"""Passwords and tokens: from the environment, a keyring or the keyboard."""

from __future__ import annotations

import getpass
import os
import sys
from importlib.util import find_spec

from ..errors import UsageError
from ..protocol.address import origin
from ..settings import PASSWORD_VARIABLE, TOKEN_VARIABLE

SERVICE = "chatgpt4online"
"""The name under which a keyring keeps the secrets."""


def read_password(site: str, user: str) -> str:
    """Return a user's application password.

    Raises:
        UsageError: There is none.
    """
    account = password_account(site, user)
    return _read(PASSWORD_VARIABLE, account, f"Application password of {user}: ")


def read_token(site: str) -> str:
    """Return the token of a site's public API.

    Raises:
        UsageError: There is none.
    """
    return _read(TOKEN_VARIABLE, token_account(site), f"Token of {origin(site)}: ")


def password_account(site: str, user: str) -> str:
    """Return the name under which a keyring keeps a password."""
    return f"{user} at {origin(site)}"


def token_account(site: str) -> str:
    """Return the name under which a keyring keeps a token."""
    return f"token of {origin(site)}"


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


def _read(variable: str, account: str, question: str) -> str:
    secret = os.environ.get(variable) or _from_keyring(account)
    if secret:
        return secret
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            f"No secret is given: set {variable}, or keep it in a keyring with: "
            "chatgpt4online config secret NAME"
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
