"""What is found out about a site without a prompt."""

from __future__ import annotations

import json

import pytest

from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from ...loopback import (
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    cut,
    response,
    send,
    stall,
)
from .sites import (
    CLOUDFLARE,
    NO_ROUTE,
    PAGE,
    Inspect,
    buffering_proxy,
    recorded_site,
)


@pytest.mark.parametrize("era", Era)
def test_a_healthy_site(era: Era, inspect: Inspect) -> None:
    with LocalSite(era=era, max_length=99, uploads=False) as site:
        found = inspect(site.url)
        assert (found.report["site"], found.report["root"]) == (site.url, f"{site.url}/wp-json/")
    assert found.code == 0
    assert not site.app.submissions
    assert (found.report["era"], found.report["has_plugin"]) == (era.name, True)
    assert found.report["turn"] is None
    (bot,) = found.report["bots"]
    assert (bot["bot_id"], bot["input_limit"], bot["uploads"]) == ("default", 99, False)
    assert bot["start_sentence"] == "Hi! How can I help you?"
    where = {
        Era.START_SESSION: "The nonce comes from start_session.",
        Era.PAGE_NONCE: "The nonce comes from the page.",
        Era.NO_NONCE: "The plugin needs no nonce.",
    }
    assert found.findings["Session"]["detail"] == where[era]
    assert found.level("AI Engine is old") == (None if era is Era.START_SESSION else "note")
    assert "99 characters, and no files" in found.findings["Chatbot default"]["detail"]


@pytest.mark.parametrize(
    ("version", "front", "era", "plugin"),
    [
        ("1.9.84", "close-delimited", "NO_NONCE", "Version 1.x."),
        ("2.4.0", "close-delimited", "PAGE_NONCE", "Version 2.0.0 to 2.4.3."),
        ("2.6.5", "close-delimited", "START_SESSION", "Version 2.4.4 or later."),
        ("3.6.2", "chunked", "START_SESSION", "Version 3.1.2 or later."),
        ("3.8.1-hybrid", "chunked", "START_SESSION", "Version 3.1.2 or later."),
    ],
)
def test_recorded_sites(version: str, front: str, era: str, plugin: str, inspect: Inspect) -> None:
    with LoopbackServer(recorded_site(version, front)) as server:
        found = inspect(server.url + "/chat/", "--prompt", "Hello there")
        assert len(server.prompts) == 1
    assert (found.code, found.report["era"]) == (0, era)
    old = "AI Engine" if era == "START_SESSION" else "AI Engine is old"
    assert found.findings[old]["detail"] == plugin
    assert found.level("The reply is complete") == "ok"
    assert found.level("The server closes each connection") == "note"
    assert found.report["turn"]["headers"]["content-type"].startswith("text/event-stream")


def test_an_odd_session(inspect: Inspect) -> None:
    with LoopbackServer(send(response({"success": True}))) as server:
        assert inspect(server.url).problems == ["This is not an answer of AI Engine"]


def test_a_site_without_the_plugin(inspect: Inspect) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "_fields=namespaces" in request.target:
            connection.send(response('{"namespaces":["wp/v2"]}'))
        else:
            connection.send(response(PAGE) if request.method == "GET" else NO_ROUTE)

    with LoopbackServer(handle) as server:
        found = inspect(server.url, "--prompt", "Hi")
        assert server.prompts == []
    assert found.problems == ["AI Engine is not active"]
    assert found.report["has_plugin"] is False


def test_no_wordpress_and_no_server(dead_port: int, inspect: Inspect) -> None:
    with LoopbackServer(send(response("<html>", 404))) as server:
        assert inspect(server.url, "--prompt", "Hi").problems == ["AI Engine is not there"]
        assert server.prompts == []
    found = inspect(f"http://127.0.0.1:{dead_port}", "--prompt", "Hi")
    assert list(found.findings) == ["No connection", "The prompt was not sent"]
    with LoopbackServer(cut()) as server:
        assert inspect(server.url).problems == ["The connection broke"]
    with LoopbackServer(stall()) as server:
        assert inspect(server.url, "--timeout", "0.1").problems == ["No answer in time"]


@pytest.mark.parametrize("status", [405, 501])
def test_a_server_that_is_not_wordpress(status: int, inspect: Inspect) -> None:
    with LoopbackServer(send(response("<html>", status))) as server:
        found = inspect(server.url)
    assert found.problems == ["This does not look like WordPress"]
    assert found.findings["This does not look like WordPress"]["advice"] == "Check the address."


@pytest.mark.parametrize(
    ("wall", "advice"),
    [
        (response(CLOUDFLARE, 403, "cf-mitigated: challenge", "Server: cloudflare"), "Bot Fight"),
        (response("<html>", 403, "Server: cloudflare"), "Security > Events"),
        (response("<html>", 202, "SG-Captcha: challenge"), "SiteGround"),
        (response("<html>", 403), "User-Agent begins with chatgpt4online/."),
    ],
)
def test_walls(wall: bytes, advice: str, inspect: Inspect) -> None:
    with LoopbackServer(send(wall)) as server:
        found = inspect(server.url)
    assert found.problems == ["The client is blocked"]
    assert advice in found.findings["The client is blocked"]["advice"]


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_passwords(password: str, inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", password)
    with LocalSite(users={"ann": "right"}) as site:
        found = inspect(site.url, "--user", "ann")
    wrong = password == "wrong"
    assert found.problems == (["The credentials are refused"] if wrong else [])
    if wrong:
        assert "Application Passwords" in found.findings["The credentials are refused"]["advice"]
    else:
        assert found.findings["Credentials"]["detail"] == "The site knows ann."
    assert f'"{password}"' not in found.out


def test_a_user_on_an_old_version(inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", "right")
    with LocalSite(users={"ann": "right"}, era=Era.PAGE_NONCE) as site:
        found = inspect(site.url, "--user", "ann")
    assert found.problems == ["This version lets only guests chat"]


def test_a_hidden_user(inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(connection: Connection, request: Received) -> None:
        hidden = "users/me" in request.target
        (send(NO_ROUTE) if hidden else HELLO_SITE)(connection, request)

    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", "right")
    with LoopbackServer(handle) as server:
        found = inspect(server.url, "--user", "ann")
    assert found.level("The password cannot be checked") == "note"


@pytest.mark.parametrize("token", ["right", "wrong"])
def test_tokens(token: str, inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_TOKEN", token)
    with LocalSite(token="right") as site:
        found = inspect(site.url, "--public-api", "--prompt", "Hi")
        sent = len(site.app.submissions)
    if token == "wrong":
        assert (found.problems, sent) == (["The credentials are refused"], 0)
        advice = found.findings["The credentials are refused"]["advice"]
        assert advice.startswith("The token must be the one in the plugin's settings")
        assert "password" not in advice
    else:
        assert (found.problems, sent) == ([], 1)
        assert found.findings["Streaming"]["detail"] == "The public API does not stream."


@pytest.mark.parametrize(
    ("version", "headers", "level"),
    [
        ("2.4.0", ["X-Cache: HIT", "Age: 90000"], "problem"),
        ("2.4.0", ["X-Cache: HIT from here"], "note"),
        ("2.6.5", ["CF-Cache-Status: HIT", "Age: 90000"], "note"),
        ("2.6.5", ["X-Cache: MISS", "Age: 0"], None),
        ("2.6.5", [f"Age: {'9' * 5000}"], None),
    ],
)
def test_a_cached_page(
    version: str, headers: list[str], level: str | None, inspect: Inspect
) -> None:
    with LoopbackServer(recorded_site(version, "close-delimited", *headers)) as server:
        found = inspect(server.url + "/chat/")
    assert found.level("The page comes from a cache") == level
    assert found.level("Caches") == (None if level else "ok")
    if level:
        finding = found.findings["The page comes from a cache"]
        assert headers[0].lower().partition(":")[0] in finding["detail"]


def test_a_stale_nonce_from_a_cache(inspect: Inspect) -> None:
    page = recorded_site("2.4.0", "close-delimited", "X-Cache: HIT", "Age: 90000")

    def handle(connection: Connection, request: Received) -> None:
        if "chats/submit" in request.target:
            refusal = {"code": "rest_cookie_invalid_nonce", "data": {"status": 403}}
            connection.send(response(json.dumps(refusal), 403))
        else:
            page(connection, request)

    with LoopbackServer(handle) as server:
        found = inspect(server.url + "/chat/", "--prompt", "Hi")
    assert found.problems == ["The page comes from a cache", "The nonce is refused"]
    assert "every cache" in found.findings["The nonce is refused"]["advice"]


def test_a_cached_rest_api(inspect: Inspect) -> None:
    def handle(connection: Connection, request: Received) -> None:
        body = {"success": True, "sessionId": "s1", "restNonce": "n000000001"}
        is_page = request.method == "GET"
        connection.send(response(PAGE) if is_page else response(body, 200, "X-Cache: HIT"))

    with LoopbackServer(handle) as server:
        found = inspect(server.url)
    assert found.problems == ["The REST API comes from a cache"]
    assert found.level("No chatbot is on the page") == "note"


def test_a_rest_api_that_is_closed_to_guests(inspect: Inspect) -> None:
    page = recorded_site("3.6.2", "chunked")

    def handle(connection: Connection, request: Received) -> None:
        if request.method == "GET":
            page(connection, request)
        else:
            connection.send(response('{"code":"rest_login_required","message":"m"}', 401))

    with LoopbackServer(handle) as server:
        found = inspect(server.url, "--prompt", "Hi")
        assert server.prompts == []
    assert found.problems == ["The REST API is closed to guests"]
    assert found.level("Chatbot default") == "ok"
    assert found.report["era"] is None


def test_redirects(inspect: Inspect) -> None:
    with LocalSite() as site:

        def handle(connection: Connection, request: Received) -> None:
            here = "http://127.0.0.1:" + request.headers["host"].partition(":")[2]
            if request.target.startswith("/blog"):
                target = request.target.removeprefix("/blog")
                buffering_proxy(site.url)(
                    connection, Received(request.method, target, request.headers, request.body)
                )
            else:
                location = f"Location: {here}/blog{request.target}"
                connection.send(response("", 301, location))

        with LoopbackServer(handle) as server:
            found = inspect(server.url)
    assert found.code == 0
    assert f"redirects to {server.url}/blog/" in found.findings["Redirect"]["detail"]
    elsewhere = response("", 301, "Location: https://ann:secret@site.invalid/?key=secret")
    with LoopbackServer(send(elsewhere)) as server:
        found = inspect(server.url)
    assert found.problems == ["The site redirects"]
    assert "redirects to https://site.invalid/." in found.findings["Redirect"]["detail"]
    assert "secret" not in found.out


def test_a_page_that_does_not_stream(inspect: Inspect) -> None:
    system = '{"botId":"b1","stream":false}'.replace('"', "&quot;")
    page = response(PAGE.replace("</html>", f"<div data-system='{system}'></div>"))

    def handle(connection: Connection, request: Received) -> None:
        (send(page) if request.method == "GET" else HELLO_SITE)(connection, request)

    with LoopbackServer(handle) as server:
        found = inspect(server.url, "--bot", "b2")
    assert found.level("The page does not stream") == "note"
    assert found.level("Chatbot b2 is not on the page") == "note"
