"""Timeouts, retry policies and limits, as a caller makes them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from requests.utils import should_bypass_proxies

from chatgpt4online import Limits, RetryPolicy, Timeout
from chatgpt4online.config import read_timeout
from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ChatTimeout,
    ConnectError,
    ReplyError,
    StatusError,
    UsageError,
)
from chatgpt4online.network import Deadline, Network

RETRYABLE = ConnectError("c", retryable=True)


@pytest.mark.parametrize("name", ["connect", "idle", "total"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e10, "5"])
def test_a_timeout_is_a_positive_number(name: str, seconds: Any) -> None:
    with pytest.raises(UsageError, match=f"Timeout.{name}"):
        Timeout(**{name: seconds})
    with pytest.raises(UsageError, match=f"Timeout.{name}"):
        dataclasses.replace(Timeout(), **{name: seconds})


@pytest.mark.parametrize("name", ["connect", "idle", "total"])
@pytest.mark.parametrize("seconds", [None, 1, 0.001, 4e6])
def test_what_a_timeout_can_be(name: str, seconds: float | None) -> None:
    assert getattr(Timeout(**{name: seconds}), name) == seconds


def test_the_default_timeout() -> None:
    assert Timeout() == Timeout(connect=10, idle=120, total=None)


@pytest.mark.parametrize("name", ["line", "reply", "page"])
@pytest.mark.parametrize("size", [0, -1, 1.5, "1", None])
def test_limits_are_positive(name: str, size: Any) -> None:
    with pytest.raises(UsageError, match=f"Limits.{name}"):
        Limits(**{name: size})
    assert getattr(Limits(**{name: 1}), name) == 1


@pytest.mark.parametrize("name", ["attempts", "backoff", "max_backoff", "max_retry_after"])
@pytest.mark.parametrize("value", [-1, float("nan"), "3", None])
def test_the_numbers_of_a_retry_policy(name: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"RetryPolicy.{name}"):
        RetryPolicy(**{name: value})


def test_a_number_of_seconds_keeps_the_other_limits() -> None:
    settings = Timeout(connect=1, idle=300, total=5)
    assert read_timeout(60, settings) == Timeout(connect=1, idle=300, total=60)
    assert read_timeout(60) == Timeout(total=60)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"attempts": 2.5}, {"retry_if": 5}])
def test_a_retry_policy_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"RetryPolicy.{next(iter(wrong))}"):
        RetryPolicy(**wrong)


@pytest.mark.parametrize(
    ("url", "excluded", "direct"),
    [
        ("http://10.1.2.3/", "10.0.0.0/8", True),
        ("http://11.1.2.3/", "10.0.0.0/8", False),
        ("http://[::1]:8000/", "::1", True),
        ("http://[::1]:8000/", "::2", False),
        ("http://a.example/", " .example , x", True),
        ("http://a.example/", "*", True),
    ],
)
def test_no_proxy_as_in_requests(
    url: str, excluded: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", excluded)
    network = Network(None, True, {})
    assert (network.find_proxy(url, use_environment=True) is None) is direct
    assert should_bypass_proxies(url, excluded) is direct


@pytest.mark.parametrize(
    ("error", "retry_if", "retried"),
    [
        (RETRYABLE, None, True),
        (ConnectError("c"), None, False),
        (ReplyError("r"), None, False),
        (ReplyError("r"), lambda error: isinstance(error, ReplyError), True),
        (ReplyError("r"), lambda error: False, False),
        (RETRYABLE, lambda error: False, True),
        (KeyboardInterrupt(), lambda error: True, False),
        (OSError(), lambda error: True, False),
        (UsageError("u"), lambda error: True, False),
    ],
)
def test_which_errors_are_retried(error: BaseException, retry_if: Any, retried: bool) -> None:
    assert RetryPolicy(retry_if=retry_if).retries(error) is retried
    assert not RetryPolicy(attempts=1, retry_if=retry_if).retries(error)


@pytest.mark.parametrize(("seconds", "retried"), [(50.0, True), (51.0, False), (None, True)])
def test_a_longer_retry_after_than_allowed_is_not_retried(
    seconds: float | None, retried: bool
) -> None:
    policy = RetryPolicy(max_retry_after=50, retry_if=lambda error: True)
    errors: list[ChatError] = [
        Blocked("b", status=503, retry_after=seconds, retryable=True),
        StatusError("s", status=500, retry_after=seconds),
    ]
    assert [policy.retries(error) for error in errors] == [retried, retried]


@pytest.mark.parametrize("use_environment", [True, False])
def test_no_proxy_gets_to_see_credentials(use_environment: bool) -> None:
    """Whether the session is injected or not."""

    def proxy_for(url: str, proxy: str) -> str | None:
        network = Network(proxy, True, {}, has_credentials=True)
        return network.find_proxy(url, use_environment=use_environment)

    with pytest.raises(UsageError, match="could read the credentials"):
        proxy_for("http://127.0.0.1/", "http://10.0.0.1:1")
    with pytest.raises(UsageError, match="could read the credentials"):
        proxy_for("http://127.0.0.1/", "https://10.0.0.1:1")
    assert proxy_for("https://a.example/", "http://10.0.0.1:1") == "http://10.0.0.1:1"
    assert proxy_for("http://127.0.0.1/", "http://127.0.0.1:1") == "http://127.0.0.1:1"


def test_no_deadline() -> None:
    deadline = Deadline(Timeout())
    assert not deadline.expired()
    assert deadline.left() is None
    assert deadline.cap(None) is None
    assert deadline.cap(5) == 5


def test_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    deadline = Deadline(Timeout(total=10))
    now = 104.0
    assert deadline.left() == 6
    assert deadline.cap(None) == 6
    assert deadline.cap(5) == 5
    assert deadline.cap(7) == 6
    assert not deadline.expired()
    now = 110.0
    assert deadline.expired()
    with pytest.raises(ChatTimeout, match=r"longer than 10 seconds \(Timeout.total\)"):
        deadline.left()
