"""An error says why: its text has the reason, and its cause is the system's or TLS's own error."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from chatgpt4online.errors import ChatError, ConnectError, IncompleteReply, TransportError

from .drivers import NO_RETRY, Driver, SyncDriver
from .loopback import (
    HELLO_SITE,
    SESSION,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    cut,
    events_head,
    response,
)

TLS = Path(__file__).parent / "tls"
AUTHORITY = str(TLS / "ca.pem")
UNKNOWN_HOST = "no-such-host.invalid"

PASSWORD, PROXY_PASSWORD, OWN_COOKIE, SITE_COOKIE = "pass-1", "pass-2", "cookie-1", "cookie-2"
SECRETS = (
    str(SESSION["restNonce"]), PASSWORD, PROXY_PASSWORD, OWN_COOKIE, SITE_COOKIE,
    base64.b64encode(f"user:{PASSWORD}".encode()).decode(),
    base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode(),
)  # fmt: skip


@dataclass(frozen=True)
class Trouble:
    """An address at which a prompt fails, and the error that this is.

    Attributes:
        url: The address of the site.
        reason: What the text of the error contains.
        kind: The type of the error.
        causes: The types that its cause may have; none if there must be no cause.
        proxy: The proxy to use.
        authority: The authority to trust.
    """

    url: str
    reason: str
    kind: type[ChatError] = ConnectError
    causes: tuple[type, ...] = (OSError,)
    proxy: str | None = None
    authority: str | None = None


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def unknown_host_reason() -> str:
    """Return what this system says of a host that does not exist."""
    with pytest.raises(socket.gaierror) as caught:
        socket.getaddrinfo(UNKNOWN_HOST, 80)
    return str(caught.value.strerror)


def server_context(certificate: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / certificate, TLS / "key.pem")
    return context


def with_password(url: str) -> str:
    return url.replace("://", f"://user:{PROXY_PASSWORD}@")


@contextmanager
def unknown_host() -> Iterator[Trouble]:
    yield Trouble(f"http://{UNKNOWN_HOST}", unknown_host_reason(), causes=(socket.gaierror,))


@contextmanager
def refused() -> Iterator[Trouble]:
    url = f"http://127.0.0.1:{closed_port()}"
    yield Trouble(url, "Connection refused", causes=(ConnectionRefusedError,))


@contextmanager
def bad_certificate(name: str, reason: str, authority: str | None = None) -> Iterator[Trouble]:
    with LoopbackServer(HELLO_SITE, server_context(name)) as server:
        causes = (ssl.SSLCertVerificationError,)
        yield Trouble(server.url, reason, causes=causes, authority=authority)
        assert server.requests == []


@contextmanager
def hang_up() -> Iterator[Trouble]:
    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        # asyncio says so in no words of its own, and what OpenSSL says depends on its version.
        reason = ": (Connection reset by peer|unexpected eof while reading|EOF occurred.*)"
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield Trouble(url, reason)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def no_tls() -> Iterator[Trouble]:
    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    sock.recv(65536)
                    sock.sendall(response("", 400))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        # OpenSSL says either, depending on its version.
        reason = "wrong version number|record layer failure"
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield Trouble(url, reason, causes=(ssl.SSLError,))
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def refusing_proxy_port(scheme: str) -> Iterator[Trouble]:
    proxy = with_password(f"http://127.0.0.1:{closed_port()}")
    causes = (ConnectionRefusedError,)
    reason = "through the proxy: Connection refused"
    yield Trouble(f"{scheme}://site.invalid", reason, causes=causes, proxy=proxy)


@contextmanager
def unknown_proxy(scheme: str) -> Iterator[Trouble]:
    reason = f"through the proxy: {unknown_host_reason()}"
    proxy = with_password(f"http://{UNKNOWN_HOST}:3128")
    causes = (socket.gaierror,)
    yield Trouble(f"{scheme}://site.invalid", reason, causes=causes, proxy=proxy)


@contextmanager
def refused_tunnel(status: int) -> Iterator[Trouble]:
    def handle(connection: Connection, request: Received) -> None:
        connection.send(response("", status))
        connection.close()

    with LoopbackServer(handle) as server:
        # The status is all that there is to say: one library makes an OSError of it, one does not.
        reason = rf"through the proxy: .*\b{status}\b"
        proxy = with_password(server.url)
        causes = (OSError, type(None))
        yield Trouble("https://site.invalid", reason, causes=causes, proxy=proxy)


@contextmanager
def no_response(submit: Handler, reason: str, *causes: type) -> Iterator[Trouble]:
    with LoopbackServer(ai_site(submit, f"mwai_session_id={SITE_COOKIE}")) as server:
        yield Trouble(server.url, reason, TransportError, causes)
        assert len(server.prompts) == 1


TROUBLES: dict[str, Callable[[], AbstractContextManager[Trouble]]] = {
    "unknown host": unknown_host,
    "refused": refused,
    "expired certificate": partial(
        bad_certificate, "expired.pem", "certificate has expired", AUTHORITY
    ),
    "certificate for another host": partial(
        bad_certificate, "wronghost.pem", "certificate is not valid for '127.0.0.1'", AUTHORITY
    ),
    "self-signed certificate": partial(bad_certificate, "cert.pem", "self-signed certificate"),
    "unknown authority": partial(
        bad_certificate, "good.pem", "unable to get local issuer certificate"
    ),
    "no TLS": no_tls,
    "hangs up before TLS": hang_up,
    "proxy refused": partial(refusing_proxy_port, "http"),
    "proxy refused, https": partial(refusing_proxy_port, "https"),
    "unknown proxy": partial(unknown_proxy, "http"),
    "unknown proxy, https": partial(unknown_proxy, "https"),
    "tunnel needs a password": partial(refused_tunnel, 407),
    "tunnel forbidden": partial(refused_tunnel, 403),
    "connection closed": partial(
        no_response, cut(), "(?i)(closed|disconnected)", ConnectionError, type(None)
    ),
    "connection reset": partial(
        no_response, cut(reset=True), "Connection reset by peer", ConnectionResetError
    ),
}
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
