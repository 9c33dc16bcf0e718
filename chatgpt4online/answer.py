"""What the answers of both transports share."""

from __future__ import annotations

import os
import time
from email.utils import formatdate

from .errors import UsageError
from .protocol.answers import Headers
from .settings import LINGER_SECONDS, Deadline, cookie_values


class BaseAnswer:
    """An answer whose head has been read.

    Attributes:
        status: the HTTP status.
        headers: by lower-case name.
        cookies: the values of the cookies that were sent for it.
    """

    def __init__(
        self,
        status: int,
        headers: Headers,
        *,
        sent: str | None,
        url: str,
        idle: float | None,
        deadline: Deadline,
    ) -> None:
        self.status = status
        if "retry-after" in headers:
            headers = {"date": formatdate(usegmt=True), **headers}
        self.headers = headers
        self.cookies = cookie_values(sent)
        self._url = url
        self._idle = idle
        self._deadline = deadline
        self._linger_until = 0.0
        self._is_closed = False
        self._pid = os.getpid()

    def _is_elsewhere(self) -> bool:
        """Whether this is a fork of the process whose connection it is."""
        return self._pid != os.getpid()

    def _check_process(self) -> None:
        if self._is_elsewhere():
            raise UsageError("This stream was opened before a fork; make one in each process.")

    def _stay(self) -> None:
        """Note until when the end of the body is worth a wait."""
        self._linger_until = time.monotonic() + LINGER_SECONDS

    def _time_to_drain(self, deadline: Deadline) -> float:
        """Return the seconds that a call with this deadline may wait for the end of the body."""
        return deadline.share(self._linger_until - time.monotonic())
