"""Retrying with tenacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .config import RetryPolicy
from .errors import ChatError, StatusError
from .network import Deadline

if TYPE_CHECKING:
    from tenacity import RetryCallState


def retry_options(policy: RetryPolicy, first: ChatError, deadline: Deadline) -> dict[str, Any]:
    """Return the arguments for tenacity's `Retrying` and `AsyncRetrying`.

    `first` is the error of the first attempt, about which the policy was asked already. No retry
    is made that would have to wait beyond the deadline.
    """
    import tenacity

    exponential = tenacity.wait_exponential(multiplier=policy.backoff, max=policy.max_backoff)
    backoff = exponential + tenacity.wait_random(0, policy.backoff)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.retry_after if isinstance(error, StatusError) else None
        return max(min(backoff(state), policy.max_backoff), retry_after or 0.0)

    stop: Any = tenacity.stop_after_attempt(policy.attempts)
    left = deadline.left()
    if left is not None:
        stop = stop | tenacity.stop_before_delay(left)
    retry = tenacity.retry_if_exception(lambda error: error is first or policy.retries(error))
    return {"stop": stop, "wait": wait, "retry": retry, "reraise": True}
