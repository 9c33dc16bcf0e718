"""Finding out about a site without sending a prompt."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from ..errors import ProtocolError, RouteNotFound
from .address import route
from .answers import read_failure
from .call import ACCEPT_JSON, current_session
from .http import Flow, Request
from .jsontext import find_object
from .page import PageBot
from .session import read_site_page
from .site import Era, Site

NAMESPACE = "mwai-ui/v1"


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What `discover` found out about a site.

    Attributes:
        root: Its REST root.
        era: How it lets guests in.
        has_plugin: Whether AI Engine's chatbots are available.
        bots: The chatbots on the page, in their order.
    """

    root: str
    era: Era
    has_plugin: bool
    bots: tuple[PageBot, ...]


def discover(site: Site) -> Flow[SiteInfo]:
    """Find out about a site and the chatbots on its page."""
    yield from current_session(site)
    if site.page is None:
        with contextlib.suppress(RouteNotFound):  # not every site has a page at its root
            yield from read_site_page(site)
    bots = site.page.bots if site.page is not None else ()
    assert site.root is not None
    assert site.era is not None
    has_plugin = site.era is not Era.NO_NONCE or bool(bots) or (yield from _has_plugin(site))
    return SiteInfo(site.root, site.era, has_plugin, bots)


def _has_plugin(site: Site) -> Flow[bool]:
    """Ask the REST root whether it has the plugin's routes."""
    assert site.root is not None
    url = route(site.root, "")
    url += ("&" if "?" in url else "?") + "_fields=namespaces"
    response = yield Request("GET", url, ACCEPT_JSON, repeatable=True)
    if not response.ok:
        raise read_failure(site, response)
    answer = find_object(response.body.decode("utf-8", "replace"))
    namespaces = answer.get("namespaces") if answer is not None else None
    if not isinstance(namespaces, list):
        raise ProtocolError("The site's REST API does not list its namespaces.")
    return NAMESPACE in namespaces
