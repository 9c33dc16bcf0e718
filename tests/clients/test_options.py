"""Timeouts of single calls, clients with other options, and what is logged."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from chatgpt4online import Timeout
from chatgpt4online.errors import ChatTimeout, ConnectError, UsageError

from ..drivers import NO_BACKOFF, NO_RETRY, Driver
from ..loopback import (
    HELLO,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    response,
    send,
    sequence,
)
from .known_secrets import SECRETS

PROMPT = "What is in the secret garden?"


def stall(connection: Connection, request: Received) -> None:
    connection.wait_closed()


@pytest.mark.parametrize("timeout", [0.2, Timeout(total=0.2), Timeout(idle=0.2)])
def test_timeout_of_one_call(timeout: Any, driver: Driver) -> None:
    with LoopbackServer(stall) as site, driver.client(site.url, retry=NO_RETRY) as client:
        for call in (client.generate, client.conversation().generate):
            with pytest.raises(ChatTimeout, match=r"0\.2 seconds"):
                call("Hi", timeout=timeout)


@pytest.mark.parametrize("timeout", ["5", True, -1, Timeout])
def test_timeout_of_one_call_that_is_wrong(timeout: Any, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match=r"(positive number|number of seconds)"):
            client.generate("Hi", timeout=timeout)


def test_number_as_timeout_of_a_client(driver: Driver) -> None:
    with (
        LoopbackServer(stall) as site,
        driver.client(site.url, timeout=0.2, retry=NO_RETRY) as client,
    ):
        with pytest.raises(ChatTimeout, match=r"0\.2 seconds \(Timeout\.total\)"):
            client.generate("Hi")


def test_client_with_other_options(driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(HELLO)) as server,
        driver.client(server.url, headers={"X-One": "1", "X-Two": "2"}) as client,
    ):
        client.generate("Hi")
        other = client.with_options(headers={"X-Two": "two"}, retry=NO_RETRY, timeout=30)
        assert other.generate("Hi").text == "Hello"
        assert client.generate("Hi").text == "Hello"
        sent = [(item.headers["x-one"], item.headers["x-two"]) for item in server.prompts]
        assert sent == [("1", "2"), ("1", "two"), ("1", "2")]
        assert (server.connections, len(server.requests)) == (1, 4)  # one session for both


def test_other_options_are_those_of_the_new_client_only(driver: Driver) -> None:
    with LoopbackServer(stall) as site, driver.client(site.url, retry=NO_RETRY) as client:
        with pytest.raises(ChatTimeout):
            client.with_options(timeout=0.1).generate("Hi")
        with pytest.raises(ChatTimeout, match=r"0\.3 seconds"):
            client.with_options(timeout=Timeout(idle=0.3)).generate("Hi")


@pytest.mark.parametrize("name", ["Authorization", "cookie"])
def test_credentials_are_not_an_option(name: str, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError, match="make a client of its own"):
            client.with_options(headers={name: "x"})


@pytest.mark.parametrize("options", [{"retry": 3}, {"timeout": "5"}, {"headers": {"a b": "c"}}])
def test_wrong_options(options: Any, driver: Driver) -> None:
    with driver.client("https://site.invalid/") as client:
        with pytest.raises(UsageError):
            client.with_options(**options)


def test_the_last_error_says_how_often_the_call_was_tried(dead_port: int, driver: Driver) -> None:
    url = f"http://127.0.0.1:{dead_port}"
    with driver.client(url, retry=NO_BACKOFF) as client:
        with pytest.raises(ConnectError, match=r"refused\. \(3 tries\)$"):
            client.generate("Hi")
        with pytest.raises(ConnectError, match=r"refused\.$"):
            client.with_options(retry=NO_RETRY).generate("Hi")


def test_retry_after_holds_back_all_calls_of_a_client(driver: Driver) -> None:
    waiting = threading.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waiting.set()

    watch, logger = Watch(logging.INFO), logging.getLogger("chatgpt4online")
    logger.addHandler(watch)
    logger.setLevel(logging.INFO)
    busy = send(response("slow down", 429, "Retry-After: 1"))
    try:
        with (
            LoopbackServer(ai_site(sequence(busy, HELLO))) as server,
            driver.client(server.url, retry=NO_BACKOFF) as client,
        ):
            assert driver.one_after_the_other(client, waiting) == ["Hello", "Hello"]
            assert len(server.prompts) == 3  # the second call was not refused as well
    finally:
        logger.removeHandler(watch)
        logger.setLevel(logging.NOTSET)


def test_log_of_a_retried_call(driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
    busy = send(response("slow down", 429, "Retry-After: 0"))
    caplog.set_level(logging.DEBUG, "chatgpt4online")
    with (
        LoopbackServer(ai_site(sequence(busy, HELLO))) as server,
        driver.client(f"{server.url}/?rest_route=/", retry=NO_BACKOFF) as client,
    ):
        client.generate(PROMPT)
    records = [item for item in caplog.records if item.name == "chatgpt4online"]
    session, refused, retry, accepted = (item.getMessage() for item in records)
    route = f"POST {server.url}/?rest_route=/mwai-ui/v1/chats/submit: HTTP"
    assert session.startswith(f"POST {server.url}/?rest_route=/mwai/v1/start_session: HTTP 200")
    assert refused.startswith(f"{route} 429 after ")
    assert retry == "Try 1 of 3 failed: RateLimited (HTTP 429). Next try in 0.0 s"
    assert accepted.startswith(f"{route} 200 after ")
    assert [item.levelname for item in records] == ["DEBUG", "DEBUG", "INFO", "DEBUG"]


def test_log_of_a_failed_call(
    dead_port: int, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "chatgpt4online")
    with driver.client(f"http://127.0.0.1:{dead_port}", retry=NO_BACKOFF) as client:
        with pytest.raises(ConnectError):
            client.generate(PROMPT)
    messages = [item.getMessage() for item in caplog.records if item.name == "chatgpt4online"]
    assert len(messages) == 5
    assert "start_session: ConnectError after" in messages[0]
    assert "Connection refused" in messages[1]


SCRIPT = """
import sys
from chatgpt4online import ChatError, Client
try:
    with Client(sys.argv[1], proxy="") as client:
        print(client.generate(sys.argv[2]))
except ChatError as error:
    print(error)
"""


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("INFO", 0), ("", 0)])
def test_log_of_a_script(level: str, lines: int) -> None:
    with LoopbackServer(ai_site(HELLO)) as server:
        done = run_script(server.url, level)
    assert done.stdout == "Hello\n"
    assert done.stderr.count("chatgpt4online DEBUG: POST") == lines
    assert PROMPT not in done.stderr
    assert not any(secret in done.stderr for secret in SECRETS)


def test_a_log_level_that_does_not_exist() -> None:
    done = run_script("https://site.invalid", "loud")
    assert "CHATGPT4ONLINE_LOG must be debug or info" in done.stdout


def run_script(url: str, level: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, url, PROMPT],
        env={"CHATGPT4ONLINE_LOG": level, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_the_most_connections_of_a_client(driver: Driver) -> None:
    changed, open_now, most = threading.Condition(), 0, 0

    def hold(connection: Connection, request: Received) -> None:
        """Begin a reply, and end it once there is another one, or no more to come."""
        nonlocal open_now, most
        with changed:
            open_now += 1
            most = max(most, open_now)
            changed.notify_all()
            last = len(server.prompts) == 5
            assert changed.wait_for(lambda: most > 1 or last, 20)
        HELLO(connection, request)
        with changed:
            open_now -= 1

    with (
        LoopbackServer(ai_site(hold)) as server,
        driver.client(server.url, max_connections=2) as client,
    ):
        assert len(driver.together(client, 5)) == 5
        assert (most, server.connections) == (2, 2)


def test_a_stream_that_was_dropped_frees_its_connection(driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(HELLO)) as server,
        driver.client(server.url, max_connections=1, timeout=20) as client,
    ):
        stream = client.stream("Hi")
        del stream
        gc.collect()
        assert client.generate("Hi").text == "Hello"


def test_a_call_that_waits_for_a_connection_ends_in_time(driver: Driver) -> None:
    with (
        LoopbackServer(ai_site(HELLO)) as server,
        driver.client(server.url, max_connections=1) as client,
    ):
        stream = client.stream("Hi")
        with pytest.raises(ChatTimeout, match=r"0\.1 seconds"):
            client.generate("Hi", timeout=0.1)
        assert "".join(stream) == "Hello"
        assert client.generate("Hi", timeout=20).text == "Hello"
        assert len(server.prompts) == 2


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True])
def test_wrong_numbers_of_connections(count: Any, driver: Driver) -> None:
    with pytest.raises(UsageError, match="max_connections must be"):
        driver.client("https://site.invalid/", max_connections=count)
