"""Bot walls that answer with a success, wherever they stand."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import Blocked, RouteNotFound

from ..drivers import NO_RETRY, Driver
from ..loopback import HELLO_SITE, Connection, LoopbackServer, Received, response

SITEGROUND = '<html><meta http-equiv="refresh" content="0;/.well-known/sgcaptcha/?r=%2F"></html>'
IMUNIFY = "<!DOCTYPE html><html><head><title>One moment, please...</title></head></html>"
CLOUDFLARE = "<!DOCTYPE html><html><script>window._cf_chl_opt={}</script></html>"
PLAIN = "<!DOCTYPE html><html><title>A site</title></html>"
WALLS = [
    (202, SITEGROUND, "SG-Captcha: challenge"),
    (202, SITEGROUND, "X: y"),
    (202, PLAIN, "SG-Captcha: challenge"),
    (200, IMUNIFY, "X: y"),
    (200, CLOUDFLARE, "CF-RAY: 1"),
    (200, CLOUDFLARE, "X: y"),
    (200, PLAIN, "cf-mitigated: challenge"),
    (403, CLOUDFLARE, "cf-mitigated: challenge"),
]


@pytest.mark.parametrize("where", ["everywhere", "start_session", "page", "chats/submit"])
@pytest.mark.parametrize(("status", "page", "header"), WALLS)
def test_a_bot_wall(status: int, page: str, header: str, where: str, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        kind = "page" if request.method == "GET" else request.target
        if where == "everywhere" or where in kind:
            connection.send(response(page, status, header))
        else:
            HELLO_SITE(connection, request)

    with (
        LoopbackServer(handle) as server,
        driver.client(server.url + "/chat/" * (where == "page"), retry=NO_RETRY) as client,
    ):
        with pytest.raises(Blocked, match="does not bypass bot walls") as caught:
            client.generate("Hi")
        assert caught.value.status == status
        assert len(server.prompts) <= 1


def test_a_page_that_is_no_wall(driver: Driver) -> None:
    """Cloudflare sends CF-RAY with every response of a site."""

    def handle(connection: Connection, request: Received) -> None:
        connection.send(response(PLAIN, 200, "CF-RAY: 1"))

    with LoopbackServer(handle) as server, driver.client(server.url, retry=NO_RETRY) as client:
        with pytest.raises(RouteNotFound):
            client.generate("Hi")


def test_a_site_behind_cloudflare_whose_page_names_another_root(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if request.method == "GET":
            link = 'Link: </api/>; rel="https://api.w.org/"\r\nCF-RAY: 1'
            connection.send(response(PLAIN, 200, link))
        elif request.target.startswith("/wp-json/"):
            connection.send(response(PLAIN, 200, "CF-RAY: 1"))
        else:
            HELLO_SITE(connection, request)

    with LoopbackServer(handle) as server, driver.client(server.url, retry=NO_RETRY) as client:
        assert client.generate("Hi").text == "Hello"
