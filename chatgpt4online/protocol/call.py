"""A call of a route that needs a session: the nonce, and its renewal once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from ..errors import ChatError
from .address import route
from .answers import NONCE_CODES, Headers, read_failure
from .chunks import ChunkParser, End, Failure
from .exchanges import Exchange, Request
from .limits import Limits
from .nonce import Session
from .site import Site
from .steps import Outcome, Step


class Call(Exchange):
    """Send one request to a route of the site, with a nonce where the site wants one.

    A session must be open whenever `next_request` is asked. A refused nonce means that the
    site did not carry the request out, so it is sent once more with that of a new session.
    """

    def __init__(self, site: Site, name: str, limits: Limits) -> None:
        super().__init__(Step.CALL)
        self._site = site
        self._name = name
        self._limits = limits
        self._session: Session | None = None
        self._session_is_new = site.session is None
        self._status = 0
        self._headers: Headers = {}
        self._refusal = ChunkParser(limits)

    @property
    def accepted(self) -> bool:
        """Whether the site has begun to answer the call, so that it may have carried it out."""
        return self.step is Step.ANSWER

    def next_request(self) -> Request | None:
        if self.step is Step.ANSWER:
            return None
        if self.step is Step.RENEW:
            self._advance(Outcome.RENEWED)
        self._session = self._site.session
        assert self._session is not None and self._site.root is not None
        self._status = 0
        headers = dict(self._request_headers())
        if self._session.nonce is not None:
            headers["X-WP-Nonce"] = self._session.nonce
        url = route(self._site.root, self._name)
        return Request("POST", url, headers, self._request_body(self._session))

    def receive_head(self, status: int, headers: Headers) -> None:
        self._status = status
        self._headers = headers
        if 200 <= status < 300:
            self._advance(Outcome.ACCEPTED)
            self._renew_nonce(headers.get("x-wp-nonce"))
        else:
            page = self._limits.page
            self._refusal = ChunkParser(Limits(line=page, reply=page))

    @abstractmethod
    def _request_headers(self) -> Mapping[str, str]: ...

    @abstractmethod
    def _request_body(self, session: Session) -> bytes: ...

    @abstractmethod
    def _fail(self, error: ChatError) -> None: ...

    def _renew_nonce(self, nonce: object) -> None:
        assert self._session is not None
        self._site.renew_nonce(self._session, nonce)

    def _judge_refusal(self) -> None:
        """Read an answer that is not a success: send once more, or fail."""
        self._refusal.finish()
        outcome = self._refusal.outcome
        payload = outcome.payload if isinstance(outcome, Failure | End) else None
        if _refuses_nonce(self._status, payload) and self._may_renew():
            assert self._session is not None
            self._site.drop_session(self._session)
            self._advance(Outcome.REFUSED)
        else:
            head = self._refusal.head
            self._fail(read_failure(self._status, self._headers, payload, head, ""))

    def _may_renew(self) -> bool:
        # A site that was just found to hand out no nonce will not do so a moment later.
        bare = self._session is not None and self._session.nonce is None
        return self.step is Step.CALL and not (bare and self._session_is_new)


def _refuses_nonce(status: int, payload: Mapping[str, Any] | None) -> bool:
    return status in (401, 403) and payload is not None and payload.get("code") in NONCE_CODES
