"""When a request is sent again.

The opening of an exchange is retried, never its reading, and only after an error that is
`retryable`: one after which the site cannot have run the prompt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import ChatError, StatusError, UsageError
from .values import FrozenValue

if TYPE_CHECKING:
    from tenacity import RetryCallState


class RetryPolicy(FrozenValue):
    """How often, and after what waits, opening an exchange is tried.

    Attributes:
        attempts: tries in all; 1 means no retry.
        backoff: seconds to wait before the first retry; each further wait is twice as long,
            and up to `backoff` seconds more are added at random.
        max_backoff: the longest wait in seconds where the site does not say how long.
        max_retry_after: the longest `Retry-After` in seconds that is waited for. Where the site
            asks for more, its error is raised at once.
        also: a function that is asked about every other `ChatError`; where it returns True,
            the prompt is sent again although the site may have run it already.
    """

    __match_args__ = ("attempts", "backoff", "max_backoff", "max_retry_after", "also")
    attempts: int
    backoff: float
    max_backoff: float
    max_retry_after: float
    also: Callable[[ChatError], bool] | None

    def __init__(
        self,
        attempts: int = 3,
        backoff: float = 0.5,
        max_backoff: float = 20.0,
        max_retry_after: float = 60.0,
        also: Callable[[ChatError], bool] | None = None,
    ) -> None:
        if attempts < 1:
            raise UsageError("RetryPolicy.attempts must be at least 1.")
        if min(backoff, max_backoff, max_retry_after) < 0:
            raise UsageError("The waits of a RetryPolicy must not be below 0 seconds.")
        self._set(attempts, backoff, max_backoff, max_retry_after, also)

    def retries(self, error: BaseException) -> bool:
        """Whether another try may be made after `error`."""
        if not isinstance(error, ChatError):
            return False
        if _retry_after(error) > self.max_retry_after:
            return False
        return error.retryable or (self.also is not None and self.also(error))


def _retry_after(error: BaseException | None) -> float:
    return error.retry_after or 0.0 if isinstance(error, StatusError) else 0.0


def retrying_options(
    policy: RetryPolicy, seconds_left: float | None, failed: ChatError
) -> dict[str, Any]:
    """Return the arguments for tenacity's `Retrying` and `AsyncRetrying`.

    Args:
        policy: the caller's.
        seconds_left: no retry is begun that would have to wait longer; None for no such limit.
        failed: the error of the first try, which was made without tenacity and is to be tried
            again: what is called raises it at first.
    """
    # Not imported above: it takes 40 ms that an import of this library need not cost.
    import tenacity

    exponential = tenacity.wait_exponential(multiplier=policy.backoff, max=policy.max_backoff)
    backoff = exponential + tenacity.wait_random(0, policy.backoff)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(backoff(state), _retry_after(error))

    stop: Any = tenacity.stop_after_attempt(policy.attempts)
    if seconds_left is not None:
        stop = stop | tenacity.stop_before_delay(seconds_left)
    return {
        "stop": stop,
        "wait": wait,
        "retry": tenacity.retry_if_exception(
            lambda error: error is failed or policy.retries(error)
        ),
        "reraise": True,
    }
