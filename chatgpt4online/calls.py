"""What a call remembers while it lasts: its deadline, and whether its prompt may have run."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from .errors import (
    ApprovalRequired,
    Blocked,
    ChatError,
    ConnectError,
    ReplyError,
    RouteNotFound,
    StatusError,
    UsageError,
)
from .network import Deadline
from .settings import Settings


@dataclass(slots=True)
class Call:
    """A call while it lasts.

    Attributes:
        settings: Its timeout, retries and headers.
        deadline: When its time is over.
        prompting: Whether its last request was one that has the site run a prompt.
        lost: Whether the site may have run the prompt in a try that has failed.
    """

    settings: Settings
    deadline: Deadline
    prompting: bool = False
    lost: bool = False

    @classmethod
    def begin(cls, settings: Settings) -> Call:
        """Return a call whose time begins now."""
        return cls(settings, Deadline(settings.timeout))

    def try_failed(self, error: ChatError) -> None:
        """Take note of a failed try, and have its error say whether the prompt may have run."""
        self.lost = self.lost or (self.prompting and _leaves_doubt(error))
        self.prompting = False
        error.may_have_run = self.lost

    def failed(self, error: ChatError) -> None:
        """Have the error of the whole call say whether the prompt may have run in any try."""
        error.may_have_run = self.lost
        error.retryable = error.retryable and not self.lost


def _leaves_doubt(error: ChatError) -> bool:
    """Return whether the site may have run a prompt that came to this error."""
    if error.retryable or isinstance(error, UsageError | RouteNotFound):
        return False
    if isinstance(error, ConnectError):
        # A handshake that fails looks like TLS that fails later, but for a rejected certificate.
        cause = error.__cause__
        return isinstance(cause, ssl.SSLError) and not isinstance(
            cause, ssl.SSLCertVerificationError
        )
    if isinstance(error, StatusError):
        is_page = 200 <= error.status < 300 and not isinstance(error, Blocked)
        return is_page or error.status >= 500
    if isinstance(error, ReplyError):
        return isinstance(error, ApprovalRequired) or bool(error.partial_text)
    return True
