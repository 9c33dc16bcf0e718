"""Nonces, cookies and credentials are shown nowhere."""

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
    RetryPolicy,
    Timeout,
    UsageError,
)

from .drivers import AsyncDriver, Driver
from .hidden import (
    COOKIE,
    NONCE,
    PASSWORD,
    PROMPT,
    TOKEN,
    all_shown,
    check_nothing_is_shown,
    echo,
    opened_site,
)
from .loopback import (
    CHUNKED,
    HELLO,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    answer,
    chunk,
    cut,
    live,
    send,
    stall,
)

ONCE = RetryPolicy(attempts=1)
MARK = "[…]"


def echoing(make: Callable[[str], bytes]) -> Handler:
    return lambda connection, request: connection.send(make(echo(request)))


def event(kind: str, data: Any) -> bytes:
    return b"data: " + json.dumps({"type": kind, "data": data}).encode() + b"\n\n"


ANSWERS: dict[str, Handler] = {
    "cut": cut(),
    "reset": cut(reset=True),
    "stall": stall(),
    "stall in the reply": stall(CHUNKED + chunk(live("Hello"))),
    "cut in the reply": cut(CHUNKED + chunk(live("Hello"))),
    "not HTTP": send(b"what\r\n\r\n"),
    "a broken header": send(b"HTTP/1.1 200 OK\r\nBroken\r\n\r\n"),
    "broken chunks": send(CHUNKED + b"xyz\r\n"),
    "broken gzip": send(answer(b"not gzip", 200, "Content-Encoding: gzip")),
    "a web page": echoing(lambda text: answer(f"<html>{text}", 403)),
    "a redirect": echoing(lambda text: answer("", 302, "Location: /moved")),
    "a refusal": echoing(lambda text: answer({"success": False, "message": text}, 400)),
    "a limit": echoing(lambda text: answer({"success": False, "message": text}, 429)),
    "a WordPress error": echoing(lambda text: answer({"code": text, "message": text}, 500)),
    "no route": echoing(lambda text: answer({"code": "rest_no_route", "message": text}, 404)),
    "a refused nonce": echoing(
        lambda text: answer({"code": "rest_cookie_invalid_nonce", "message": text}, 403)
    ),
    "an error event": echoing(lambda text: answer(event("error", text))),
    "an end that failed": echoing(
        lambda text: answer(event("end", json.dumps({"success": False, "message": text})))
    ),
    "an unreadable end": echoing(lambda text: answer(event("end", text))),
    "a long line": echoing(lambda text: answer(f"data: {text}" + "x" * 9000)),
    "a status line": echoing(lambda text: text.encode() + b"\r\n\r\n"),
    "a chunk size": echoing(lambda text: CHUNKED + text.encode() + b"\r\n"),
}


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


def ask(driver: Driver, site: str, **options: Any) -> ChatError:
    client = driver.client(
        site,
        auth=options.pop("auth", ("ann", PASSWORD)),
        retry=ONCE,
        timeout=Timeout(idle=0.15),
        limits=Limits(line=5000),
        **options,
    )
    with client:
        with pytest.raises(ChatError) as caught:
            client.generate(PROMPT)
        check_nothing_is_shown(repr(getattr(client, "inner", client)))
    return caught.value


@pytest.mark.parametrize("name", ANSWERS)
def test_no_error_shows_a_secret(
    name: str, driver: Driver, everything_logged: pytest.LogCaptureFixture
) -> None:
    if isinstance(driver, AsyncDriver):
        driver.runner.get_loop().set_debug(True)
    with LoopbackServer(opened_site(ANSWERS[name])) as server:
        error = ask(driver, server.url)
        assert any(NONCE in request.headers.get("x-wp-nonce", "") for request in server.prompts)
        assert any(COOKIE in request.headers.get("cookie", "") for request in server.prompts)
    check_nothing_is_shown(all_shown(error))
    check_nothing_is_shown(all_shown(pickle.loads(pickle.dumps(error))))
    check_nothing_is_shown(everything_logged.text)
    assert PROMPT not in everything_logged.text


@pytest.mark.parametrize("name", ["cut", "a WordPress error", "a refusal"])
def test_no_error_shows_a_token(name: str, driver: Driver) -> None:
    with LoopbackServer(ANSWERS[name]) as server:
        error = ask(driver, server.url, auth=None, token=TOKEN)
        assert TOKEN in server.requests[0].headers["authorization"]
    assert TOKEN not in all_shown(error)


@pytest.mark.parametrize("name", ["cut", "a WordPress error", "a web page"])
def test_no_error_of_opening_a_session_shows_a_secret(name: str, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        ANSWERS[name](connection, Received("GET", "/", {"cookie": COOKIE}, b""))

    with LoopbackServer(handle) as server:
        error = ask(driver, server.url, headers={"Cookie": f"theirs={COOKIE}"})
        assert COOKIE in server.requests[0].headers["cookie"]
    assert COOKIE not in all_shown(error)


@pytest.mark.parametrize(
    "wrong",
    [
        {"auth": ("a:b", PASSWORD)},
        {"auth": (PASSWORD,)},
        {"token": TOKEN + "\n"},
        {"auth": ("ann", PASSWORD), "token": TOKEN},
        {"headers": {"Cookie": COOKIE + "\r\n"}},
        {"headers": {"Cookie": " " + COOKIE}},
        {"proxy": f"socks5://ann:{PASSWORD}@127.0.0.1"},
        {"site": f"https://ann:{PASSWORD}@site.invalid"},
        {"site": f"ftp://ann:{PASSWORD}@site.invalid"},
    ],
)
def test_no_invalid_argument_shows_a_secret(wrong: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError) as caught:
        driver.client(**{"site": "http://127.0.0.1:1", **wrong})
    error = caught.value
    check_nothing_is_shown(str(error) + repr(error) + repr(error.__cause__))


def test_the_password_of_a_proxy_is_not_shown(
    dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even that of an injected session that reads the environment itself."""
    monkeypatch.setenv("HTTP_PROXY", f"http://ann:{TOKEN}@127.0.0.1:{dead_port}")
    driver, errors = AsyncDriver(), []

    async def run() -> None:
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            AsyncClient("http://site.invalid", session=session, retry=ONCE) as client,
        ):
            with pytest.raises(ChatError) as caught:
                await client.generate(PROMPT)
            errors.append(caught.value)

    driver.runner.run(run())
    with requests.Session() as session:
        for given in (session, None):
            with Client("http://site.invalid", session=given, retry=ONCE) as client:
                with pytest.raises(ChatError) as caught:
                    client.generate(PROMPT)
                errors.append(caught.value)
    driver.close()
    for error in errors:
        check_nothing_is_shown(all_shown(error))


def test_no_repr_shows_a_secret_or_a_prompt(driver: Driver) -> None:
    with (
        LoopbackServer(opened_site(HELLO)) as server,
        driver.client(server.url, auth=("ann", PASSWORD), headers={"X": "1"}) as client,
    ):
        chat = client.conversation(messages=[Message("user", PROMPT)])
        chat.generate(PROMPT)
        for value in (Message("user", PROMPT), chat, getattr(client, "inner", client)):
            check_nothing_is_shown(repr(value))
            assert PROMPT not in repr(value)


def refusing(message: str) -> Handler:
    return opened_site(send(answer({"success": False, "message": message}, 400)))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"nonce {NONCE} refused", f"nonce {MARK} refused"),
        (
            f"<b>Wrong</b> password {PASSWORD}, cookie={COOKIE}.",
            f"Wrong password {MARK}, cookie={MARK}.",
        ),
        (f"'{PROMPT}' is banned.", f"'{PROMPT}' is banned."),
    ],
)
def test_secrets_that_a_site_echoes_are_replaced(said: str, shown: str, driver: Driver) -> None:
    with (
        LoopbackServer(refusing(said)) as server,
        driver.client(server.url, auth=("ann", PASSWORD)) as client,
    ):
        with pytest.raises(QueryRejected) as caught:
            client.generate(PROMPT)
    assert caught.value.message == shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", f"Bearer {TOKEN}"),
        ("Authorization", f"Bearer\t{TOKEN}"),
        ("authorization", f"Bearer  {TOKEN} "),
        ("cookie", f"a={COOKIE}; b={TOKEN}"),
        ("Cookie", f'a="{TOKEN}"'),
    ],
)
def test_credentials_among_the_headers_are_secret_too(
    name: str, value: str, driver: Driver
) -> None:
    with pytest.raises(ChatError, match="plain http"):
        driver.client("http://site.invalid", headers={name: value})
    with (
        LoopbackServer(refusing(f"No such session: {TOKEN}")) as server,
        driver.client(server.url, headers={name: value}) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    assert str(caught.value).endswith(f"No such session: {MARK}")


def test_a_cookie_that_was_replaced_is_still_secret(driver: Driver) -> None:
    count = iter(range(1000))

    def submit(connection: Connection, request: Received) -> None:
        if "list" in request.target:
            cookie = f"Set-Cookie: mwai_session_id=another{next(count)}; path=/"
            connection.send(answer({"success": True, "data": {"files": []}}, 200, cookie))
        else:
            connection.send(answer({"success": False, "message": f"no {COOKIE}"}, 400))

    with LoopbackServer(opened_site(submit)) as server, driver.client(server.url) as client:
        for _ in range(3):
            client.list_files()
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    assert str(caught.value).endswith(f"no {MARK}")
