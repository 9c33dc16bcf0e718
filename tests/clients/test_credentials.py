"""Application passwords and tokens: what is accepted, and where it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import RetryPolicy
from chatgpt4online.errors import ConnectError, StatusError, UsageError
from chatgpt4online.server import LocalSite

from ..drivers import Driver

ANN = ("ann", "abcd EFGH 1234")
TOKEN = "secret-token"


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(users=dict([ANN]), token=TOKEN) as running:
        yield running


def test_wrong_password(site: LocalSite, driver: Driver) -> None:
    with driver.client(site.url, auth=("ann", "wrong")) as client:
        with pytest.raises(StatusError, match="incorrect_password") as caught:
            client.generate("Hi")
        assert caught.value.code == "incorrect_password"
        assert "wrong" not in str(caught.value)


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
