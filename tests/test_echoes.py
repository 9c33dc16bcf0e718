"""Sites that echo what they were sent: no error shows it."""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from chatgpt4online import (
    ChatError,
    Message,
    QueryRejected,
)  # fmt: skip
from chatgpt4online.protocol.redaction import MARK

from .drivers import Driver
from .hidden import (
    COOKIE,
    EARLIER,
    OPENED,
    PASSWORD,
    PROMPT,
    SESSION,
    TOKEN,
    all_shown,
    check_nothing_is_shown,
    echo,
    opened_site,
)  # fmt: skip
from .loopback import (
    CHUNKED,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    answer,
    chunk,
    send,
)  # fmt: skip


def test_what_the_site_says_is_kept_apart_from_the_secrets(driver: Driver) -> None:
    said = answer({"success": False, "message": f"<b>Sorry</b>: '{PROMPT}' is banned."}, 400)
    with LoopbackServer(opened_site(send(said))) as server, driver.client(server.url) as client:
        with pytest.raises(QueryRejected) as caught:
            client.generate(PROMPT)
    assert caught.value.message == f"Sorry : '{MARK}' is banned."


def refusing(make: Callable[[str], str]) -> Handler:
    """A site that refuses whatever it is asked, and echoes what was said in a way of its own."""

    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(OPENED)
        else:
            connection.send(answer({"success": False, "message": make(echo(request))}, 400))

    return handle


PROSE = f"{PROMPT}: \u201cdon't/тайна\u201d <b>\n{EARLIER}"
ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "as JSON": lambda text: json.dumps({"said": text}),
    "as PHP's JSON": lambda text: json.dumps({"said": text}).replace("/", "\\/"),
    "as HTML": html.escape,
    "with slashes": lambda text: text.replace("'", "\\'"),
    "from the middle": lambda text: text[text.index(PROMPT) + 5 :],
}


@pytest.mark.parametrize("name", ECHOES)
def test_an_echo_in_any_form_is_not_shown(name: str, driver: Driver) -> None:
    with LoopbackServer(refusing(ECHOES[name])) as server, driver.client(server.url) as client:
        with pytest.raises(ChatError) as caught:
            client.generate(PROSE)
        for part in (PROMPT[6:], EARLIER, "тайна", "\\u0442\\u0430\\u0439"):
            assert part not in str(caught.value)


def test_what_other_calls_send_is_not_shown_either(driver: Driver) -> None:
    site = refusing(lambda text: text)
    with LoopbackServer(site) as server, driver.client(server.url) as client:
        calls: list[Callable[[], Any]] = [
            lambda: client.text_query(PROMPT),
            lambda: client.text_query("Hi", context=EARLIER),
            lambda: client.generate("Hi", context=EARLIER),
            lambda: client.rename_discussion("c1", PROMPT),
            lambda: client.conversation(messages=[Message("user", EARLIER)]).generate(PROMPT),
        ]
        for call in calls:
            with pytest.raises(ChatError) as caught:
                call()
            check_nothing_is_shown(all_shown(caught.value))


def test_a_model_that_the_site_does_not_have_is_named(driver: Driver) -> None:
    site = refusing(lambda text: "There is no model gpt-9000.")
    with LoopbackServer(site) as server, driver.client(server.url) as client:
        with pytest.raises(ChatError, match=r"no model gpt-9000\."):
            client.generate("Hi", model="gpt-9000")


@pytest.mark.parametrize("name", ["Authorization", "cookie"])
def test_credentials_among_the_headers_are_credentials(name: str, driver: Driver) -> None:
    with pytest.raises(ChatError, match="plain http"):
        driver.client("http://site.invalid", headers={name: "x"})
    site = refusing(lambda text: text)
    with (
        LoopbackServer(site) as server,
        driver.client(server.url, headers={name: f"a={COOKIE}; b={TOKEN}"}) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    check_nothing_is_shown(all_shown(caught.value))


def test_a_cookie_in_quotes_is_secret_without_them(driver: Driver) -> None:
    site = refusing(lambda text: f"No such session: {TOKEN}")
    with (
        LoopbackServer(site) as server,
        driver.client(server.url, headers={"Cookie": f'a="{TOKEN}"'}) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    check_nothing_is_shown(str(caught.value))


@pytest.mark.parametrize("value", ["Bearer\t{}", "Bearer  {} "])
def test_credentials_with_odd_spaces_are_credentials(value: str, driver: Driver) -> None:
    site = refusing(lambda text: f"No such token: '{TOKEN}'")
    with (
        LoopbackServer(site) as server,
        driver.client(server.url, headers={"Authorization": value.format(TOKEN)}) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    check_nothing_is_shown(str(caught.value))


def test_a_cookie_that_another_call_has_replaced_is_still_secret(driver: Driver) -> None:
    count = iter(range(1000))

    def handle(connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(OPENED)
        elif "list" in request.target:
            cookie = f"Set-Cookie: mwai_session_id=another{next(count)}; path=/"
            connection.send(answer({"success": True, "data": {"files": []}}, 200, cookie))
        else:
            connection.send(answer({"success": False, "message": f"no {COOKIE}"}, 400))

    with LoopbackServer(handle) as server, driver.client(server.url) as client:
        for _ in range(3):
            client.list_files()
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
        assert str(caught.value).endswith(f"no {MARK}")


def framed(make: Callable[[bytes], bytes]) -> Handler:
    """A site that echoes what it was sent where HTTP itself is expected."""

    def submit(connection: Connection, request: Received) -> None:
        text = echo(request).encode("ascii", "replace").replace(b"\n", b" ")
        connection.send(make(text))
        connection.close()

    return opened_site(submit)


FRAMED: dict[str, Callable[[bytes], bytes]] = {
    "status line": lambda text: text + b"\r\n\r\n",
    "version": lambda text: b"HTTP/" + text + b" 200 OK\r\n\r\n",
    "status": lambda text: b"HTTP/1.1 " + text + b"\r\n\r\n",
    "reason": lambda text: b"HTTP/1.1 500 " + text + b"\r\n\r\n",
    "header without a colon": lambda text: b"HTTP/1.1 500 X\r\n" + text + b"\r\n\r\n",
    "header": lambda text: b"HTTP/1.1 500 X\r\nX: " + text + b"\r\n\r\n",
    "length": lambda text: b"HTTP/1.1 200 OK\r\nContent-Length: " + text + b"\r\n\r\nx",
    "two lengths": lambda text: (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: " + text + b"\r\n\r\nx"
    ),
    "encoding": lambda text: b"HTTP/1.1 200 OK\r\nContent-Encoding: " + text + b"\r\n\r\nx",
    "chunk size": lambda text: CHUNKED + text + b"\r\n",
    "later chunk size": lambda text: CHUNKED + chunk(b"data: x\n") + text + b"\r\n",
    "cookie": lambda text: b"HTTP/1.1 500 X\r\nSet-Cookie: " + text + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", FRAMED)
def test_an_echo_where_http_is_expected_is_not_shown(
    name: str, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        LoopbackServer(framed(FRAMED[name])) as server,
        driver.client(server.url, auth=("ann", PASSWORD)) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate([Message("user", EARLIER), Message("user", PROMPT)])
    check_nothing_is_shown(all_shown(caught.value))
    check_nothing_is_shown(caplog.text)


def test_a_long_prompt_does_not_make_a_password_visible(driver: Driver) -> None:
    site = refusing(lambda text: f"Wrong password {PASSWORD}, session {SESSION}")
    history = [Message("user", f"{'x' * 1000} {number}") for number in range(400)]
    with (
        LoopbackServer(site) as server,
        driver.client(server.url, auth=("ann", PASSWORD)) as client,
    ):
        with pytest.raises(ChatError) as caught:
            client.generate([*history, Message("user", PROMPT)])
    assert str(caught.value).endswith(f"Wrong password {MARK}, session {MARK}")
