"""What a site and its page tell of themselves, without spending a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .call import JsonCall
from .exchanges import Request
from .limits import Limits
from .opening import SessionOpening
from .page import PageBot
from .site import Era, Site
from .steps import Step

NAMESPACE = "mwai-ui/v1"


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What was found out about a site.

    Attributes:
        root: its REST root, on the origin by which it is reached.
        era: how it lets guests in.
        has_plugin: whether AI Engine's chatbots answer there.
        bots: the chatbots on the page, in their order.
    """

    root: str
    era: Era
    has_plugin: bool
    bots: tuple[PageBot, ...]


class PageReading(SessionOpening):
    """Read the page of a site whose session is open; the page goes into `site`."""

    def start_over(self) -> None:
        super().start_over()
        self.step = Step.NONCE_PAGE

    def _hand_over(self) -> None:
        self._site.page_url = self._page_url


class PluginQuestion(JsonCall[bool]):
    """Ask the REST root whether AI Engine's chatbots answer there."""

    with_session = False

    def __init__(self, site: Site, limits: Limits) -> None:
        super().__init__(site, "", None, _has_namespace, limits)

    def next_request(self) -> Request | None:
        request = super().next_request()
        if request is None:
            return None
        separator = "&" if "?" in request.url else "?"
        request.url += f"{separator}_fields=namespaces"
        return request

    def _is_success(self, answer: dict[str, Any]) -> bool:
        return isinstance(answer.get("namespaces"), list)


def _has_namespace(answer: dict[str, Any]) -> bool:
    return NAMESPACE in answer["namespaces"]


def plugin_is_known(site: Site) -> bool:
    """Whether what is known of a site shows already that it has the plugin."""
    return site.era is not Era.NO_NONCE or bool(site.page and site.page.bots)


def site_info(site: Site, has_plugin: bool) -> SiteInfo:
    """Return what is known of a site whose session is open and whose page was read."""
    assert site.root is not None
    assert site.era is not None
    return SiteInfo(site.root, site.era, has_plugin, site.page.bots if site.page else ())
