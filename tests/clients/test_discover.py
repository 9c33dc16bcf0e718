"""`discover`: what is known about a site without sending a prompt."""

from __future__ import annotations

import html
import json

import pytest

from chatgpt4online import Era, PromptTooLong, RouteNotFound, SiteInfo, StatusError
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import HELLO_SITE, Connection, Handler, LoopbackServer, Received, response
from ..recordings import Recording


@pytest.mark.parametrize("era", Era)
@pytest.mark.parametrize("address", ["", "/chat/", "/wp-json/", "/?rest_route=/"])
def test_discover(era: Era, address: str, driver: Driver) -> None:
    with LocalSite(era=era, max_length=99) as site, driver.client(site.url + address) as client:
        info = client.discover()
        assert client.discover() == info
        assert client.generate("Hi").text
    assert not [body for body in site.app.submissions if body["newMessage"] != "Hi"]
    assert (info.era, info.has_plugin) == (era, True)
    assert info.root.startswith(site.url)
    (bot,) = info.bots
    assert (bot.bot_id, bot.custom_id, bot.mode) == ("default", None, "chat")
    assert (bot.start_sentence, bot.input_limit) == ("Hi! How can I help you?", 99)
    assert (bot.uploads, bot.max_uploads, bot.streaming) == (True, 3, True)


def recorded_site(version: str, front: str) -> Handler:
    """Return a handler that serves the recorded page and session of a site."""

    def handle(connection: Connection, request: Received) -> None:
        folder = Recording(f"{version}/{front}/x")
        served = folder.sibling("page", "page-chat")
        if "start_session" in request.target:
            served = folder.sibling("start_session")
        assert served is not None
        connection.send(served.response)
        connection.close()

    return handle


@pytest.mark.parametrize(
    ("version", "front", "era", "bots"),
    [
        ("1.9.84", "close-delimited", Era.NO_NONCE, 1),
        ("2.4.0", "close-delimited", Era.PAGE_NONCE, 2),
        ("2.6.5", "close-delimited", Era.START_SESSION, 2),
        ("3.6.2", "chunked", Era.START_SESSION, 1),
    ],
)
def test_recorded_sites(version: str, front: str, era: Era, bots: int, driver: Driver) -> None:
    with LoopbackServer(recorded_site(version, front)) as server:
        with driver.client(server.url + "/chat/") as client:
            info = client.discover()
        assert isinstance(info, SiteInfo)
        assert (info.era, info.has_plugin, len(info.bots)) == (era, True, bots)
        assert info.root == server.url + "/wp-json/"
        assert {bot.input_limit for bot in info.bots} == {512}
        assert server.prompts == []


def wordpress(namespaces: str, status: int = 200) -> Handler:
    """Return the handler of a WordPress site whose pages have no chatbot."""

    def handle(connection: Connection, request: Received) -> None:
        if "_fields=namespaces" in request.target:
            connection.send(response(namespaces, status))
        elif request.method == "GET":
            connection.send(response('<link rel="https://api.w.org/" href="/wp-json/">'))
        else:
            connection.send(response('{"code":"rest_no_route","data":{"status":404}}', 404))

    return handle


@pytest.mark.parametrize(
    ("namespaces", "has_plugin"),
    [('{"namespaces":["wp/v2"]}', False), ('{"namespaces":["wp/v2","mwai-ui/v1"]}', True)],
)
@pytest.mark.parametrize("address", ["/", "/page/", "/?rest_route=/"])
def test_page_without_chatbot(
    address: str, namespaces: str, has_plugin: bool, driver: Driver
) -> None:
    with LoopbackServer(wordpress(namespaces)) as server:
        with driver.client(server.url + address) as client:
            info = client.discover()
    assert (info.has_plugin, info.bots, info.era) == (has_plugin, (), Era.NO_NONCE)
    assert server.prompts == []


def test_failing_rest_index(driver: Driver) -> None:
    with LoopbackServer(wordpress("no", 500)) as server, driver.client(server.url) as client:
        with pytest.raises(StatusError):
            client.discover()


def test_not_wordpress(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        connection.send(response("<html>", 404))

    with LoopbackServer(handle) as server, driver.client(server.url) as client:
        with pytest.raises(RouteNotFound):
            client.discover()


def test_discovered_limit_is_checked(driver: Driver) -> None:
    with LocalSite(max_length=5) as site, driver.client(site.url) as client:
        client.discover()
        assert client.generate("\U0001f469" * 5).text
        with pytest.raises(PromptTooLong, match="has 6 characters; the site accepts 5") as caught:
            client.generate("123456")
    assert (caught.value.length, caught.value.limit) == (6, 5)
    assert len(site.app.submissions) == 1


@pytest.mark.parametrize(("address", "chosen"), [("/", "default"), ("/chat/", "shop")])
def test_what_is_read_later_does_not_change_the_chatbot(
    address: str, chosen: str, driver: Driver
) -> None:
    shown = html.escape(json.dumps({"botId": "shop"}))
    page = (
        f"<html><link rel='https://api.w.org/' href='/wp-json/'><div data-system='{shown}' "
        "data-params='{}'></div></html>"
    )

    def handle(connection: Connection, request: Received) -> None:
        if request.method == "GET":
            connection.send(response(page, 200, "Content-Type: text/html"))
        else:
            HELLO_SITE(connection, request)

    with LoopbackServer(handle) as server, driver.client(server.url + address) as client:
        client.generate("Hi")
        client.discover()
        client.generate("Hi")
        assert [prompt.json["botId"] for prompt in server.prompts] == [chosen, chosen]


def test_rest_api_closed_with_a_web_page(driver: Driver) -> None:
    recorded = recorded_site("3.6.2", "chunked")

    def handle(connection: Connection, request: Received) -> None:
        if request.method == "POST":
            connection.send(response("<html>Forbidden</html>", 403))
        else:
            recorded(connection, request)

    with LoopbackServer(handle) as server, driver.client(server.url + "/chat/") as client:
        info = client.discover()
        assert (info.era, len(info.bots)) == (None, 1)
