"""Finding out about a site without sending a prompt."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt4online.errors import AuthenticationError, Blocked, ProtocolError, StatusError
from chatgpt4online.protocol.discovery import SiteInfo, discover
from chatgpt4online.protocol.http import Response
from chatgpt4online.protocol.site import Era, User

from .flows import (
    HTML_PAGE,
    NO_ROUTE,
    NONCE_PAGE,
    OLD_PAGE,
    OPENED,
    PLAIN_PAGE,
    ROOT,
    START_SESSION,
    Script,
    answer,
    new_site,
)

HOME = "GET http://a.b/"
NAMESPACES = f"GET {ROOT}?_fields=namespaces"
NOT_FOUND = Response(404, {}, HTML_PAGE.body)
WITH_PLUGIN = answer(namespaces=["wp/v2", "mwai-ui/v1"])
WITHOUT_PLUGIN = answer(namespaces=["wp/v2"])


def discovered(*responses: Response, address: str = "http://a.b") -> tuple[SiteInfo, list[str]]:
    script = Script(new_site(address), *responses)
    return script.run(discover(script.site)), script.sent


@pytest.mark.parametrize(
    ("responses", "sent", "era", "has_plugin", "bots"),
    [
        ([OPENED, PLAIN_PAGE], [START_SESSION, HOME], Era.START_SESSION, True, 1),
        ([OPENED, NOT_FOUND], [START_SESSION, HOME], Era.START_SESSION, True, 0),
        ([NO_ROUTE, NONCE_PAGE], [START_SESSION, HOME], Era.PAGE_NONCE, True, 2),
        ([NO_ROUTE, OLD_PAGE], [START_SESSION, HOME], Era.NO_NONCE, True, 1),
        (
            [NO_ROUTE, HTML_PAGE, WITH_PLUGIN],
            [START_SESSION, HOME, NAMESPACES],
            Era.NO_NONCE,
            True,
            0,
        ),
        (
            [NO_ROUTE, NOT_FOUND, WITHOUT_PLUGIN],
            [START_SESSION, HOME, NAMESPACES],
            Era.NO_NONCE,
            False,
            0,
        ),
    ],
)
def test_discover(
    responses: list[Response], sent: list[str], era: Era, has_plugin: bool, bots: int
) -> None:
    info, requests = discovered(*responses)
    assert requests == sent
    assert (info.root, info.era, info.has_plugin) == (ROOT, era, has_plugin)
    assert len(info.bots) == bots


def test_page_is_read_once() -> None:
    script = Script(new_site("http://a.b/chat/"), PLAIN_PAGE, OPENED)
    first = script.run(discover(script.site))
    assert script.run(discover(script.site)) == first
    assert script.sent == ["GET http://a.b/chat/", START_SESSION]


def test_root_in_the_query() -> None:
    info, sent = discovered(NO_ROUTE, HTML_PAGE, WITH_PLUGIN, address="http://a.b/?rest_route=/")
    assert sent[-1] == "GET http://a.b/?rest_route=/&_fields=namespaces"
    assert info.has_plugin


@pytest.mark.parametrize("fields", [{}, {"namespaces": None}, {"namespaces": "mwai-ui/v1"}])
def test_root_without_namespaces(fields: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="does not list its namespaces"):
        discovered(NO_ROUTE, HTML_PAGE, answer(**fields))


def test_root_that_is_not_json() -> None:
    with pytest.raises(ProtocolError, match="does not list its namespaces"):
        discovered(NO_ROUTE, HTML_PAGE, HTML_PAGE)


def test_root_that_fails() -> None:
    with pytest.raises(StatusError, match="HTTP status 500"):
        discovered(NO_ROUTE, HTML_PAGE, Response(500))


CLOSED = Response(401, {}, b'{"code":"rest_login_required","message":"no","data":{"status":401}}')


def test_closed_rest_api_and_a_readable_page() -> None:
    script = Script(new_site(), CLOSED, PLAIN_PAGE)
    info = script.run(discover(script.site))
    assert (info.era, info.has_plugin, info.root) == (None, True, "http://a.b/wp-json/")
    assert [bot.bot_id for bot in info.bots] == ["default"]


def test_closed_rest_api_and_a_page_without_chatbots() -> None:
    script = Script(new_site(), CLOSED, HTML_PAGE)
    with pytest.raises(StatusError, match="rest_login_required"):
        script.run(discover(script.site))


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (503, Blocked)])
def test_what_a_readable_page_does_not_excuse(status: int, kind: type[StatusError]) -> None:
    site = new_site()
    site.user = User.UNVERIFIED
    refusal = Response(status, {}, b'{"code":"x","message":"no"}')
    with pytest.raises(kind):
        Script(site, OPENED, refusal).run(discover(site))
