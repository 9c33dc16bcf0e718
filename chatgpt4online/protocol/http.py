"""Requests, responses, and the flows that yield the one and are sent the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

Headers = Mapping[str, str]
"""Response headers: names in lower case, repeated headers joined by commas."""

ACCEPT_JSON = {"Accept": "application/json"}
SEND_JSON = {**ACCEPT_JSON, "Content-Type": "application/json"}


class FileSource(Protocol):
    """A file to upload. Its `filename` has no folder; its `size` is in bytes."""

    filename: str
    content_type: str
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the content, from the start each time it is called."""


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with one file, which is read while it is sent."""

    before: bytes
    file: FileSource
    after: bytes

    def __len__(self) -> int:
        return len(self.before) + self.file.size + len(self.after)

    def __iter__(self) -> Generator[bytes, None, None]:
        yield self.before
        yield from self.file.chunks()
        yield self.after


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to send. Redirects must not be followed.

    Attributes:
        headers: The headers that the protocol needs; they override the client's own.
        stream: Whether to leave the body of a successful response unread.
        repeatable: Whether sending it twice does no harm.
        runs_prompt: Whether it has the site run a prompt, which may cost.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | Form | None = field(default=None, repr=False)
    stream: bool = False
    repeatable: bool = False
    runs_prompt: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response.

    Attributes:
        body: The whole body, decompressed; empty if it was left unread.
        stream: The transport's own object to read an unread body from; None otherwise.
    """

    status: int
    headers: Headers = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    stream: Any = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is a success."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


class OpenSession(Enum):
    """What a flow yields to have a session opened, once for all who need it."""

    OPEN_SESSION = "open a session"


OPEN_SESSION = OpenSession.OPEN_SESSION

Flow = Generator[Request | OpenSession, Any, T]
"""An exchange with a site. It yields requests, is sent a `Response` for each, and returns its
result. For `OPEN_SESSION` it is sent None once the site has a session."""
