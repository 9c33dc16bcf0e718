"""Settings with a type of their own: timeouts, retries and size limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from .errors import ChatError, StatusError, UsageError

# The environment variables that clients and commands read.
SITE_VARIABLE = "CHATGPT4ONLINE_SITE"
PASSWORD_VARIABLE = "CHATGPT4ONLINE_PASSWORD"
TOKEN_VARIABLE = "CHATGPT4ONLINE_TOKEN"

MIB = 1024 * 1024
_LONGEST_WAIT = 4e6
"""Seconds, more than six weeks. Some systems cannot wait any longer."""


@dataclass(frozen=True, slots=True)
class Timeout:
    """How long to wait, in seconds. None means no limit.

    Attributes:
        connect: Time to establish a connection, including TLS. `Client` gives it to each address
            of the host in turn, `AsyncClient` to all of them together.
        idle: Longest silence while waiting for a response or for its next bytes.
        total: Time for a whole call, including retries, until the reply is complete.
    """

    connect: float | None = 10.0
    idle: float | None = 120.0
    total: float | None = None

    def __post_init__(self) -> None:
        for name in ("connect", "idle", "total"):
            seconds = getattr(self, name)
            if seconds is not None and not (
                isinstance(seconds, int | float) and 0 < seconds <= _LONGEST_WAIT
            ):
                raise UsageError(
                    f"Timeout.{name} must be a positive number of seconds; None means no limit."
                )


def read_timeout(timeout: Timeout | float, default: Timeout = Timeout()) -> Timeout:
    """Return a `Timeout`. A number is the total time of a call in seconds, beside the default."""
    if isinstance(timeout, Timeout):
        return timeout
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise UsageError("timeout must be a number of seconds or a Timeout.")
    return replace(default, total=timeout)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after what delay, a call is tried again.

    By default a call is retried only if the site cannot have run the prompt: no connection was
    made, or something in front of the plugin answered 429 or 503 with a Retry-After header. A
    call is never retried once a reply has begun.

    Attributes:
        attempts: Number of tries, including the first. 1 disables retries.
        backoff: Seconds before the first retry. Each further delay is twice as long, and up to
            `backoff` random seconds are added to it.
        max_backoff: Longest delay in seconds, unless the site asks for a longer one.
        max_retry_after: Longest Retry-After in seconds to wait for, before a retry or before
            another call of the client. If the site asks for more, its error is raised at once.
        retry_if: Called with any other error, except a `UsageError` or a Retry-After longer than
            `max_retry_after`. If it returns True the prompt is sent
            again, even though the site may already have run it. Default: none.
    """

    attempts: int = 3
    backoff: float = 0.5
    max_backoff: float = 20.0
    max_retry_after: float = 60.0
    retry_if: Callable[[ChatError], bool] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or self.attempts < 1:
            raise UsageError("RetryPolicy.attempts must be an integer, at least 1.")
        for name in ("backoff", "max_backoff", "max_retry_after"):
            seconds = getattr(self, name)
            if not (isinstance(seconds, int | float) and seconds >= 0):
                raise UsageError(f"RetryPolicy.{name} must be a number of seconds, at least 0.")
        if not (self.retry_if is None or callable(self.retry_if)):
            raise UsageError("RetryPolicy.retry_if must be a function, or None.")

    def retries(self, error: BaseException) -> bool:
        """Return whether a call that failed with `error` may be tried again."""
        if not isinstance(error, ChatError) or isinstance(error, UsageError) or self.attempts == 1:
            return False
        if isinstance(error, StatusError) and (error.retry_after or 0) > self.max_retry_after:
            return False
        return error.retryable or (self.retry_if is not None and self.retry_if(error))


@dataclass(frozen=True, slots=True)
class Limits:
    """Size limits in bytes, after decompression. A longer response raises `ProtocolError`.

    Parsed JSON can take many times its size in memory, so these limits are not memory limits.

    Attributes:
        line: One line of a streamed reply. The last line may contain images as data URLs.
        reply: A whole streamed reply.
        page: Any other response: a web page, a session, a list or an error.
    """

    line: int = 64 * MIB
    reply: int = 256 * MIB
    page: int = 32 * MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            size = getattr(self, field.name)
            if not isinstance(size, int) or size < 1:
                raise UsageError(f"Limits.{field.name} must be a number of bytes, at least 1.")
