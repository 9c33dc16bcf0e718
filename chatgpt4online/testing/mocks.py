"""Helpers for tests that mock HTTP in place of a site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..errors import UsageError
from ..protocol.address import parse_address, route
from ..protocol.chat import SUBMIT
from ..protocol.session import START_SESSION
from .events import encode_text

_SESSION = {"success": True, "sessionId": "s1", "restNonce": "0123456789"}
_EVENTS = "text/event-stream"


class Mock(Protocol):
    """What responses and aioresponses have in common."""

    @property
    def post(self) -> Callable[..., Any]:
        """Register a response to POST requests."""


def mock_requests(mock: Mock, site: str, *replies: str) -> None:
    """Register a site, and its replies to prompts in order, with responses.

    Args:
        mock: A `responses.RequestsMock`, or the module `responses` itself.
        site: The home page or the REST root.
        replies: The texts. Without any, register the answer to the prompt yourself.

    Raises:
        UsageError: The site is another page.
    """
    session, prompt = _routes(site)
    mock.post(session, json=_SESSION)
    for text in replies:
        mock.post(prompt, body=encode_text(text), content_type=_EVENTS)


def mock_aiohttp(mock: Mock, site: str, *replies: str) -> None:
    """Register a site, and its replies to prompts in order, with aioresponses.

    Args:
        mock: An `aioresponses.aioresponses`.
        site: The home page or the REST root.
        replies: The texts. Without any, register the answer to the prompt yourself.

    Raises:
        UsageError: The site is another page.
    """
    from .aiohttp_response import MockedResponse

    session, prompt = _routes(site)
    mock.post(session, payload=_SESSION, repeat=True, response_class=MockedResponse)
    for text in replies:
        mock.post(
            prompt,
            body=encode_text(text),
            content_type=_EVENTS,
            response_class=MockedResponse,
        )


def _routes(site: str) -> tuple[str, str]:
    root = parse_address(site).root
    if root is None:
        raise UsageError("The site must be a home page or a REST root: only that has routes.")
    return route(root, START_SESSION), route(root, SUBMIT)
