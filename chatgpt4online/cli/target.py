"""Which site and chatbot a command talks to, and how."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from ..settings import SITE_VARIABLE
from .configuration import Configuration, SiteEntry, read_config
from .credentials import client_arguments
from .output import warn

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
    """

    site: SiteEntry
    save: bool = False
    demo: bool = False
    environment: bool = True

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
    """Add the options that say which site and chatbot to use; they become `target`."""

    @functools.wraps(command)
    def with_target(
        site: str | None,
        bot: str | None,
        user: str | None,
        public_api: bool,
        proxy: str | None,
        timeout: float | None,
        demo: bool,
        **others: Any,
    ) -> Any:
        given = {
            "bot": bot,
            "user": user,
            "public_api": public_api,
            "proxy": proxy,
            "timeout": timeout,
        }
        return command(target=find_target(read_config(), site, demo=demo, given=given), **others)

    options = (
        click.option(
            "--site",
            metavar="NAME|URL",
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
            "--timeout", type=float, metavar="SECONDS", help="The longest that a call may take."
        ),
        click.option("--demo", is_flag=True, help="Ask a built-in demo bot, without a network."),
    )
    decorated: Callable[..., Any] = with_target
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def find_target(
    config: Configuration, site: str | None, *, demo: bool, given: dict[str, Any]
) -> Target:
    """Return the target for what the user has given; what is empty there is left unchanged."""
    if demo and site is not None:
        raise UsageError("Pass --site or --demo, not both.")
    changes = {name: value for name, value in given.items() if value}
    if demo:
        return Target(SiteEntry("", **changes), config.save, demo=True)
    return Target(replace(_find_site(config, site), **changes), config.save)


def _find_site(config: Configuration, site: str | None) -> SiteEntry:
    wanted = site or os.environ.get(SITE_VARIABLE) or config.default
    if not wanted:
        raise UsageError(f"No site is given: pass --site URL, set {SITE_VARIABLE}, or try --demo.")
    if wanted in config.sites:
        return config.sites[wanted]
    if "/" not in wanted and "." not in wanted and ":" not in wanted:
        names = ", ".join(config.sites) or "none"
        raise UsageError(f"The configuration file has no site {wanted!r} (it has {names}).")
    return SiteEntry(wanted)
