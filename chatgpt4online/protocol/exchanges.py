"""What every exchange with a site has in common, and what a transport does with one.

A transport needs one loop for all exchanges::

    while not exchange.finished:
        run exchange.opening(), an exchange too, where it needs_opening; one at a time for each site
        send exchange.next_request(), then tell the exchange what comes back:
        exchange.receive_head(status, headers)
        leave the loop where it is accepted
        exchange.receive_data(chunk)      for each chunk of the body
        exchange.receive_eof()            at the end of the body
    exchange.result()

When the connection fails it raises what `exchange.interrupted(error)` returns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..errors import ChatError, TransportError
from ..messages import Piece
from .answers import Headers
from .steps import NEXT_STEP, Outcome, Step


class FileSource(Protocol):
    """A file to send.

    Attributes:
        filename: its name, without a folder.
        content_type: its MIME type.
        size: its length in bytes.
    """

    filename: str
    content_type: str
    size: int


class FileBody:
    """A form with a file in it, which the transport reads while it sends.

    Attributes:
        before: the bytes before those of the file.
        source: the file.
        after: the bytes after those of the file.
    """

    __slots__ = ("after", "before", "source")

    def __init__(self, before: bytes, source: FileSource, after: bytes) -> None:
        self.before = before
        self.source = source
        self.after = after


Body = bytes | FileBody
"""What a request carries."""


class Request:
    """One HTTP request to send. Its redirects must not be followed.

    Args:
        method: ``GET`` or ``POST``.
        url: the whole address.
        headers: what the protocol needs; many requests share them.
        body: what to send; None for a request without a body.
        nonce: what lets the request in; None where nothing has to.
    """

    __slots__ = ("_headers", "_nonce", "body", "method", "url")

    def __init__(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body | None = None,
        nonce: str | None = None,
    ) -> None:
        self.method = method
        self.url = url
        self.body = body
        self._headers = headers
        self._nonce = nonce

    @property
    def headers(self) -> Mapping[str, str]:
        """What the protocol needs, in place of whatever a client sends by these names."""
        if self._nonce is None:
            return self._headers
        return {**self._headers, "X-WP-Nonce": self._nonce}


class Exchange(ABC):
    """One thing that is asked of a site, in as many requests as it takes."""

    step: Step

    @abstractmethod
    def start_over(self) -> None:
        """Forget what was sent and received, so that it can be asked once more.

        Constructors call it too, when the fields of a subclass are still to come.
        """

    @abstractmethod
    def next_request(self) -> Request | None:
        """Return the next request to send; None when there is nothing more to ask."""

    @abstractmethod
    def receive_head(self, status: int, headers: Headers) -> None:
        """Take the status and the headers of the answer."""

    @abstractmethod
    def receive_data(self, data: bytes) -> Sequence[Piece]:
        """Take the next bytes of the body, decompressed; return the events that they complete.

        Raises:
            ProtocolError: the answer is over a limit, and the exchange has no events.
        """

    @abstractmethod
    def receive_eof(self) -> Sequence[Piece]:
        """Take the end of the body; return the last events.

        Raises:
            ChatError: the answer is an error, and the exchange has no events.
        """

    @property
    def needs_opening(self) -> bool:
        """Whether an `opening` must be run before the next request."""
        return False

    def opening(self) -> Exchange | None:
        """Return the exchange to run before the next request; None where none is needed."""
        return None

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether nothing more need be asked or read."""

    def result(self) -> Any:
        """Return what has come of it; None where what was learned is known to the `Site`.

        Raises:
            ChatError: what went wrong.
        """
        return None

    @property
    def accepted(self) -> bool:
        """Whether what follows is the answer proper, which is the caller's to read."""
        return False

    @property
    def has_enough(self) -> bool:
        """Whether the answer has said all that counts, though its body has not ended."""
        return False

    @abstractmethod
    def interrupted(self, error: TransportError) -> ChatError:
        """Return what to raise when the connection failed with `error`."""

    def _advance(self, outcome: Outcome) -> bool:
        """Go to the next step; False where the table has none after this outcome."""
        step = NEXT_STEP.get((self.step, outcome))
        if step is not None:
            self.step = step
        return step is not None
