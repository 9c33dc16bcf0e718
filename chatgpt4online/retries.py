"""Retrying with tenacity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .config import RetryPolicy
from .errors import StatusError

if TYPE_CHECKING:
    from tenacity import RetryCallState


def retry_options(policy: RetryPolicy, seconds_left: float | None) -> dict[str, Any]:
    """Return the arguments for tenacity's `Retrying` and `AsyncRetrying`.

    Args:
        policy: The client's policy.
        seconds_left: The time for the whole call; None for no limit. No retry is made that would
            have to wait longer.
    """
    import tenacity  # slow to import, and only needed once something is sent

    exponential = tenacity.wait_exponential(multiplier=policy.backoff, max=policy.max_backoff)
    backoff = exponential + tenacity.wait_random(0, policy.backoff)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.retry_after if isinstance(error, StatusError) else None
        return max(backoff(state), retry_after or 0.0)

    stop: Any = tenacity.stop_after_attempt(policy.attempts)
    if seconds_left is not None:
        stop = stop | tenacity.stop_before_delay(seconds_left)
    return {
        "stop": stop,
        "wait": wait,
        "retry": tenacity.retry_if_exception(policy.retries),
        "reraise": True,
    }
