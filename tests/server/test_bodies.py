"""A request is answered once its body has arrived, whatever the answer is."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest
import requests

from chatgpt4online.server import LocalSite
from chatgpt4online.server.guards import LARGEST_REQUEST

from ..loopback import WAIT_LIMIT
from .servers import running

UPLOAD = "/wp-json/mwai-ui/v1/files/upload"
START = "/wp-json/mwai/v1/start_session"
COMPLETIONS = "/v1/chat/completions"
FORM = "Content-Type: multipart/form-data"
KEY = "key-of-this-test"

LOCAL_SITE = {
    "no session": (f"POST {UPLOAD}", (), 401),
    "a wrong nonce": (f"POST {UPLOAD}", ["X-WP-Nonce: 0"], 403),
    "a wrong nonce for a session": (f"POST {START}", ["X-WP-Nonce: 0"], 403),
    "a new session": (f"POST {START}", (), 200),
    "no route": ("POST /wp-json/mwai/v1/other", (), 404),
    "no page": ("POST /other", (), 404),
    "a page": ("POST /", (), 200),
    "no token": ("POST /wp-json/mwai/v1/simpleTextQuery", (), 401),
}
SERVER = {
    "no key": (f"POST {COMPLETIONS}", (), 401),
    "another site's page": (f"POST {COMPLETIONS}", ["Origin: http://other.example"], 403),
    "no route of OpenAI": ("POST /v1/other", [f"Authorization: Bearer {KEY}"], 404),
    "no method of OpenAI": ("DELETE /v1/models", [f"Authorization: Bearer {KEY}"], 404),
}


@contextlib.contextmanager
def sending(url: str, request: str, headers: Sequence[str], size: int) -> Iterator[socket.socket]:
    """Send a request without the last byte of its body."""
    address = urlsplit(url)
    lines = [f"{request} HTTP/1.1", f"Host: {address.netloc}", f"Content-Length: {size}", *headers]
    with socket.create_connection((address.hostname, address.port), WAIT_LIMIT) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + bytes(size - 1))
        yield connection


def check(url: str, request: str, headers: Sequence[str], status: int, size: int = 100_000) -> None:
    """Check that a request is answered after its last byte, and that the connection goes on."""
    with sending(url, request, headers, size) as connection:
        for _ in range(5):  # in which a site that does not wait would have answered
            requests.get(url, timeout=WAIT_LIMIT)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.settimeout(WAIT_LIMIT)
        connection.sendall(b"x")
        assert status_of(connection) == status
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: " + urlsplit(url).netloc.encode())
        connection.sendall(b"\r\nConnection: close\r\n\r\n")
        assert status_of(connection) in (200, 404)


def status_of(connection: socket.socket) -> int:
    """Read a response with a body and return its status."""
    with connection.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers = dict(line.lower().split(b": ") for line in iter(file.readline, b"\r\n"))
        file.read(int(headers[b"content-length"]))
        return status


@pytest.mark.parametrize("case", LOCAL_SITE)
def test_a_local_site(case: str) -> None:
    with LocalSite() as site:
        check(site.url, *LOCAL_SITE[case])


def test_a_local_site_without_uploads() -> None:
    with LocalSite(uploads=False) as site:
        check(site.url, f"POST {UPLOAD}", [FORM], 404)


@pytest.mark.parametrize("case", SERVER)
def test_a_server(case: str) -> None:
    with running(api_key=KEY) as url:
        check(url, *SERVER[case])


def test_a_server_that_refuses_a_large_request() -> None:
    with running() as url:
        check(url, f"POST {COMPLETIONS}", (), 413, LARGEST_REQUEST + 1)


def test_a_client_that_leaves_while_it_sends() -> None:
    with LocalSite() as site:
        with sending(site.url, "POST /other", (), 100_000):
            pass
        assert requests.get(site.url, timeout=WAIT_LIMIT).status_code == 200
