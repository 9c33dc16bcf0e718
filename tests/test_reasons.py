"""An error says why: its text has the reason, and its cause is the system's or TLS's own error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from chatgpt4online.errors import ChatError, IncompleteReply, TransportError

from .drivers import NO_RETRY, Driver, SyncDriver
from .loopback import (
    HELLO_SITE,
    LoopbackServer,
    ai_site,
    cut,
    events_head,
    response,
)
from .troubles import (
    AUTHORITY,
    OWN_COOKIE,
    PASSWORD,
    PROXY_PASSWORD,
    SECRETS,
    TROUBLES,
    Trouble,
    server_context,
)

EVERY_TROUBLE = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())


def fail(driver: Driver, trouble: Trouble, **options: Any) -> ChatError:
    """Return the error of a client that has every kind of secret."""
    with driver.client(
        trouble.url,
        auth=("user", PASSWORD),
        allow_insecure_auth=True,
        headers={"Cookie": f"own={OWN_COOKIE}"},
        proxy=trouble.proxy,
        verify=trouble.authority or True,
        retry=NO_RETRY,
        **options,
    ) as client:
        with pytest.raises(ChatError) as caught:
            client.generate("Hi")
    return caught.value


def check_text(error: ChatError, reason: str) -> None:
    text = str(error)
    assert re.search(reason, text), text
    assert text.endswith(".")
    assert ".." not in text
    assert "\n" not in text


@EVERY_TROUBLE
def test_the_error_says_why(
    trouble: Callable[[], AbstractContextManager[Trouble]], driver: Driver
) -> None:
    with trouble() as expected:
        error = fail(driver, expected)
    assert type(error) is expected.kind
    check_text(error, expected.reason)


@EVERY_TROUBLE
def test_the_cause_is_the_systems_own_error(
    trouble: Callable[[], AbstractContextManager[Trouble]], driver: Driver
) -> None:
    with trouble() as expected:
        error = fail(driver, expected)
    cause = error.__cause__
    assert isinstance(cause, expected.causes)
    assert type(cause).__module__.partition(".")[0] not in ("requests", "urllib3", "aiohttp")
    assert error.__suppress_context__


@EVERY_TROUBLE
def test_the_printed_traceback_has_no_secrets(
    trouble: Callable[[], AbstractContextManager[Trouble]], driver: Driver
) -> None:
    with trouble() as expected:
        printed = "".join(traceback.format_exception(fail(driver, expected)))
    assert [secret for secret in SECRETS if secret in printed] == []


def test_the_command_says_why() -> None:
    """All commands run at once, because some of them wait before they try again."""
    with ExitStack() as stack:
        troubles = {
            name: stack.enter_context(trouble())
            for name, trouble in TROUBLES.items()
            if "connection" not in name
        }
        running = {
            name: stack.enter_context(
                subprocess.Popen(
                    [
                        sys.executable, "-m", "chatgpt4online", "ask", "Hi", "--site", trouble.url,
                        *(("--proxy", trouble.proxy) if trouble.proxy else ()),
                    ],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={**os.environ, "SSL_CERT_FILE": trouble.authority or ""},
                )
            )
            for name, trouble in troubles.items()
        }  # fmt: skip
        for name, command in running.items():
            printed, complaint = command.communicate(timeout=60)
            assert printed == "", name
            assert command.returncode == 1, (name, complaint)
            assert complaint.count("\n") == 1, (name, complaint)
            assert re.search(troubles[name].reason, complaint), (name, complaint)
            assert PROXY_PASSWORD not in complaint


@contextmanager
def retrying_session(retry: Retry) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retry))
        yield session


def test_the_status_that_an_injected_session_gave_up_on() -> None:
    """The session sends a prompt again, and hides the last response from the client."""
    broken = ai_site(lambda connection, request: connection.send(response("Bad gateway", 502)))
    retry = Retry(2, status_forcelist=[502], allowed_methods=None, backoff_factor=0)
    with LoopbackServer(broken) as server, retrying_session(retry) as session:
        error = fail(SyncDriver(), Trouble(server.url, ""), session=session)
        assert len(server.prompts) == 3
    assert type(error) is TransportError
    assert "502" in str(error)
    assert not error.retryable
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_the_reason_that_an_injected_session_gave_up_for() -> None:
    retry = Retry(2, allowed_methods=None, backoff_factor=0)
    with LoopbackServer(ai_site(cut())) as server, retrying_session(retry) as session:
        error = fail(SyncDriver(), Trouble(server.url, ""), session=session)
        assert len(server.prompts) == 3
    assert type(error) is TransportError
    assert "closed connection without response" in str(error)
    assert isinstance(error.__cause__, ConnectionError)


@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Content-Length: 999"])
def test_a_connection_that_breaks_during_the_reply(framing: str, driver: Driver) -> None:
    """aiohttp keeps the system's error to itself, and says what is missing instead."""
    with LoopbackServer(ai_site(cut(events_head(framing) + b"3\r\n:\n\n", reset=True))) as server:
        error = fail(driver, Trouble(server.url, ""))
    assert type(error) is IncompleteReply
    check_text(error, "Connection reset by peer|[Nn]ot enough data")
    assert "400" not in str(error), "aiohttp's own number is not an HTTP status"
    if driver.name == "sync":
        assert isinstance(error.__cause__, ConnectionResetError)
    printed = "".join(traceback.format_exception(error))
    assert [secret for secret in SECRETS if secret in printed] == []


def test_a_certificate_of_the_authority_is_accepted(driver: Driver) -> None:
    """So the others are rejected for the reason that this module says."""
    with (
        LoopbackServer(HELLO_SITE, server_context("good.pem")) as server,
        driver.client(server.url, verify=AUTHORITY) as client,
    ):
        assert client.generate("Hi").text == "Hello"
