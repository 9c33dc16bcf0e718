"""Retrying with tenacity."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from .config import RetryPolicy
from .errors import ChatError, RateLimited, StatusError
from .logs import log_retry
from .network import Deadline

if TYPE_CHECKING:
    from tenacity import RetryCallState


class Pause:
    """How long the calls of a client wait because the site has answered with Retry-After."""

    def __init__(self) -> None:
        self._end = 0.0

    def begin(self, error: StatusError, policy: RetryPolicy) -> None:
        """Have calls wait for as long as the site asks, unless the policy calls that too long."""
        seconds = _retry_after(error)
        if seconds <= policy.max_retry_after:
            self._end = max(self._end, time.monotonic() + seconds)

    def left(self, policy: RetryPolicy, deadline: Deadline) -> float:
        """Return the seconds that a call must wait.

        Up to `backoff` random seconds are added, so that waiting calls do not all go on at once.

        Raises:
            RateLimited: The policy, or the deadline, does not let the call wait that long.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            return 0.0
        longest = deadline.cap(policy.max_retry_after)
        if longest is not None and left > longest:
            raise RateLimited(
                f"The site has asked to wait, {left:.0f} seconds from now. Nothing was sent.",
                status=429, retry_after=left, retryable=True,
            )  # fmt: skip
        wait = left + random.uniform(0, policy.backoff)
        return deadline.cap(wait) or wait


def retry_options(policy: RetryPolicy, first: ChatError, deadline: Deadline) -> dict[str, Any]:
    """Return the arguments for tenacity's `Retrying` and `AsyncRetrying`.

    `first` is the error of the first attempt, about which the policy was asked already. No retry
    is made that would have to wait beyond the deadline.
    """
    import tenacity

    exponential = tenacity.wait_exponential(multiplier=policy.backoff, max=policy.max_backoff)
    backoff = exponential + tenacity.wait_random(0, policy.backoff)

    def wait(state: RetryCallState) -> float:
        asked = _retry_after(_error_of(state))
        if asked:  # calls that were refused together must not all come back together
            asked += random.uniform(0, policy.backoff)
        return max(min(backoff(state), policy.max_backoff), asked)

    def before_sleep(state: RetryCallState) -> None:
        error = _error_of(state)
        log_retry(error, state.attempt_number, policy.attempts, state.upcoming_sleep)

    stop: Any = tenacity.stop_after_attempt(policy.attempts)
    left = deadline.left()
    if left is not None:
        stop = stop | tenacity.stop_before_delay(left)
    retry = tenacity.retry_if_exception(lambda error: error is first or policy.retries(error))
    return {
        "stop": stop, "wait": wait, "retry": retry, "before_sleep": before_sleep, "reraise": True,
    }  # fmt: skip


def count_tries(error: ChatError, tries: int) -> None:
    """Have the text of an error say how many tries were made, if there was more than one."""
    if tries > 1:
        error.args = (f"{error} ({tries} tries)",)


def _error_of(state: RetryCallState) -> ChatError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ChatError)
    return error


def _retry_after(error: ChatError) -> float:
    return (error.retry_after or 0.0) if isinstance(error, StatusError) else 0.0
