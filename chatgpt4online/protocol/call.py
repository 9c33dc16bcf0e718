"""Calls of a site's routes: the nonce, its renewal once, and answers in JSON."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ..errors import (
    ChatError,
    NonceRejected,
    ProtocolError,
    StatusError,
    TransportError,
    UsageError,
)
from ..messages import Piece
from .address import route
from .answers import NONCE_CODES, Headers, read_failure
from .chunks import ChunkParser, End, Failure
from .exchanges import Body, Exchange, Request
from .jsontext import find_object
from .limits import Limits
from .nonce import Session
from .opening import RootFinding, SessionOpening
from .site import Site
from .steps import Outcome, Step

Result = TypeVar("Result")

_NO_HEADERS: Headers = {}
_FOR_JSON: Mapping[str, str] = {"Accept": "application/json"}
JSON_FOR_JSON: Mapping[str, str] = {
    "Content-Type": "application/json",
    "Accept": "application/json",
}
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class Call(Exchange, Generic[Result]):
    """Send one request to a route of the site, with a nonce where the site wants one.

    A session must be open whenever `next_request` is asked. A refused nonce means that the
    site did not carry the request out, so it is sent once more with that of a new session.

    Once `finished`, `result` gives what the call was for, or raises what went wrong.
    """

    method = "POST"
    with_session = True
    """Whether the route wants a nonce, and so an open session."""

    def __init__(self, site: Site, name: str, limits: Limits) -> None:
        self._site = site
        self._name = name
        self._limits = limits
        self.start_over()

    def start_over(self) -> None:
        self.step = Step.CALL
        self._session: Session | None = None
        self._session_is_new = False
        self._status = 0
        self._headers = _NO_HEADERS
        self._refusal: ChunkParser | None = None
        self._refused_text = ""
        self._result: Result | None = None
        self._failure: ChatError | None = None

    @property
    def needs_opening(self) -> bool:
        """Whether an `opening` must be run before the next request."""
        return self._site.root is None or (self.with_session and self._site.session is None)

    def opening(self) -> SessionOpening | None:
        """Return the exchange to run before the next request; None where none is needed."""
        self._session_is_new = True
        if not self.needs_opening:
            return None
        kind = SessionOpening if self.with_session else RootFinding
        return kind(self._site, self._limits)

    @property
    def accepted(self) -> bool:
        """Whether the site has begun to answer the call, so that it may have carried it out."""
        return self.step is Step.ANSWER

    @property
    def has_enough(self) -> bool:
        """Whether the answer has said all that counts, though its body has not ended."""
        return self.finished or (self._refusal is not None and self._refusal.outcome is not None)

    @property
    def succeeded(self) -> bool:
        """Whether the result is there."""
        return self._result is not None

    @property
    def finished(self) -> bool:
        """Whether the call has succeeded or failed, so that nothing more need be read."""
        return self._result is not None or self._failure is not None

    def result(self) -> Result:
        """Return what the call was for.

        Raises:
            ChatError: what went wrong; `UsageError` where the call is not finished.
        """
        if self._failure is not None:
            raise self._failure
        if self._result is None:
            raise UsageError("The reply is not complete yet; read the stream to its end first.")
        return self._result

    def next_request(self) -> Request | None:
        """Return the next request; None while the call `needs_opening`, and when it is answered."""
        if self.accepted or self.finished:
            return None
        if self.step is Step.RENEW:
            self._advance(Outcome.RENEWED)
        session = self._site.session if self.with_session else Session()
        if session is None or self._site.root is None:
            return None
        self._session = session
        self._status = 0
        self._refusal = None
        return Request(
            self.method,
            route(self._site.root, self._name),
            self._request_headers(),
            self._request_body(session),
            session.nonce,
        )

    def receive_head(self, status: int, headers: Headers) -> None:
        self._status = status
        self._headers = headers
        if 200 <= status < 300:
            self._advance(Outcome.ACCEPTED)
            self._renew_nonce(headers.get("x-wp-nonce"))
        else:
            page = self._limits.page
            self._refusal = ChunkParser(Limits(line=page, reply=page))
            self._refused_text = ""

    def receive_data(self, data: bytes) -> Sequence[Piece]:
        if self._refusal is None:
            return self._take_data(data)
        for piece in self._refusal.feed(data):
            self._refused_text += piece if isinstance(piece, str) else ""
        return ()

    def receive_eof(self) -> Sequence[Piece]:
        if self.accepted:
            return self._take_eof()
        self._judge_refusal()
        return ()

    def interrupted(self, error: TransportError) -> ChatError:
        """Return what to raise when the connection failed with `error`.

        It is `error` itself while there is no answer, what the answer means where that is an
        error, and what `_break_off` makes of it where the call was accepted.
        """
        if self.accepted:
            self._fail(self._break_off(error))
        elif self._status:
            self._judge_refusal()
        return self._failure or error

    @abstractmethod
    def _request_headers(self) -> Mapping[str, str]:
        """Return the headers of the route, without the nonce."""

    @abstractmethod
    def _request_body(self, session: Session) -> Body | None: ...

    @abstractmethod
    def _take_data(self, data: bytes) -> Sequence[Piece]: ...

    @abstractmethod
    def _take_eof(self) -> Sequence[Piece]: ...

    @abstractmethod
    def _break_off(self, error: TransportError) -> ChatError: ...

    def _fail(self, error: ChatError) -> None:
        self._failure = self._failure or error

    def _read_failure(
        self, payload: Mapping[str, Any] | None, head: str, partial_text: str
    ) -> ChatError:
        return read_failure(
            self._status, self._headers, payload, head, partial_text, secrets=self._secrets()
        )

    def _secrets(self) -> list[str]:
        """Return what was sent that must not be shown, should the site echo it."""
        sessions = [known for known in (self._session, self._site.session) if known is not None]
        ids = [text for known in sessions for text in (known.nonce, known.session_id)]
        return [*self._site.secrets, *(text for text in ids if text is not None)]

    def _renew_nonce(self, nonce: object) -> None:
        assert self._session is not None
        self._site.renew_nonce(self._session, nonce)

    def _judge_refusal(self) -> None:
        """Read an answer that is not a success: send once more, or fail."""
        assert self._refusal is not None
        self._refusal.finish()
        outcome = self._refusal.outcome
        payload = outcome.payload if isinstance(outcome, Failure | End) else None
        refused = _refuses_nonce(self._status, payload)
        if refused and self.with_session:
            assert self._session is not None
            self._site.drop_session(self._session)
        if refused and self._may_renew():
            self._advance(Outcome.REFUSED)
        else:
            head = self._refusal.head
            partial_text = self._refused_text
            error = self._read_failure(payload, head, partial_text)
            if isinstance(error, NonceRejected) and not self.with_session:
                error = StatusError(
                    f"The site refused the token or the password (HTTP {error.status}, "
                    f"{error.code}), or its public API is switched off.",
                    status=error.status, code=error.code, message=error.message,
                )  # fmt: skip
            self._fail(error)

    def _may_renew(self) -> bool:
        # A site that was just found to hand out no nonce will not do so a moment later.
        bare = self._session is not None and self._session.nonce is None
        fruitless = bare and (self._session_is_new or not self.with_session)
        return self.step is Step.CALL and not fruitless


def _refuses_nonce(status: int, payload: Mapping[str, Any] | None) -> bool:
    return status in (401, 403) and payload is not None and payload.get("code") in NONCE_CODES


class JsonCall(Call[Result]):
    """A call that is answered by one JSON object.

    Args:
        site: what is known of the site.
        name: the route.
        body: what is sent as JSON; None for a `GET` without a body.
        read: makes the result of the answer; None where the answer is not what it should be.
        limits: how long an answer may be.
    """

    def __init__(
        self,
        site: Site,
        name: str,
        body: Mapping[str, Any] | None,
        read: Callable[[dict[str, Any]], Result | None],
        limits: Limits,
    ) -> None:
        super().__init__(site, name, limits)
        self._body = body
        self._read = read
        if body is None:
            self.method = "GET"

    def start_over(self) -> None:
        super().start_over()
        self._received: list[bytes] = []
        self._size = 0

    def _request_headers(self) -> Mapping[str, str]:
        return _FOR_JSON if self._body is None else JSON_FOR_JSON

    def _request_body(self, session: Session) -> Body | None:
        return None if self._body is None else encode_json(self._body)

    def _take_data(self, data: bytes) -> Sequence[Piece]:
        self._size += len(data)
        if self._size > self._limits.reply:
            self._received.clear()
            self._fail(
                ProtocolError(f"The site's answer is longer than {self._limits.reply} bytes.")
            )
        else:
            self._received.append(data)
        return ()

    def _take_eof(self) -> Sequence[Piece]:
        text = b"".join(self._received).decode("utf-8", "replace")
        answer = find_object(text)
        if answer is not None and self._is_success(answer):
            self._result = self._read(answer)
        if self._result is None:
            self._fail(self._read_failure(answer, text[:1024], ""))
        return ()

    def _secrets(self) -> list[str]:
        return [*super()._secrets(), *_texts(self._body)]

    def _is_success(self, answer: dict[str, Any]) -> bool:
        return answer.get("success") is True

    def _break_off(self, error: TransportError) -> ChatError:
        return error


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)


def encode_json(value: Mapping[str, Any], what: str = "The request") -> bytes:
    """Return `value` as the JSON of a request.

    Raises:
        UsageError: it cannot be sent as JSON; the text begins with `what`.
    """
    try:
        return _ENCODE(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # From None: the cause can hold the values.
        raise UsageError(f"{what} cannot be sent as JSON ({type(error).__name__}).") from None
