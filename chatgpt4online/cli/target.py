"""Which site and chatbot a command talks to, and how."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ..config import SITE_VARIABLE
from ..errors import UsageError
from ..protocol.address import origin
from .completing import complete_site
from .configuration import Configuration, SiteEntry, read_config
from .credentials import client_arguments
from .options import add_options
from .output import warn
from .store import Saved, Store, same_site

if TYPE_CHECKING:
    from ..sync.client import Client

_DEMO_PACE = 0.05


@dataclass(frozen=True, slots=True)
class Target:
    """A site, one of its chatbots, and how to reach them.

    Attributes:
        site: The entry of the configuration file, with the options in place of what it says.
        save: Whether conversations are to be saved, by the configuration file.
        demo: Whether to use a site that is started for this, in place of `site`.
        environment: Whether the secrets in environment variables are for this site.
        saved: The saved conversation to continue, if one was named.
    """

    site: SiteEntry
    save: bool = False
    demo: bool = False
    environment: bool = True
    saved: Saved | None = None

    @contextlib.contextmanager
    def arguments(self) -> Iterator[dict[str, Any]]:
        """Yield the keyword arguments of `Client` and `AsyncClient`. The demo site runs inside."""
        if not self.demo:
            yield client_arguments(self.site, environment=self.environment)
            return
        from ..server import LocalSite

        with LocalSite(pace=_DEMO_PACE) as site:
            warn(f"Asking the demo site at {site.url}.")
            yield client_arguments(
                replace(self.site, url=site.url, proxy="", user=None, public_api=False)
            )

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """Yield a client, and close it afterwards."""
        from ..sync.client import Client

        with self.arguments() as arguments, Client(**arguments) as client:
            yield client


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which site and chatbot to use; they become `target`.

    Without them, a saved conversation (``--cid``) goes on with its own site and chatbot.
    """

    @functools.wraps(command)
    def with_target(
        site: str | None,
        bot: str | None,
        user: str | None,
        public_api: bool,
        proxy: str | None,
        timeout: float | None,
        demo: bool,
        cid: str | None = None,
        **others: Any,
    ) -> Any:
        given = {
            "bot": bot,
            "user": user,
            "public_api": public_api or None,
            "proxy": proxy,
            "timeout": timeout,
        }
        saved = None if cid is None else Store().find(cid)
        target = find_target(read_config(), site, demo=demo, given=given, saved=saved)
        return command(target=target, **others)

    options = (
        click.option(
            "--site",
            metavar="NAME|URL",
            shell_complete=complete_site,
            help="Name of a site in the configuration file, or the URL of its home page, its REST "
            f"root or its chatbot's page. Default: ${SITE_VARIABLE}, then the file's default.",
        ),
        click.option("-b", "--bot", metavar="ID", help="The chatbot. Default: the site's default."),
        click.option("--user", metavar="NAME", help="Chat as this WordPress user."),
        click.option(
            "--public-api", is_flag=True, help="Use the site's public API, with its token."
        ),
        click.option("--proxy", metavar="URL", help="An http, https or SOCKS proxy."),
        click.option(
            "--timeout",
            type=click.FloatRange(0, min_open=True),
            metavar="SECONDS",
            help="The longest that a call may take.",
        ),
        click.option("--demo", is_flag=True, help="Ask a built-in demo bot, without a network."),
    )
    return add_options(with_target, options)


def find_target(
    config: Configuration,
    site: str | None,
    *,
    demo: bool,
    given: dict[str, Any],
    saved: Saved | None = None,
) -> Target:
    """Return the target for what the user has given; what is None there is left unchanged.

    A saved conversation goes on with its own site and chatbot unless others are given.
    """
    if demo and site is not None:
        raise UsageError("Pass --site or --demo, not both.")
    changes = _read_changes(given)
    if demo:
        return Target(SiteEntry("", **changes), config.save, demo=True, saved=saved)
    if saved is None:
        return Target(replace(_find_site(config, site), **changes), config.save)
    entry = _site_of(config, saved) if site is None else _find_site(config, site)
    return Target(
        replace(entry, **{"bot": saved.bot, **changes}),
        config.save,
        environment=site is not None or _has_environment(config, saved),
        saved=saved,
    )


def _read_changes(given: dict[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in given.items() if value is not None}
    for name in {"bot", "user"} & changes.keys():
        changes[name] = changes[name] or None  # an empty one stands for none
    if changes.get("user") and "public_api" in changes:
        raise UsageError("Pass --user or --public-api, not both.")
    if "user" in changes:
        changes["public_api"] = False
    elif "public_api" in changes:
        changes["user"] = None
    return changes


def _find_site(config: Configuration, site: str | None) -> SiteEntry:
    wanted = _usual_site(config) if site is None else site
    if not wanted:
        raise UsageError(f"No site is given: pass --site URL, set {SITE_VARIABLE}, or try --demo.")
    if wanted in config.sites:
        return config.sites[wanted]
    if "/" not in wanted and "." not in wanted and ":" not in wanted:
        names = ", ".join(config.sites) or "none"
        raise UsageError(f"The configuration file has no site {wanted!r} (it has {names}).")
    return SiteEntry(wanted)


def _usual_site(config: Configuration) -> str | None:
    return os.environ.get(SITE_VARIABLE) or config.default


def _site_of(config: Configuration, saved: Saved) -> SiteEntry:
    """Return the entry of a saved conversation's site, of several the one with its chatbot."""
    entries = [entry for entry in config.sites.values() if same_site(entry.url, saved.site)]
    entries.sort(key=lambda entry: entry.bot != saved.bot)
    return entries[0] if entries else SiteEntry(saved.site)


def _has_environment(config: Configuration, saved: Saved) -> bool:
    """Return whether the environment's secrets, which are for the usual site, are for this one."""
    if _usual_site(config) is None:
        return False
    return origin(_find_site(config, None).url) == origin(saved.site)
