"""No error, log record or repr reveals nonces, cookies or credentials."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import requests

from chatgpt4online import (
    AsyncClient,
    ChatError,
    Client,
    Limits,
    Message,
    QueryRejected,
    Timeout,
    UsageError,
)

from ..drivers import NO_RETRY, AsyncDriver, Driver
from ..loopback import (
    CHUNKED,
    HELLO,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    end,
    live,
    response,
    send,
    stall,
)
from .known_secrets import (
    COOKIE,
    NONCE,
    PASSWORD,
    PROMPT,
    TOKEN,
    assert_no_secrets,
    echo,
    error_details,
    site_with_secrets,
)

REDACTED = "[…]"


def echoing(make: Callable[[str], bytes]) -> Handler:
    """Return a handler whose response echoes the secrets in the request."""
    return lambda connection, request: connection.send(make(echo(request)))


def event(kind: str, data: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, "data": data}).encode() + b"\n\n"


RESPONSES: dict[str, Handler] = {
    "close": cut(),
    "reset": cut(reset=True),
    "stall": stall(),
    "stall in reply": stall(CHUNKED + chunk(live("Hello"))),
    "close in reply": cut(CHUNKED + chunk(live("Hello"))),
    "not HTTP": send(b"what\r\n\r\n"),
    "malformed header": send(b"HTTP/1.1 200 OK\r\nBroken\r\n\r\n"),
    "malformed chunk": send(CHUNKED + b"xyz\r\n"),
    "malformed gzip": send(response(b"not gzip", 200, "Content-Encoding: gzip")),
    "web page": echoing(lambda text: response(f"<html>{text}", 403)),
    "redirect": echoing(lambda text: response("", 302, "Location: /moved")),
    "rejected": echoing(lambda text: response({"success": False, "message": text}, 400)),
    "limit reached": echoing(lambda text: response({"success": False, "message": text}, 429)),
    "WordPress error": echoing(lambda text: response({"code": text, "message": text}, 500)),
    "no route": echoing(lambda text: response({"code": "rest_no_route", "message": text}, 404)),
    "nonce rejected": echoing(
        lambda text: response({"code": "rest_cookie_invalid_nonce", "message": text}, 403)
    ),
    "error event": echoing(lambda text: response(event("error", text))),
    "failed end event": echoing(
        lambda text: response(event("end", json.dumps({"success": False, "message": text})))
    ),
    "approval": echoing(lambda text: response(end("", approval={"tool": text}))),
    "malformed end event": echoing(lambda text: response(event("end", text))),
    "long line": echoing(lambda text: response(f"data: {text}" + "x" * 9000)),
    "status line": echoing(lambda text: text.encode() + b"\r\n\r\n"),
    "chunk size": echoing(lambda text: CHUNKED + text.encode() + b"\r\n"),
}


@pytest.fixture
def all_logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def failure_of(driver: Driver, site: str, **options: Any) -> ChatError:
    """Return the error of a prompt to a site."""
    client = driver.client(
        site,
        auth=options.pop("auth", ("ann", PASSWORD)),
        retry=NO_RETRY,
        timeout=Timeout(idle=0.15),
        limits=Limits(line=5000),
        **options,
    )
    with client:
        with pytest.raises(ChatError) as caught:
            client.generate(PROMPT)
        assert_no_secrets(repr(getattr(client, "inner", client)))
    return caught.value


@pytest.mark.parametrize("name", RESPONSES)
def test_errors_and_logs(name: str, driver: Driver, all_logs: pytest.LogCaptureFixture) -> None:
    if isinstance(driver, AsyncDriver):
        driver.runner.get_loop().set_debug(True)
    with LoopbackServer(site_with_secrets(RESPONSES[name])) as server:
        error = failure_of(driver, server.url)
        assert any(NONCE in request.headers.get("x-wp-nonce", "") for request in server.prompts)
        assert any(COOKIE in request.headers.get("cookie", "") for request in server.prompts)
    assert_no_secrets(error_details(error))
    assert_no_secrets(error_details(pickle.loads(pickle.dumps(error))))
    assert_no_secrets(all_logs.text)
    assert PROMPT not in all_logs.text


@pytest.mark.parametrize(
    "header",
    ["Set-Cookie {}", "Set-Cookie : {}", "Set-Cookie: {}\0", "Set-Cookie: " + "x" * 70000 + "{}"],
)
def test_malformed_headers(header: str, driver: Driver) -> None:
    """The client has never seen the cookie before, so it cannot recognize it."""
    head = "HTTP/1.1 200 OK\r\n" + header.format(COOKIE) + "\r\n\r\n"
    with LoopbackServer(ai_site(send(head.encode()))) as server:
        error = failure_of(driver, server.url)
    assert_no_secrets(error_details(error))


@pytest.mark.parametrize("name", ["close", "WordPress error", "rejected"])
def test_errors_with_token(name: str, driver: Driver) -> None:
    with LoopbackServer(RESPONSES[name]) as server:
        error = failure_of(driver, server.url, auth=None, token=TOKEN)
        assert TOKEN in server.requests[0].headers["authorization"]
    assert TOKEN not in error_details(error)


@pytest.mark.parametrize("name", ["close", "WordPress error", "web page"])
def test_errors_of_opening_a_session(name: str, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        RESPONSES[name](connection, Received("GET", "/", {"cookie": COOKIE}, b""))

    with LoopbackServer(handle) as server:
        error = failure_of(driver, server.url, headers={"Cookie": f"own={COOKIE}"})
        assert COOKIE in server.requests[0].headers["cookie"]
    assert COOKIE not in error_details(error)


@pytest.mark.parametrize(
    "arguments",
    [
        {"auth": ("a:b", PASSWORD)},
        {"auth": (PASSWORD,)},
        {"token": TOKEN + "\n"},
        {"auth": ("ann", PASSWORD), "token": TOKEN},
        {"headers": {"Cookie": COOKIE + "\r\n"}},
        {"headers": {"Cookie": " " + COOKIE}},
        {"proxy": f"socks6://ann:{PASSWORD}@127.0.0.1"},
        {"site": f"https://ann:{PASSWORD}@site.invalid"},
        {"site": f"ftp://ann:{PASSWORD}@site.invalid"},
    ],
)
def test_errors_of_invalid_arguments(arguments: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError) as caught:
        driver.client(**{"site": "http://127.0.0.1:1", **arguments})
    error = caught.value
    assert_no_secrets(str(error) + repr(error) + repr(error.__cause__))


def test_proxy_password(dead_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Injected sessions may read the proxy from the environment themselves."""
    monkeypatch.setenv("HTTP_PROXY", f"http://ann:{TOKEN}@127.0.0.1:{dead_port}")
    driver, errors = AsyncDriver(), []

    async def run() -> None:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            AsyncClient("http://site.invalid", session=session, retry=NO_RETRY) as client,
        ):
            with pytest.raises(ChatError) as caught:
                await client.generate(PROMPT)
            errors.append(caught.value)

    driver.runner.run(run())
    with requests.Session() as session:
        for injected in (session, None):
            with Client("http://site.invalid", session=injected, retry=NO_RETRY) as client:
                with pytest.raises(ChatError) as caught:
                    client.generate(PROMPT)
                errors.append(caught.value)
    driver.close()
    for error in errors:
        assert_no_secrets(error_details(error))


def test_reprs(driver: Driver) -> None:
    with (
        LoopbackServer(site_with_secrets(HELLO)) as server,
        driver.client(server.url, auth=("ann", PASSWORD), headers={"X": "1"}) as client,
    ):
        chat = client.conversation(messages=[Message("user", PROMPT)])
        chat.generate(PROMPT)
        for value in (Message("user", PROMPT), chat, getattr(client, "inner", client)):
            assert_no_secrets(repr(value))
            assert PROMPT not in repr(value)


def rejecting(message: str) -> Handler:
    return site_with_secrets(send(response({"success": False, "message": message}, 400)))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (f"nonce {NONCE} refused", f"nonce {REDACTED} refused"),
        (
            f"<b>Wrong</b> password {PASSWORD}, cookie={COOKIE}.",
            f"Wrong password {REDACTED}, cookie={REDACTED}.",
        ),
        (f"Wrong: {PASSWORD.replace(' ', '')}", f"Wrong: {REDACTED}"),
        (f"'{PROMPT}' is banned.", f"'{PROMPT}' is banned."),
    ],
)
def test_echoed_secrets_are_redacted(message: str, expected: str, driver: Driver) -> None:
    with (
        LoopbackServer(rejecting(message)) as server,
        driver.client(server.url, auth=("ann", PASSWORD)) as client,
    ):
        with pytest.raises(QueryRejected) as caught:
            client.generate(PROMPT)
    assert caught.value.message == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", f"Bearer {TOKEN}"),
        ("Authorization", f"Bearer\t{TOKEN}"),
        ("authorization", f"Bearer  {TOKEN} "),
        ("cookie", f"a={COOKIE}; b={TOKEN}"),
        ("Cookie", f'a="{TOKEN}"'),
        ("Cookie", f"a={TOKEN.replace('-', '%2D')}"),
    ],
)
def test_credentials_in_headers_are_secret(name: str, value: str, driver: Driver) -> None:
    with pytest.raises(ChatError, match="plain http"):
        driver.client("http://site.invalid", headers={name: value})
    with (
        LoopbackServer(rejecting(f"No such session: {TOKEN}")) as server,
        driver.client(server.url, headers={name: value}) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    assert str(caught.value).endswith(f"No such session: {REDACTED}")


def test_replaced_cookie_is_still_secret(driver: Driver) -> None:
    count = iter(range(1000))

    def submit(connection: Connection, request: Received) -> None:
        if "list" in request.target:
            cookie = f"Set-Cookie: mwai_session_id=another{next(count)}; path=/"
            connection.send(response({"success": True, "data": {"files": []}}, 200, cookie))
        else:
            connection.send(response({"success": False, "message": f"no {COOKIE}"}, 400))

    with LoopbackServer(site_with_secrets(submit)) as server, driver.client(server.url) as client:
        for _ in range(3):
            client.list_files()
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    assert str(caught.value).endswith(f"no {REDACTED}")
