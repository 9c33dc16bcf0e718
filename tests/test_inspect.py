"""``inspect``: what it finds out about sites, and what it advises."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from chatgpt4online.cli import main
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite

from .clients.known_secrets import COOKIE, NONCE, PASSWORD, PROMPT, assert_no_secrets, echo
from .clients.known_secrets import site_with_secrets as secret_site
from .loopback import (
    CHUNKED,
    HELLO_SITE,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    end,
    live,
    proxy_server,
    reply_with,
    response,
    send,
)
from .recordings import Recording

LONG_PROMPT = "one two three four five six seven eight nine ten eleven twelve"
PAGE = '<!DOCTYPE html><html><link rel="https://api.w.org/" href="/wp-json/"></html>'
NO_ROUTE = response('{"code":"rest_no_route","data":{"status":404}}', 404)
WALL_TITLES = ("The client is blocked", "Too many requests", "WordPress is in maintenance")
CLOUDFLARE = "<!DOCTYPE html><html><title>Just a moment...</title></html>"


class Inspection:
    """An inspection with ``--json``, by the titles of its findings."""

    def __init__(self, code: int, out: str) -> None:
        self.code = code
        self.out = out
        self.report: dict[str, Any] = json.loads(out)
        self.findings = {item["title"]: item for item in self.report["findings"]}

    def level(self, title: str) -> str | None:
        finding = self.findings.get(title)
        return None if finding is None else finding["level"]

    @property
    def problems(self) -> list[str]:
        return [title for title in self.findings if self.level(title) == "problem"]


Inspect = Callable[..., Inspection]


def plain_site(submit: Handler) -> Handler:
    """Return the handler of a site whose page shows no chatbot."""

    def handle(connection: Connection, request: Received) -> None:
        is_page = request.method == "GET" and "users/me" not in request.target
        (send(response(PAGE)) if is_page else ai_site(submit))(connection, request)

    return handle


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_CONFIG", str(tmp_path / "config.toml"))


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture[str]) -> Inspect:
    def run(*arguments: str) -> Inspection:
        code = main(["inspect", *arguments, "--json"])
        inspection = Inspection(code, capsys.readouterr().out)
        assert code == (1 if inspection.problems else 0)
        assert all(item["advice"] for item in inspection.findings.values() if item["level"] != "ok")
        return inspection

    return run


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that lets so many seconds pass whenever the time is read."""

    def tick(seconds: float) -> None:
        times = itertools.count()
        monkeypatch.setattr(
            "chatgpt4online.cli.inspection.traffic.monotonic", lambda: next(times) * seconds
        )

    return tick


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


def recorded_site(version: str, front: str, *headers: str, turn: str = "stream-hello") -> Handler:
    """Return the handler of a recorded site, whose page has more headers."""

    def handle(connection: Connection, request: Received) -> None:
        folder = Recording(f"{version}/{front}/x")
        is_page = request.method == "GET"
        served = folder.sibling("page", "page-chat") if is_page else folder.sibling(turn)
        if "start_session" in request.target:
            served = folder.sibling("start_session")
        assert served is not None
        head, _, rest = served.response.partition(b"\r\n")
        more = "".join(f"{line}\r\n" for line in headers * is_page).encode()
        connection.send(head + b"\r\n" + more + rest)
        connection.close()

    return handle


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


def buffering_proxy(site: str, *headers: str, gzipped: bool = False) -> Handler:
    """Return the handler of a proxy that passes a reply on once it has all of it."""

    def handle(connection: Connection, request: Received) -> None:
        names = ("accept", "content-type", "x-wp-nonce", "cookie")
        passed = {name: request.headers[name] for name in names if name in request.headers}
        with requests.Session() as session:
            session.trust_env = False
            url = site + request.target
            got = session.request(request.method, url, data=request.body, headers=passed)
        lines = [f"Content-Type: {got.headers['Content-Type']}", *headers]
        if "Set-Cookie" in got.headers:
            lines.append(f"Set-Cookie: {got.headers['Set-Cookie']}")
        body = got.content
        if gzipped:
            body = gzip.compress(body)
            lines.append("Content-Encoding: gzip")
        connection.send(response(body, got.status_code, *lines))

    return handle


@pytest.mark.parametrize(
    ("headers", "gzipped", "advice"),
    [
        (["Server: nginx/1.22"], False, "nginx: proxy_buffering off"),
        ([], False, "nginx: proxy_buffering off"),
        (["Server: LiteSpeed"], False, "LiteSpeed: Response Buffering"),
        (["Server: Apache"], True, "Compress everything but text/event-stream"),
        (["Server: Apache"], False, "flushpackets=on"),
        (["Server: cloudflare", "CF-RAY: 1"], False, "Cloudflare: a configuration rule"),
    ],
)
def test_a_site_behind_a_buffering_proxy(
    headers: list[str],
    gzipped: bool,
    advice: str,
    inspect: Inspect,
    ticks: Callable[[float], None],
) -> None:
    ticks(2.0)
    with (
        LocalSite() as site,
        LoopbackServer(buffering_proxy(site.url, *headers, gzipped=gzipped)) as proxy,
    ):
        found = inspect(proxy.url, "--prompt", LONG_PROMPT)
    assert found.problems == ["Something buffers the stream"]
    assert advice in found.findings["Something buffers the stream"]["advice"]
    assert "all at once" in found.findings["Something buffers the stream"]["detail"]
    assert found.level("The reply is compressed with gzip") == ("note" if gzipped else None)
    assert found.report["turn"]["bursts"] == 1


def test_the_same_site_without_the_proxy(inspect: Inspect, ticks: Callable[[float], None]) -> None:
    ticks(2.0)
    with LocalSite() as site:
        found = inspect(site.url, "--prompt", LONG_PROMPT)
        assert len(site.app.submissions) == 1
    assert (found.code, found.level("Streaming")) == (0, "ok")
    assert found.level("Keep-alive") == "ok"
    assert found.report["turn"]["pieces"] == found.report["turn"]["bursts"] == 16


def test_a_reply_in_bursts(inspect: Inspect, ticks: Callable[[float], None]) -> None:
    ticks(2.0)
    burst = live("word ") * 12
    with LoopbackServer(plain_site(reply_with(burst, burst, burst, end("word " * 36)))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.problems == ["Something buffers the stream"]
    assert "36 pieces came in 3 bursts" in found.findings["Something buffers the stream"]["detail"]


def test_a_model_that_thinks_before_it_is_quick(
    inspect: Inspect, ticks: Callable[[float], None]
) -> None:
    ticks(2.0)
    status = b'data: {"type":"live","subtype":"status","data":"Thinking..."}\n\n'
    reply = live("word ") * 12 + end("word " * 12)
    with LoopbackServer(plain_site(reply_with(status, reply))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.level("It cannot be told whether the reply streams") == "note"


def test_a_short_reply_tells_nothing(inspect: Inspect, ticks: Callable[[float], None]) -> None:
    ticks(2.0)
    with LoopbackServer(plain_site(reply_with(live("Hel") + live("lo") + end()))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.level("It cannot be told whether the reply streams") == "note"
    assert found.code == 0


@pytest.mark.parametrize(
    ("submit", "title"),
    [
        (send(response({"success": True, "reply": "Hello"}, 200, "Content-Type: application/json")),
         "The site does not stream"),
        (reply_with(live("x" * 200) + end("x" * 200)), "The chatbot does not stream"),
        (reply_with(b'data: {"type":"error","data":"Out of credit."}\n\n'), "The reply failed"),
        (send(response({"success": False, "message": "No."}, 403)), "The prompt is rejected"),
        (send(response({"success": False, "message": "", "overLimit": True}, 429)),
         "The usage limit is reached"),
        (cut(CHUNKED + chunk(live("Hel"))), "The reply broke off"),
        (send(response("<b>Fatal error</b>", 500)), "The site has an error of its own"),
        (send(response(CLOUDFLARE, 403)), "The client is blocked"),
        (send(response("", 429, "Retry-After: 1")), "Too many requests"),
        (send(response('{"code":"wp_die","message":"m"}', 503)), "WordPress is in maintenance"),
        (send(NO_ROUTE), "AI Engine is not there"),
        (send(response("", 302, "Location: https://site.invalid/?secret=1")),
         "The site redirects"),
    ],
)  # fmt: skip
def test_a_turn_that_fails(submit: Handler, title: str, inspect: Inspect) -> None:
    with LoopbackServer(plain_site(submit)) as server:
        found = inspect(server.url, "--prompt", "Hi")
        assert len(server.prompts) == 1
    assert found.problems == [title]
    assert found.level("Walls") == (None if title in WALL_TITLES else "ok")
    assert "secret" not in found.out


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
    found = inspect(f"http://127.0.0.1:{dead_port}")
    assert found.problems == list(found.findings) == ["No connection"]


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
        found = inspect(site.url, "--token", "--prompt", "Hi")
        sent = len(site.app.submissions)
    if token == "wrong":
        assert (found.problems, sent) == (["The credentials are refused"], 0)
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


def test_no_secret_is_shown(
    inspect: Inspect, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(connection: Connection, request: Received) -> None:
        said = {"success": False, "message": echo(request)}
        connection.send(response(said, 403, f"X-Echo: {NONCE}", f"Set-Cookie: a={COOKIE}"))

    def submit(connection: Connection, request: Received) -> None:
        (send(response(PAGE)) if request.method == "GET" else refuse)(connection, request)

    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", PASSWORD)
    with LoopbackServer(secret_site(submit)) as server:
        arguments = [server.url, "--user", "ann", "--prompt", PROMPT]
        found = inspect(*arguments)
        assert main(["inspect", *arguments]) == 1
        text = found.out + "".join(capsys.readouterr())
    assert found.problems == ["The prompt is rejected"]
    assert_no_secrets(text)
    assert PROMPT not in text


def test_proxies(inspect: Inspect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine site.invalid login ann password secret")
    monkeypatch.setenv("NETRC", str(netrc))
    targets: list[str] = []
    with LoopbackServer(proxy_server(targets)) as proxy:
        inspect("http://site.invalid", "--proxy", proxy.url)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        found = inspect("http://site.invalid", "--prompt", "Hi")
        assert found.level("The reply is complete") == "ok"
        assert found.level("The site uses plain http") == "note"
        assert not [item for item in proxy.requests if "authorization" in item.headers]
        seen = len(targets)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with LocalSite() as site:
            assert inspect(site.url).code == 0
        assert len(targets) == seen > 0
    assert targets[0].startswith("http://site.invalid/")


def test_which_site(
    inspect: Inspect,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    with LocalSite() as site:
        (tmp_path / "config.toml").write_text(f'[sites.shop]\nurl = "{site.url}"\n')
        assert inspect("shop").report["site"] == site.url
        assert inspect("--site", "shop").code == 0
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
        assert inspect().code == 0
    for arguments in (["a.example", "--site", "b.example"], ["x"], ["a.example"], ["x", "--demo"]):
        assert main(["inspect", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err[:16]) == ("", "chatgpt4online: ")
    with LocalSite() as site:
        assert main(["inspect", site.url, "--prompt", ""]) == 2


def test_the_report_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with LoopbackServer(send(response(CLOUDFLARE, 403))) as server:
        assert main(["inspect", server.url]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == server.url
    assert "problem  The client is blocked" in lines
    assert any(line.startswith("         What to do: ") for line in lines)
    assert lines[-1] == "1 problem, no notes."
    assert max(map(len, lines)) <= 60


def test_the_example_in_the_docs(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    ticks: Callable[[float], None],
) -> None:
    ticks(2.0)
    monkeypatch.setenv("COLUMNS", "80")
    with LocalSite() as site, LoopbackServer(buffering_proxy(site.url, "Server: nginx")) as proxy:
        assert main(["inspect", proxy.url, "--prompt", LONG_PROMPT]) == 1
        out = capsys.readouterr().out.replace(proxy.url, "https://example.com")
    docs = (Path(__file__).parent.parent / "docs" / "command.rst").read_text(encoding="utf-8")
    assert "".join(f"    {line}".rstrip() + "\n" for line in out.splitlines()) in docs
