"""``serve``: AI Engine's dialect and OpenAI's API, on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import click

from ..errors import UsageError
from ..protocol.site import Era
from .completing import complete_site
from .configuration import read_config
from .credentials import client_arguments
from .output import write_line
from .target import find_target

if TYPE_CHECKING:
    from ..server.sources import Source

KEY_VARIABLE = "CHATGPT4ONLINE_API_KEY"
UPSTREAM_KEY_VARIABLE = "OPENAI_API_KEY"
_ERAS = {"1.x": Era.NO_NONCE, "2.x": Era.PAGE_NONCE, "3.x": Era.START_SESSION}


@click.command()
@click.option("--host", default="127.0.0.1", metavar="ADDRESS", help="Default: 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="NUMBER",
    help="Default: 8000; 0 means any free port.",
)
@click.option(
    "--era",
    type=click.Choice(list(_ERAS)),
    default="3.x",
    help="The version of AI Engine to be like. Default: 3.x.",
)
@click.option("--upstream", metavar="URL", help="Replies come from a server with OpenAI's API.")
@click.option("--model", metavar="NAME", help="The upstream's model.")
@click.option(
    "--site",
    metavar="NAME|URL",
    shell_complete=complete_site,
    help="Replies come from an AI Engine site.",
)
@click.option("-b", "--bot", metavar="ID", help="The site's chatbot. Default: all on its page.")
@click.option(
    "--data",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Keep discussions in this folder. Default: in memory.",
)
@click.option(
    "--rate",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="The most prompts per minute. Default: any number.",
)
def command(
    host: str,
    port: int,
    era: str,
    upstream: str | None,
    model: str | None,
    site: str | None,
    bot: str | None,
    data: str | None,
    rate: int | None,
) -> None:
    """Serve a chatbot on this machine, as AI Engine and OpenAI do.

    Replies come from a built-in offline bot, a server with OpenAI's API (its
    key is taken from $OPENAI_API_KEY) or an AI Engine site.

    With an API key in $CHATGPT4ONLINE_API_KEY clients need it; an address that
    other machines can reach needs one. Ctrl-C or SIGTERM stops the server.
    """
    from ..server.serving import Server, serve

    async def run() -> None:
        server = Server(
            _make_source(upstream, model, site, bot, rate),
            host=host,
            port=port,
            era=_ERAS[era],
            api_key=os.environ.get(KEY_VARIABLE) or None,
            data=data,
        )
        _log_access()
        await serve(server, _announce)

    asyncio.run(run())


def _make_source(
    upstream: str | None, model: str | None, site: str | None, bot: str | None, rate: int | None
) -> Source:
    from ..server.sources import LimitedSource

    source = _choose_source(upstream, model, site, bot)
    return source if rate is None else LimitedSource(source, rate)


def _choose_source(
    upstream: str | None, model: str | None, site: str | None, bot: str | None
) -> Source:
    if upstream and site:
        raise UsageError("Pass --upstream or --site, not both.")
    if (upstream is None) != (model is None):
        raise UsageError("Pass --upstream and --model together.")
    if bot and not site:
        raise UsageError("--bot is a chatbot of a --site.")
    if upstream and model:
        from ..server.upstream import UpstreamSource

        return UpstreamSource(upstream, model, os.environ.get(UPSTREAM_KEY_VARIABLE))
    if site:
        from ..server.site_source import SiteSource

        target = find_target(read_config(), site, demo=False, given={"bot": bot})
        return SiteSource(client_arguments(target.site))
    from ..server import offline_bot
    from ..server.sources import BotSource

    return BotSource(offline_bot)


def _announce(url: str) -> None:
    write_line(f"AI Engine: {url}\nOpenAI:    {url}/v1")


def _log_access() -> None:
    from ..server.serving import ACCESS_LOG

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    ACCESS_LOG.addHandler(handler)
    ACCESS_LOG.setLevel(logging.INFO)
    ACCESS_LOG.propagate = False
