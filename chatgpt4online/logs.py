"""The logger `chatgpt4online`: addresses, statuses and times, but nothing of what is said."""

from __future__ import annotations

import logging
import os
import time
from urllib.parse import parse_qs, urlsplit

from .errors import ChatError, StatusError, TransportError, UsageError
from .protocol.address import origin
from .protocol.http import Request
from .protocol.site import Site, User

LOG_VARIABLE = "CHATGPT4ONLINE_LOG"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}

logger = logging.getLogger("chatgpt4online")


def read_log_variable() -> None:
    """Log to stderr if the environment variable CHATGPT4ONLINE_LOG is ``debug`` or ``info``."""
    wanted = os.environ.get(LOG_VARIABLE, "").lower()
    if not wanted or logger.handlers:
        return
    if wanted not in _LEVELS:
        raise UsageError(f"The environment variable {LOG_VARIABLE} must be debug or info.")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(_LEVELS[wanted])


def log_request(request: Request, outcome: int | ChatError, started: float) -> None:
    """Log a request that began at `started`, and its HTTP status or what went wrong."""
    if not logger.isEnabledFor(logging.DEBUG):
        return
    result = f"HTTP {outcome}" if isinstance(outcome, int) else type(outcome).__name__
    seconds = time.monotonic() - started
    logger.debug("%s %s: %s after %.3f s", request.method, _route(request.url), result, seconds)


def log_retry(error: ChatError, failed: int, attempts: int, delay: float) -> None:
    """Log that a call has failed so many times, and is tried again after a delay."""
    # What a site says may repeat the prompt.
    reason = str(error).rstrip(".") if isinstance(error, TransportError) else type(error).__name__
    if isinstance(error, StatusError):
        reason += f" (HTTP {error.status})"
    logger.info("Try %d of %d failed: %s. Next try in %.1f s", failed, attempts, reason, delay)


def warn_of_hidden_user(site: Site) -> None:
    """Warn if a session was opened for a user whose password the site does not check."""
    if site.user is User.HIDDEN:
        logger.warning(
            "%s hides wp/v2/users/me, so a wrong password would be served as a guest.",
            origin(site.page_url),
        )


def _route(url: str) -> str:
    """Return a URL without its query, which can have secrets in it, except for a REST route."""
    parts = urlsplit(url)
    route = parse_qs(parts.query).get("rest_route", [""])[0]
    return origin(url) + parts.path + (f"?rest_route={route}" if route else "")
