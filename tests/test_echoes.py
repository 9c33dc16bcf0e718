"""Sites that echo what they were sent: no error shows it."""

from __future__ import annotations

import html
import json
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
    PROMPT,
    TOKEN,
    all_shown,
    check_nothing_is_shown,
    echo,
    opened_site,
)  # fmt: skip
from .loopback import (
    Connection,
    Handler,
    LoopbackServer,
    Received,
    answer,
    send,
)


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
