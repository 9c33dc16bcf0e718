"""When calls are retried, and after what delay."""

from __future__ import annotations

import pytest
import tenacity

from chatgpt4online import RetryPolicy, Timeout
from chatgpt4online.errors import Blocked, ChatError, ConnectError, RateLimited, ReplyError
from chatgpt4online.network import Deadline
from chatgpt4online.retries import Pause, retry_options

CONNECT = ConnectError("c", retryable=True)


def busy(seconds: float) -> Blocked:
    return Blocked("b", status=503, retry_after=seconds, retryable=True)


def waits_of(
    policy: RetryPolicy, errors: list[ChatError], seconds_left: float | None = None
) -> tuple[list[float], BaseException | None]:
    """Raise each of `errors` in order. Return the waits between tries, and the final error."""
    remaining = list(errors)
    waits: list[float] = []
    if not policy.retries(errors[0]):
        return waits, errors[0]

    def fail() -> None:
        if remaining:
            raise remaining.pop(0)

    retrying = tenacity.Retrying(
        **retry_options(policy, errors[0], Deadline(Timeout(total=seconds_left))),
        sleep=waits.append,
    )
    try:
        retrying(fail)
    except ChatError as error:
        return waits, error
    return waits, None


def test_exponential_backoff_with_jitter() -> None:
    policy = RetryPolicy(attempts=6, backoff=1.0, max_backoff=4.0)
    waits, error = waits_of(policy, [CONNECT] * 9)
    assert error is CONNECT
    assert len(waits) == 5
    for wait, least in zip(waits, [1, 2, 4, 4, 4], strict=True):
        assert least <= wait <= min(least + 1, 4)
    assert len({wait % 1 for wait in waits}) > 1


def test_retry_after_longer_than_the_backoff() -> None:
    policy = RetryPolicy(attempts=4, backoff=1.0, max_retry_after=50.0)
    waits, error = waits_of(policy, [busy(50), busy(0), CONNECT])
    assert error is None
    assert 50 <= waits[0] <= 51
    assert waits[1] < 4


def test_calls_that_were_refused_together_do_not_come_back_together() -> None:
    waits = [waits_of(RetryPolicy(), [busy(5)])[0][0] for _ in range(5)]
    assert len(set(waits)) > 1


def test_retry_after_over_the_maximum() -> None:
    policy = RetryPolicy(max_retry_after=50.0)
    error = busy(51)
    assert waits_of(policy, [error]) == ([], error)


def test_last_error_is_raised() -> None:
    last = busy(0)
    assert waits_of(RetryPolicy(attempts=2, backoff=0), [CONNECT, last, CONNECT])[1] is last


def test_no_retry_beyond_the_deadline() -> None:
    assert waits_of(RetryPolicy(backoff=30, max_backoff=30), [CONNECT], 20) == ([], CONNECT)
    assert len(waits_of(RetryPolicy(backoff=1), [CONNECT], 20)[0]) == 1


def test_not_retried() -> None:
    error = ReplyError("r")
    assert waits_of(RetryPolicy(), [error]) == ([], error)
    assert waits_of(RetryPolicy(attempts=1), [CONNECT]) == ([], CONNECT)


def test_retry_if() -> None:
    policy = RetryPolicy(retry_if=lambda error: isinstance(error, ReplyError), backoff=0)
    assert waits_of(policy, [ReplyError("r")]) == ([0], None)


def test_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pause, policy, deadline = Pause(), RetryPolicy(backoff=0), Deadline(Timeout())
    assert pause.left(policy, deadline) == 0
    pause.begin(RateLimited(retry_after=10), policy)
    pause.begin(RateLimited(retry_after=5), policy)
    pause.begin(RateLimited(retry_after=61), policy)  # longer than the policy waits
    pause.begin(RateLimited(), policy)
    now = 104.0
    assert pause.left(policy, deadline) == 6
    assert 6 <= pause.left(RetryPolicy(backoff=2), deadline) <= 8
    assert pause.left(RetryPolicy(backoff=2), Deadline(Timeout(total=6.5))) <= 6.5
    for impatient, end in ((RetryPolicy(max_retry_after=5), None), (policy, 5)):
        with pytest.raises(RateLimited, match="6 seconds from now") as caught:
            pause.left(impatient, Deadline(Timeout(total=end)))
        assert caught.value.retry_after == 6
    now = 111.0
    assert pause.left(RetryPolicy(backoff=2), deadline) == 0
