"""When a request is sent again, and after what wait."""

from __future__ import annotations

from typing import Any

import pytest
import tenacity

from chatgpt4online.errors import Blocked, ChatError, ConnectError, ReplyError, UsageError
from chatgpt4online.retries import RetryPolicy, retrying_options

CONNECT = ConnectError("c", retryable=True)


def busy(seconds: float) -> Blocked:
    return Blocked("b", status=503, retry_after=seconds, retryable=True)


def waits_of(
    policy: RetryPolicy, errors: list[ChatError], seconds_left: float | None = None
) -> tuple[list[float], BaseException | None]:
    """Raise `errors` in turn; return the waits between them and the error raised at last."""
    first, left = errors[0], list(errors)
    assert isinstance(first, ChatError)
    waits: list[float] = []
    if not policy.retries(first):
        return waits, first

    def fail() -> None:
        if left:
            raise left.pop(0)

    options = retrying_options(policy, seconds_left, first)
    retrying = tenacity.Retrying(**options, sleep=waits.append)
    try:
        retrying(fail)
    except ChatError as error:
        return waits, error
    return waits, None


def test_waits_double_up_to_a_bound_with_jitter_on_top() -> None:
    policy = RetryPolicy(attempts=6, backoff=1.0, max_backoff=4.0)
    waits, error = waits_of(policy, [CONNECT] * 9)
    assert error is CONNECT
    assert len(waits) == 5
    for wait, least in zip(waits, [1, 2, 4, 4, 4], strict=True):
        assert least <= wait <= least + 1
    assert len({wait % 1 for wait in waits}) > 1


def test_retry_after_is_waited_for_where_it_is_longer() -> None:
    policy = RetryPolicy(attempts=4, backoff=1.0, max_retry_after=50.0)
    waits, error = waits_of(policy, [busy(50), busy(0), CONNECT])
    assert error is None
    assert waits[0] == 50
    assert waits[1] < 4


def test_a_longer_retry_after_than_allowed_is_not_waited_for() -> None:
    policy = RetryPolicy(max_retry_after=50.0)
    error = busy(51)
    assert waits_of(policy, [error]) == ([], error)


def test_the_last_error_is_raised() -> None:
    last = busy(0)
    assert waits_of(RetryPolicy(attempts=2, backoff=0), [CONNECT, last, CONNECT])[1] is last


def test_no_retry_is_begun_that_the_total_time_has_no_room_for() -> None:
    assert waits_of(RetryPolicy(backoff=30), [CONNECT], 20) == ([], CONNECT)
    assert len(waits_of(RetryPolicy(backoff=1), [CONNECT], 20)[0]) == 1


@pytest.mark.parametrize(
    ("error", "also", "again"),
    [
        (CONNECT, None, True),
        (ConnectError("c"), None, False),
        (ReplyError("r"), None, False),
        (ReplyError("r"), lambda error: isinstance(error, ReplyError), True),
        (ReplyError("r"), lambda error: False, False),
        (CONNECT, lambda error: False, True),
        (KeyboardInterrupt(), lambda error: True, False),
        (OSError(), lambda error: True, False),
    ],
)
def test_what_is_tried_again(error: BaseException, also: Any, again: bool) -> None:
    assert RetryPolicy(also=also).retries(error) is again


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"backoff": -1}, {"max_backoff": -1}, {"max_retry_after": -1}]
)
def test_what_is_no_policy(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RetryPolicy(**wrong)
