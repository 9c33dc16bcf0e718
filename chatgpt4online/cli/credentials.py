"""Passwords and tokens: from the environment, a keyring or the keyboard."""

from __future__ import annotations

import getpass
import os
import shlex
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ..config import PASSWORD_VARIABLE, TOKEN_VARIABLE
from ..errors import UsageError
from ..protocol.address import origin
from .configuration import SiteEntry, check_address

_SERVICE = "chatgpt4online"
"""The name under which a keyring keeps the secrets."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A password or a token that a site needs.

    Attributes:
        account: The name under which a keyring keeps it.
        variable: The environment variable that has it.
        question: What asks for it.
        entry: What ``config set`` takes, so that a site has an entry that needs it.
    """

    account: str
    variable: str
    question: str
    entry: str


def credential_of(site: SiteEntry) -> Credential | None:
    """Return what a site needs; None for guests."""
    place = origin(site.url)
    if site.public_api:
        return Credential(
            f"the API of {place}", TOKEN_VARIABLE, f"Token of {place}: ",
            f"url={place} public_api=true",
        )  # fmt: skip
    if site.user:
        return Credential(
            f"{site.user} at {place}", PASSWORD_VARIABLE, f"Application password of {site.user}: ",
            f"url={place} {shlex.quote(f'user={site.user}')}",
        )  # fmt: skip
    return None


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

    address = check_address(site.url)
    arguments: dict[str, Any] = {"site": site.url, "bot_id": site.bot, "proxy": site.proxy}
    if site.timeout is not None:
        arguments["timeout"] = site.timeout
    needed = credential_of(site)
    if needed is None:
        return arguments
    if not is_private(address.page):  # so that it fails before the secret is typed
        raise UsageError(
            "The password or token would be sent over plain http, where others can read it. Use "
            "https."
        )
    secret = secret or _find(needed, environment=environment)
    credentials = {"token": secret} if site.public_api else {"auth": (site.user, secret)}
    return {**arguments, **credentials}


def ask_and_store(needed: Credential) -> None:
    """Ask for a secret, and keep it in the keyring.

    Raises:
        UsageError: There is no keyring, or nobody to ask.
    """
    if find_spec("keyring") is None:
        raise UsageError('Keyrings need another package: pip install "chatgpt4online[keyring]"')
    import keyring

    try:
        # A keyring that does not work fails before the secret is typed.
        keyring.get_password(_SERVICE, needed.account)
        keyring.set_password(_SERVICE, needed.account, _ask(needed.question))
    except keyring.errors.KeyringError as error:
        reason = str(error).removesuffix(".")
        raise UsageError(f"The keyring cannot be used: {reason}.") from error


def _find(needed: Credential, *, environment: bool) -> str:
    given = os.environ.get(needed.variable) if environment else None
    if secret := given or _from_keyring(needed.account):
        return secret
    if not _can_ask():
        way = f"set {needed.variable}, or keep it" if environment else "keep it"
        raise UsageError(
            f"No secret of {needed.account} is given: {way} in a keyring with: chatgpt4online "
            "config secret NAME. NAME is a site of yours; if it has none: chatgpt4online config "
            f"set NAME {needed.entry}"
        )
    return _ask(needed.question)


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
        return keyring.get_password(_SERVICE, account)
    except keyring.errors.KeyringError:
        return None
