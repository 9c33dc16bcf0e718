"""The configuration file, in TOML, with the sites by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from ..config import PASSWORD_VARIABLE, TOKEN_VARIABLE, read_timeout
from ..errors import UsageError
from ..protocol.address import Address, parse_address
from .files import check_keys, parse_toml, unreadable

FILE_VARIABLE = "CHATGPT4ONLINE_CONFIG"
_SECRETS = (
    "auth", "authorization", "password", "token", "secret", "api_key", "headers", "cookie",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SiteEntry:
    """A site of the configuration file.

    Attributes:
        url: Its address.
        bot: The id of its chatbot.
        user: The WordPress user to chat as.
        public_api: Whether to use its public API, with a token.
        proxy: The URL of a proxy.
        timeout: Seconds that a call may take.
        model: The model to use.
        system: Instructions for the chatbot.
    """

    url: str
    bot: str | None = None
    user: str | None = None
    public_api: bool = False
    proxy: str | None = None
    timeout: float | None = None
    model: str | None = None
    system: str | None = None


SITE_KEYS = tuple(item.name for item in fields(SiteEntry))


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the configuration file says.

    Attributes:
        default: The name of the site to use if none is named.
        save: Whether conversations are saved without being asked to.
        sites: The sites by name.
    """

    default: str | None = None
    save: bool = False
    sites: Mapping[str, SiteEntry] = field(default_factory=dict)


def config_path() -> Path:
    """Return the path of the configuration file, whether it exists or not."""
    given = os.environ.get(FILE_VARIABLE)
    return Path(given) if given else user_config_path("chatgpt4online") / "config.toml"


def read_config() -> Configuration:
    """Read the configuration file; without one, all is at its default."""
    path = config_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Configuration()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return parse_config(text, str(path))


def parse_config(text: str, path: str) -> Configuration:
    """Parse a configuration file, or raise a `UsageError` that names its path."""
    data = parse_toml(text, path)
    _check_keys(data, ("default", "save", "sites"), path)
    sites = data.get("sites", {})
    if not isinstance(sites, dict):
        raise UsageError(f"{path}: sites must be tables, such as [sites.shop].")
    config = Configuration(
        default=_value(data, "default", str, path),
        save=_value(data, "save", bool, path) or False,
        sites={name: _read_site(entry, f"{path}, site {name}") for name, entry in sites.items()},
    )
    if "" in config.sites:
        raise UsageError(f"{path}: a site has no name.")
    if config.default is not None and config.default not in config.sites:
        raise UsageError(f"{path}: the default site {config.default!r} is not in the file.")
    return config


def _read_site(entry: object, where: str) -> SiteEntry:
    if not isinstance(entry, dict):
        raise UsageError(f"{where}: expected a table with url.")
    _check_keys(entry, SITE_KEYS, where)
    url = _value(entry, "url", str, where)
    if not url:
        raise UsageError(f"{where}: url is missing.")
    timeout = _value(entry, "timeout", (int, float), where)
    texts = {
        name: _value(entry, name, str, where)
        for name in ("bot", "user", "proxy", "model", "system")
    }
    site = SiteEntry(
        url=url,
        public_api=_value(entry, "public_api", bool, where) or False,
        timeout=timeout,
        **texts,
    )
    try:
        _check_site(site)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    return site


def _check_site(site: SiteEntry) -> None:
    """Raise a `UsageError` for what a client would refuse, and for passwords in a URL."""
    check_address(site.url)
    if site.user and site.public_api:
        raise UsageError("user and public_api exclude each other.")
    if site.timeout is not None:
        try:
            read_timeout(site.timeout)
        except UsageError:
            raise UsageError("timeout must be a positive number of seconds.") from None
    if site.proxy:
        if "@" in site.proxy:
            raise UsageError(
                "A user name or password for the proxy does not belong in this file. Set an "
                "environment variable (HTTP_PROXY, HTTPS_PROXY)."
            )
        from ..network import Network

        Network(site.proxy, True, {})


def check_address(url: str) -> Address:
    """Parse the address of a site, or raise a `UsageError`."""
    if "@" in url.partition("//")[2].partition("/")[0]:
        raise UsageError(
            "The site's URL must not contain a user name or password; give the name as user."
        )
    return parse_address(url)


def _check_keys(data: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in data:
        if name.lower() in _SECRETS:
            raise UsageError(
                f"{where}: {name} does not belong in this file. Set an environment variable "
                f"({PASSWORD_VARIABLE}, {TOKEN_VARIABLE}), or run: chatgpt4online config secret "
                "NAME"
            )
    check_keys(data, known, where)


def _value(data: Mapping[str, Any], name: str, kind: Any, where: str) -> Any:
    value = data.get(name)
    wrong_bool = isinstance(value, bool) and kind is not bool
    if value is None or (isinstance(value, kind) and not wrong_bool):
        return value
    expected = {str: "a string", bool: "true or false"}.get(kind, "a number")
    raise UsageError(f"{where}: {name} must be {expected}.")
