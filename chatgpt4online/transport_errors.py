"""Transport errors, with the same texts for both clients and the system's own reason."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections.abc import Iterator

from .errors import ChatTimeout, ConnectError, TransportError
from .network import Deadline
from .protocol.address import origin

_WRAPPERS = ("requests", "urllib3", "aiohttp", "socks", "aiohttp_socks", "python_socks")
_MAX_REASON = 300
_QUOTED_HEADER = re.compile(r""": b['"].*""")


def wrapped_errors(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it wraps, down to the operating system's or TLS's own."""
    found: BaseException | None = error
    while found is not None:
        yield found
        if not _is_wrapper(found):
            return
        inner = (
            found.__cause__,
            getattr(found, "os_error", None),
            getattr(found, "reason", None),
            getattr(found, "original_error", None),
            *found.args,
            found.__context__,
        )
        found = next((item for item in inner if isinstance(item, BaseException)), None)


def find_cause(error: BaseException) -> BaseException:
    """Return the operating system's or TLS's own error; if there is none, the innermost one."""
    *_, cause = wrapped_errors(error)
    return cause


def _is_wrapper(error: BaseException) -> bool:
    return type(error).__module__.partition(".")[0] in _WRAPPERS


def system_cause(error: BaseException) -> BaseException | None:
    """Return the error to raise ours from: the system's, or None.

    The errors of HTTP libraries can quote headers and what a site has sent.
    """
    cause = find_cause(error)
    return cause if isinstance(cause, OSError) and not _is_wrapper(cause) else None


def reason_of(error: BaseException) -> str:
    """Return why a request failed, in the system's own words, on one line."""
    cause = find_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message.rstrip(".")
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or str(cause)).replace("_", " ").lower()
    if isinstance(cause, ConnectionResetError) and not cause.args:
        return os.strerror(errno.ECONNRESET)  # asyncio raises it without a text
    if isinstance(cause, OSError) and cause.strerror:
        # asyncio's own text repeats the address.
        number = 0 if isinstance(cause, socket.gaierror) else cause.errno
        return os.strerror(number) if number and number in errno.errorcode else cause.strerror
    # The errors of aiohttp's parser have a message apart from their number.
    text = str(getattr(cause, "message", "") or cause) or type(cause).__name__
    text = "".join(character if character.isprintable() else " " for character in text)
    text = " ".join(text.split())
    # aiohttp's parser quotes the header that it could not read, which may be a cookie.
    return _QUOTED_HEADER.sub("", text)[:_MAX_REASON].rstrip(".")


def connect_error(
    url: str, error: BaseException, reason: str = "", *, proxy: bool = False
) -> ConnectError:
    """Return the error for a connection that could not be made, so that nothing was sent.

    `reason` is for errors that do not say it well themselves.
    """
    through = " through the proxy" if proxy else ""
    return ConnectError(
        f"Could not connect to {origin(url)}{through}: {reason or reason_of(error)}.",
        retryable=not isinstance(find_cause(error), ssl.SSLError),
    )


def certificate_error(url: str, error: BaseException, *, proxy: bool = False) -> ConnectError:
    """Return the error for a rejected TLS certificate: the site's, or that of the proxy."""
    reason = reason_of(error)
    advice = f"The {'proxy' if proxy else 'site'}'s owner has to fix this."
    if "not yet valid" in reason:
        advice = "Check the clock of this machine."
    if "self-signed" in reason or "unable to get" in reason:
        advice = "If it was issued by a private authority, pass its certificates as verify."
    whose = "the proxy" if proxy else origin(url)
    return ConnectError(f"The TLS certificate of {whose} was rejected: {reason}. {advice}")


def connect_timeout(url: str, seconds: float | None) -> ChatTimeout:
    """Return the error for a connection that was not made in time, so that nothing was sent."""
    within = "in time" if seconds is None else f"within {seconds:g} seconds (Timeout.connect)"
    return ChatTimeout(f"Could not connect to {origin(url)} {within}.", retryable=True)


def idle_timeout(url: str, seconds: float | None) -> ChatTimeout:
    """Return the error for a site that was silent for too long."""
    span = "too long" if seconds is None else f"{seconds:g} seconds (Timeout.idle)"
    return ChatTimeout(f"{origin(url)} sent nothing for {span}.")


def connection_lost(url: str, reason: str) -> TransportError:
    """Return the error for a connection that broke, or that did not speak HTTP."""
    return TransportError(f"The connection to {origin(url)} failed: {reason}.")


def client_closed(url: str) -> TransportError:
    """Return the error for a call whose client or stream was closed."""
    return TransportError(f"The client or the stream was closed while waiting for {origin(url)}.")


def interruption(url: str, deadline: Deadline, *, closed: bool) -> TransportError | None:
    """Return the error for a call that was closed or has run out of time, or else None."""
    if closed:
        return client_closed(url)
    return deadline.error() if deadline.expired() else None
