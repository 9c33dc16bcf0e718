"""The report: which site it is about, how it looks, and what is never in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ...clients.known_secrets import COOKIE, NONCE, PASSWORD, PROMPT, assert_no_secrets, echo
from ...clients.known_secrets import site_with_secrets as secret_site
from ...loopback import (
    CERTIFICATE,
    HELLO_SITE,
    Connection,
    LoopbackServer,
    Received,
    proxy_server,
    response,
    send,
    tls_context,
)
from .sites import (
    CLOUDFLARE,
    LONG_PROMPT,
    PAGE,
    Inspect,
    buffering_proxy,
    plain_site,
)


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
    capsys.readouterr()
    assert inspect("--demo").report["bots"]


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


def test_certificates_of_the_environment(inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackServer(plain_site(HELLO_SITE), tls=tls_context()) as server:
        found = inspect(server.url)
        assert found.problems == ["No connection"]
        assert "certificate" in found.findings["No connection"]["detail"]
        monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
        assert inspect(server.url).code == 0


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
    docs = (Path(__file__).parents[3] / "docs" / "command.rst").read_text(encoding="utf-8")
    assert "".join(f"    {line}".rstrip() + "\n" for line in out.splitlines()) in docs
