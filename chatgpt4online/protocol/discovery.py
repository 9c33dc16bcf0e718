"""Finding out about a site without sending a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import AuthenticationError, ProtocolError, StatusError
from .answers import read_failure
from .http import ACCEPT_JSON, Flow, Request, Response
from .jsontext import find_object, read_field
from .page import PageBot
from .session import open_session, read_site_page, rest_index
from .site import Era, Site

NAMESPACE = "mwai-ui/v1"


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What `discover` found out about a site.

    Attributes:
        root: Its REST root.
        era: How it gives guests their nonce; None if its REST API is closed and only its page was
            read.
        has_plugin: Whether AI Engine's chatbots are available.
        bots: The chatbots on the page, in their order.
    """

    root: str
    era: Era | None
    has_plugin: bool
    bots: tuple[PageBot, ...]


def discover(site: Site) -> Flow[SiteInfo]:
    """Find out about a site and the chatbots on its page."""
    closed: StatusError | None = None
    if site.session is None:
        try:
            yield from open_session(site)
        except AuthenticationError:
            raise
        except StatusError as error:  # the page may tell what the REST API does not
            if error.status in (429, 503):
                raise
            closed = error
    page = site.page or (yield from read_site_page(site))
    root, era = site.root or page.root, site.era
    if closed is not None:
        if root is None or not page.bots:
            raise closed
        return SiteInfo(root, era, True, page.bots)
    assert root is not None and era is not None
    has_plugin = era is not Era.NO_NONCE or bool(page.bots) or (yield from _has_plugin(site, root))
    return SiteInfo(root, era, has_plugin, page.bots)


def _has_plugin(site: Site, root: str) -> Flow[bool]:
    """Ask the REST root whether it has the plugin's routes."""
    response: Response = yield Request("GET", rest_index(root), ACCEPT_JSON, repeatable=True)
    if not response.ok:
        raise read_failure(site, response)
    namespaces = read_field(find_object(response.text) or {}, "namespaces", list, None)
    if namespaces is None:
        raise ProtocolError("The site's REST API does not list its namespaces.")
    return NAMESPACE in namespaces
