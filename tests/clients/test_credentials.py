"""Application passwords and tokens: what is accepted, and where it is sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import Era, RetryPolicy
from chatgpt4online.errors import (
    AuthenticationError,
    ConnectError,
    RateLimited,
    TransportError,
    UsageError,
)
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import HELLO_SITE, Connection, LoopbackServer, Received, response
from ..recordings import Recording

ANN = ("ann", "abcd EFGH 1234")
TOKEN = "secret-token"


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(users=dict([ANN]), token=TOKEN) as running:
        yield running


def test_wrong_password(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=("ann", "wr0ng")) as client:
        for call in (lambda: client.generate("Hi"), lambda: list(client.discussions())):
            with pytest.raises(AuthenticationError, match="rest_not_logged_in") as caught:
                call()
            assert (caught.value.status, caught.value.code) == (401, "rest_not_logged_in")
            assert "wr0ng" not in str(caught.value)
    assert not site.app.submissions


@pytest.mark.parametrize(
    "options",
    [
        {"auth": ANN},
        {"headers": {"Authorization": "Basic YW5uOnB3"}},
        {"headers": {"authorization": "basic YW5uOnB3"}},
    ],
    ids=["auth", "header", "header in lower case"],
)
def test_the_password_is_checked_once(options: dict[str, Any], driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url, **options) as client:
        assert [client.generate("Hi").text for _ in range(2)] == ["Hello", "Hello"]
        routes = [request.target.partition("/wp-json/")[2] for request in server.requests]
        submit = "mwai-ui/v1/chats/submit"
        assert routes == ["mwai/v1/start_session", "wp/v2/users/me", submit, submit]


def test_header_in_lower_case_signs_in(site: LocalSite, driver: Driver) -> None:
    encoded = base64.b64encode(":".join(ANN).encode()).decode()
    headers = {"authorization": f"basic {encoded}"}
    with driver.client(site.url, headers=headers) as client:
        client.generate("Hi")
        assert len(list(client.discussions())) == 1


@pytest.mark.parametrize("case", ["users-me", "wrong-password-users-me"])
def test_recorded_answers_to_the_check(case: str, driver: Driver) -> None:
    recording = Recording(f"3.8.1-hybrid/application-password/{case}")

    def handle(connection: Connection, request: Received) -> None:
        if "users/me" not in request.target:
            HELLO_SITE(connection, request)
            return
        connection.send(recording.response)
        connection.close()

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        if recording.status == 200:
            assert client.generate("Hi").text == "Hello"
        else:
            with pytest.raises(AuthenticationError):
                client.generate("Hi")
            assert server.prompts == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"code": "rest_no_route"}),
        (403, "<html>Forbidden</html>"),
        (200, "<html>Hello</html>"),
    ],
)
def test_a_site_that_hides_its_users(
    status: int, body: Any, driver: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "users/me" in request.target:
            connection.send(response(body, status))
        else:
            HELLO_SITE(connection, request)

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        assert [client.generate("Hi").text for _ in range(2)] == ["Hello", "Hello"]
        assert len(server.requests) == 4
        (record,) = (item for item in caplog.records if item.name == "chatgpt4online")
        assert record.getMessage().startswith(f"{server.url} hides wp/v2/users/me")


def test_signed_in_chat_on_a_site_with_nonces_on_its_page(driver: Driver) -> None:
    with LocalSite(users=dict([ANN]), era=Era.PAGE_NONCE) as site:
        with driver.client(site.url, auth=ANN) as client:
            with pytest.raises(AuthenticationError, match=r"2\.0\.0 to 2\.4\.3"):
                client.generate("Hi")
    assert not site.app.submissions


@pytest.mark.parametrize("site", ["http://example.com/", "http://10.0.0.1/", "http://[fe80::1]/"])
@pytest.mark.parametrize("credentials", [{"auth": ANN}, {"token": TOKEN}])
def test_credentials_require_https(site: str, credentials: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError, match="https") as caught:
        driver.client(site, **credentials)
    assert "secret" not in str(caught.value)
    assert "abcd" not in str(caught.value)
    with driver.client(site, allow_insecure_auth=True, **credentials) as client:
        assert "secret" not in repr(getattr(client, "inner", client))


@pytest.mark.parametrize(
    "site", ["https://example.com/", "http://localhost:1/", "http://127.8.8.8/", "http://[::1]/"]
)
def test_secure_addresses_for_credentials(site: str, driver: Driver) -> None:
    with driver.client(site, auth=ANN):
        pass


@pytest.mark.parametrize(
    "credentials",
    [
        {"auth": ANN, "token": TOKEN}, {"auth": ("", "p")}, {"auth": ("a:b", "p")},
        {"auth": ("a", "")}, {"token": ""}, {"token": "a\nb"}, {"token": "\u041f"},
        {"token": 5}, {"auth": ("a",)}, {"auth": "ab"}, {"auth": ("a", 5)},
    ],
)  # fmt: skip
def test_invalid_credentials(credentials: dict[str, Any], driver: Driver) -> None:
    with pytest.raises(UsageError):
        driver.client("https://example.com/", **credentials)


def test_credentials_are_not_sent_to_a_remote_proxy(driver: Driver) -> None:
    for proxy, refused in (("http://10.0.0.1:1", True), ("http://127.0.0.1:1", False)):
        site = "http://127.0.0.1:1/"
        with driver.client(site, auth=ANN, proxy=proxy, retry=RetryPolicy(attempts=1)) as client:
            with pytest.raises(UsageError if refused else ConnectError):
                client.generate("Hi")


def test_no_prompt_is_sent_until_the_user_is_verified(driver: Driver) -> None:
    """The check fails at first, which must not be taken for an answer."""
    checks = []

    def handle(connection: Connection, request: Received) -> None:
        if "users/me" not in request.target:
            HELLO_SITE(connection, request)
            return
        checks.append(request)
        if len(checks) == 1:
            connection.send(response(b"{}")[:-1])  # it breaks off
            connection.close()
        elif len(checks) == 2:
            connection.send(response(b"{}", 429))
        else:
            body = b'{"code":"rest_not_logged_in","message":"x"}'
            connection.send(response(body, 401))

    with (
        LoopbackServer(handle) as server,
        driver.client(server.url, auth=ANN, retry=RetryPolicy(attempts=1)) as client,
    ):
        for expected in (TransportError, RateLimited, AuthenticationError):
            with pytest.raises(expected):
                client.generate("Hi")
        assert not server.prompts


@pytest.mark.parametrize("where", ["/elsewhere", "https://sso.example/"])
def test_a_route_that_is_redirected_is_hidden(where: str, driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "users/me" not in request.target:
            HELLO_SITE(connection, request)
        else:
            connection.send(response(b"", 302, f"Location: {where}"))

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        assert client.generate("Hi").text == "Hello"


def test_a_site_that_echoes_the_credentials_as_its_code(driver: Driver) -> None:
    def handle(connection: Connection, request: Received) -> None:
        if "users/me" not in request.target:
            HELLO_SITE(connection, request)
            return
        code = f"bad {request.headers['authorization']} " + "x" * 1000
        connection.send(response(json.dumps({"code": code, "message": "no"}).encode(), 401))

    with LoopbackServer(handle) as server, driver.client(server.url, auth=ANN) as client:
        with pytest.raises(AuthenticationError) as caught:
            client.generate("Hi")
        encoded = base64.b64encode(":".join(ANN).encode()).decode()
        assert encoded not in str(caught.value) + str(caught.value.code)
        assert len(str(caught.value)) < 1000
