"""The errors of a broken connection, in the same words for both transports."""

from __future__ import annotations

from .errors import ChatTimeout, ConnectError, TransportError
from .protocol.address import origin


def connect_failed(url: str, *, through_proxy: bool) -> ConnectError:
    """No connection was made, so nothing was sent."""
    proxy = " through the proxy" if through_proxy else ""
    return ConnectError(
        f"No connection to {origin(url)}{proxy}. Is the address right, and the site up?",
        retryable=True,
    )


def untrusted(url: str) -> ConnectError:
    """The site's TLS certificate was refused, so nothing was sent."""
    return ConnectError(
        f"The TLS certificate of {origin(url)} is not trusted. A private one can be named "
        "with verify=FILE."
    )


def connect_timed_out(url: str, seconds: float | None) -> ChatTimeout:
    """No connection was made in time, so nothing was sent."""
    return ChatTimeout(
        f"No connection to {origin(url)} within {seconds:g} seconds (Timeout.connect)."
        if seconds is not None
        else f"The connection to {origin(url)} timed out.",
        retryable=True,
    )


def answer_timed_out(url: str, seconds: float | None) -> ChatTimeout:
    """The site was silent for too long."""
    return ChatTimeout(
        f"{origin(url)} sent nothing for {seconds:g} seconds (Timeout.idle)."
        if seconds is not None
        else f"{origin(url)} sent nothing for too long."
    )


def connection_lost(url: str) -> TransportError:
    """The connection was lost, or what came over it was not HTTP."""
    return TransportError(f"The connection to {origin(url)} was cut, or did not carry HTTP.")


def closed_meanwhile(url: str) -> TransportError:
    """The caller closed the client, or the stream, while another one waited for the site."""
    return TransportError(f"The client or its stream was closed while waiting for {origin(url)}.")
