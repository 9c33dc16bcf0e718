"""What can go wrong before a reply, each with the reason and the cause that the error must have."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from chatgpt4online.errors import ChatError, ConnectError, TransportError

from .loopback import (
    HELLO_SITE,
    SESSION,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    cut,
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
