"""Nonces, cookies, credentials and prompts are shown nowhere."""

from __future__ import annotations

import asyncio
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
    Chatgpt4Online,
    Client,
    Limits,
    Message,
    RetryPolicy,
    Timeout,
    UsageError,
)  # fmt: skip

from .drivers import AsyncDriver, Driver, SyncDriver
from .hidden import (
    COOKIE,
    EARLIER,
    INSTRUCTIONS,
    NONCE,
    PASSWORD,
    PROMPT,
    TOKEN,
    all_shown,
    check_nothing_is_shown,
    echo,
    opened_site,
)  # fmt: skip
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
    "no HTTP": send(b"what\r\n\r\n"),
    "a broken header": send(b"HTTP/1.1 200 OK\r\nBroken\r\n\r\n"),
    "broken chunks": send(CHUNKED + b"xyz\r\n"),
    "broken gzip": send(answer(b"nothing zipped", 200, "Content-Encoding: gzip")),
    "a web page": echoing(lambda text: answer(f"<html>{text}", 403)),
    "a redirect": echoing(lambda text: answer("", 302, "Location: /moved")),
    "a refusal": echoing(lambda text: answer({"success": False, "message": text}, 400)),
    "a limit": echoing(lambda text: answer({"success": False, "message": text}, 429)),
    "a WordPress error": echoing(lambda text: answer({"code": text, "message": text}, 500)),
    "no route": echoing(lambda text: answer({"code": "rest_no_route", "message": text}, 404)),
    "nonce refused": echoing(
        lambda text: answer({"code": "rest_cookie_invalid_nonce", "message": text}, 403)
    ),
    "an error event": echoing(lambda text: answer(event("error", text))),
    "an end that failed": echoing(
        lambda text: answer(event("end", json.dumps({"success": False, "message": text})))
    ),
    "an end that cannot be read": echoing(lambda text: answer(event("end", text))),
    "a long line": echoing(lambda text: answer(f"data: {text}" + "x" * 9000)),
    "a short echo": echoing(
        lambda text: answer({"success": False, "message": f"'{PROMPT[:24]}...' is banned"}, 400)
    ),
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
            client.generate(
                [Message("user", EARLIER), Message("user", PROMPT)],
                instructions=INSTRUCTIONS,
            )
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
        assert PROMPT in server.prompts[0].json["newMessage"]
    check_nothing_is_shown(all_shown(error))
    check_nothing_is_shown(all_shown(pickle.loads(pickle.dumps(error))))
    check_nothing_is_shown(everything_logged.text)
    check_nothing_is_shown(str([vars(record) for record in everything_logged.records]))
    for value in vars(error).values():
        check_nothing_is_shown(repr(value))


@pytest.mark.parametrize("name", ["cut", "a WordPress error", "a refusal"])
def test_no_error_shows_a_token(name: str, driver: Driver) -> None:
    with LoopbackServer(ANSWERS[name]) as server:
        error = ask(driver, server.url, auth=None, token=TOKEN)
        assert TOKEN in server.requests[0].headers["authorization"]
    check_nothing_is_shown(all_shown(error))


@pytest.mark.parametrize("name", ["cut", "a WordPress error", "a web page"])
def test_no_error_of_the_opening_shows_a_secret(name: str, driver: Driver) -> None:
    with LoopbackServer(ANSWERS[name]) as server:
        error = ask(driver, server.url, headers={"Cookie": f"theirs={COOKIE}"})
        assert COOKIE in server.requests[0].headers["cookie"]
    check_nothing_is_shown(all_shown(error))


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": [Message("user", PROMPT), Message("assistant", EARLIER)]},
        {"prompt": PROMPT + "\ud800"},
        {"prompt": [{"role": PROMPT, "content": EARLIER}]},
        {"prompt": [{"role": "user", "content": [{"type": PROMPT}]}]},
        {"prompt": PROMPT, "instructions": {PROMPT}},
        {"prompt": PROMPT, "instructions": PROMPT + "\ud800"},
        {"prompt": PROMPT, "token": TOKEN},
        {"prompt": PROMPT, "files": [PROMPT]},
    ],
)
def test_no_mistake_shows_a_secret(wrong: dict[str, Any], driver: Driver) -> None:
    with driver.client("https://site.invalid", auth=("ann", PASSWORD)) as client:
        with pytest.raises(ChatError) as caught:
            client.generate(**wrong)
        shown = all_shown(caught.value)
        if "files" not in wrong:  # the name of a file that is not there is no prompt
            check_nothing_is_shown(shown)


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
def test_no_wrong_argument_shows_a_secret(wrong: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError) as caught:
        with driver.client(**{"site": "http://127.0.0.1:1", **wrong}) as client:
            client.generate(PROMPT)
    check_nothing_is_shown(str(caught.value) + repr(caught.value) + repr(caught.value.__cause__))


def test_the_password_of_a_proxy_is_not_shown(
    dead_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor that of an injected session that reads the environment itself."""
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
    with driver.client("http://site.invalid", retry=ONCE) as client:
        with pytest.raises(ChatError) as caught:
            client.generate(PROMPT)
        errors.append(caught.value)
    driver.close()
    for error in errors:
        check_nothing_is_shown(all_shown(error))


def test_values_show_nothing(driver: Driver) -> None:
    with (
        LoopbackServer(opened_site(HELLO)) as server,
        driver.client(server.url, auth=("ann", PASSWORD), headers={"X": TOKEN}) as client,
    ):
        chat = client.conversation(messages=[Message("user", EARLIER)])
        chat.generate(PROMPT, instructions=INSTRUCTIONS)
        inner = getattr(client, "inner", client)
        values = [Message("user", PROMPT), chat, inner, *vars(inner).values()]
        values += [*vars(inner._site).values(), *vars(inner._transport).values()]
        plan = inner._turn_plan([Message("user", EARLIER), Message("user", PROMPT)], (), {})
        values += [plan, inner._turn(plan), inner._turn(plan).next_request()]
    hidden = {id(inner._site.credentials), id(inner._site._cookies)}
    for value in values:
        if id(value) not in hidden:
            check_nothing_is_shown(repr(value))


def test_a_stream_that_cannot_be_opened_keeps_no_secret(driver: Driver) -> None:
    with (
        LoopbackServer(opened_site(HELLO)) as server,
        driver.client(server.url, bot_id="\ud800") as client,
    ):
        for stream in (client.stream, client.conversation().stream):
            with pytest.raises(UsageError) as caught:
                stream(PROMPT)
            check_nothing_is_shown(all_shown(caught.value))


def interrupt(*arguments: Any, **options: Any) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize("driver_kind", [SyncDriver, AsyncDriver])
def test_an_interrupted_call_keeps_no_secret_either(
    driver_kind: type[Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = driver_kind()
    monkeypatch.setattr("chatgpt4online.transport.Transport.send", interrupt)
    monkeypatch.setattr("chatgpt4online.async_transport.AsyncTransport.send", interrupt)
    with driver.client("https://site.invalid", auth=("ann", PASSWORD)) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            client.generate(PROMPT)
    check_nothing_is_shown(all_shown(caught.value))
    monkeypatch.undo()
    driver.close()


@pytest.mark.parametrize(
    "where",
    [
        "binascii.b2a_base64",
        "requests.structures.CaseInsensitiveDict.__setitem__",
        "email.parser.Parser.parse",
    ],
)
def test_a_call_that_is_interrupted_in_pythons_own_modules_keeps_no_secret(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The credentials, the headers, and the cookie of an answer are then in their frames."""

    monkeypatch.setattr(where, interrupt)
    with LoopbackServer(opened_site(HELLO)) as server:
        with pytest.raises(KeyboardInterrupt) as caught:
            Client(server.url, auth=("ann", PASSWORD), headers={"X": TOKEN}).generate(PROMPT)
    check_nothing_is_shown(all_shown(caught.value))


def test_a_cancelled_task_keeps_no_secret() -> None:
    driver = AsyncDriver()

    async def run(site: str, asked: asyncio.Event) -> asyncio.CancelledError:
        async with AsyncClient(site, auth=("ann", PASSWORD)) as client:
            task = asyncio.ensure_future(client.generate(PROMPT))
            await asked.wait()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as error:
                return error
        raise AssertionError

    loop, asked = driver.runner.get_loop(), asyncio.Event()

    def submit(connection: Connection, request: Received) -> None:
        loop.call_soon_threadsafe(asked.set)
        stall()(connection, request)

    with LoopbackServer(opened_site(submit)) as server:
        check_nothing_is_shown(all_shown(driver.runner.run(run(server.url, asked))))
    driver.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"retry": 3, "token": TOKEN},
        {"retry": 3, "auth": ("ann", PASSWORD)},
        {"limits": 3, "headers": {"Cookie": COOKIE}},
        {"proxy": f"ftp://ann:{PASSWORD}@127.0.0.1"},
        {"site": "http://site.invalid", "headers": {"authorization": TOKEN}},
    ],
)
def test_an_argument_that_is_wrong_leaves_none_in_the_traceback(
    arguments: dict[str, Any], driver: Driver
) -> None:
    with pytest.raises(ChatError) as caught:
        driver.client(**{"site": "https://site.invalid", **arguments})
    check_nothing_is_shown(all_shown(caught.value))


def test_the_provider_shows_nothing() -> None:
    async def by_class(site: str) -> None:
        made = Chatgpt4Online.create_async_generator(
            "m", [{"role": "user", "content": PROMPT}], site=site, api_key=TOKEN
        )
        async for _ in made:
            raise AssertionError

    async def nonce(site: str) -> None:
        await Chatgpt4Online.get_nonce({"Cookie": COOKIE}, site=site)

    with LoopbackServer(send(answer("<html>", 403))) as server:
        for call in (by_class, nonce):
            with pytest.raises(ChatError) as caught:
                asyncio.run(call(server.url))
            check_nothing_is_shown(all_shown(caught.value))


def test_what_the_caller_was_handling_is_left_as_it_was() -> None:
    try:
        try:
            json.loads("{")
        except ValueError as error:
            first = error
            raise KeyError from None
    except KeyError as handled:
        with Client("https://site.invalid") as client, pytest.raises(ChatError):
            client.generate("")
        assert handled.__context__ is first
        step = first.__traceback__
        while step is not None and step.tb_next is not None:
            step = step.tb_next
        assert step is not None
        assert step.tb_frame.f_locals
