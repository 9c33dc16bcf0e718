"""Opening a session with a site of any era, from any address of it."""

from __future__ import annotations

from typing import Any

from ..errors import ChatError, ConnectError, ProtocolError, StatusError, TransportError
from .address import link_header_root, moved, origin, route
from .answers import NONCE_CODES, Headers, read_failure, route_not_found
from .exchanges import Exchange, Request
from .jsontext import find_object
from .limits import Limits
from .nonce import Session, read_session_answer
from .site import Era, Site
from .steps import Outcome, Step

START_SESSION = "mwai/v1/start_session"
_MOST_REDIRECTS = 5
_PAGE_STEPS = (Step.PAGE, Step.NONCE_PAGE)


class SessionOpening(Exchange):
    """Find the REST root and a nonce; what is learned goes into `site`.

    No prompt is sent, so it may be run again whenever the connection fails.
    """

    def __init__(self, site: Site, limits: Limits) -> None:
        self._site = site
        self._limits = limits
        self.start_over()

    def start_over(self) -> None:
        site = self._site
        self.step = site.first_step()
        self._renewal = site.era is not None
        self._page_url = site.page_url
        self._root = site.root
        self._session: Session | None = None
        self._era: Era | None = None
        self._tried_roots: set[str] = set()
        self._redirects = 0
        self._status = 0
        self._headers: Headers = {}
        self._body: list[bytes] = []
        self._size = 0

    @property
    def finished(self) -> bool:
        return self.step is Step.OPEN

    def next_request(self) -> Request | None:
        if self.finished:
            return None
        if self.step in _PAGE_STEPS:
            headers = {"Accept": "text/html,*/*;q=0.8"}
            if self._renewal:
                headers["Cache-Control"] = "no-cache"  # a cached page holds the refused nonce
            return Request("GET", self._page_url, headers)
        assert self._root is not None
        self._tried_roots.add(self._root)
        # A nonce must not be sent here: a stale one makes start_session itself refuse.
        return Request(
            "POST", route(self._root, START_SESSION), {"Accept": "application/json"}, b""
        )

    def receive_head(self, status: int, headers: Headers) -> None:
        self._status = status
        self._headers = headers
        self._body.clear()
        self._size = 0

    def receive_data(self, data: bytes) -> tuple[()]:
        self._size += len(data)
        if self._size > self._limits.page:
            raise ProtocolError(
                f"The site's answer is longer than {self._limits.page} bytes (Limits.page)."
            )
        self._body.append(data)
        return ()

    def receive_eof(self) -> tuple[()]:
        body = b"".join(self._body)
        self._body.clear()
        if 300 <= self._status < 400:
            outcome = self._follow_redirect()
        elif self.step in _PAGE_STEPS:
            outcome = self._read_page(body)
        else:
            outcome = self._read_session(body)
        if not self._advance(outcome):
            raise self._failure(route_not_found(self._status))
        if self.step is Step.OPEN:
            self._hand_over()
        return ()

    def interrupted(self, error: TransportError) -> ChatError:
        # No prompt was sent; but a connection that cannot be made says itself whether to try on.
        error.retryable = error.retryable or not isinstance(error, ConnectError)
        return error

    def _follow_redirect(self) -> Outcome:
        url = self._page_url
        if self.step not in _PAGE_STEPS:
            assert self._root is not None
            url = route(self._root, START_SESSION)
        target = moved(url, self._headers.get("location", ""))
        self._redirects += 1
        if target is None or self._redirects > _MOST_REDIRECTS:
            raise StatusError(
                "The site redirects to another host, or without end; only redirects on the same "
                "host are followed. Use the address that the site redirects to.",
                status=self._status,
            )
        if self.step in _PAGE_STEPS:
            self._page_url = target
        elif target.endswith(START_SESSION):
            self._root = target.removesuffix(START_SESSION)
            self._page_url = origin(target) + self._page_url.removeprefix(origin(self._page_url))
        else:
            return Outcome.FOREIGN
        return Outcome.MOVED

    def _read_page(self, body: bytes) -> Outcome:
        # Not imported above: most sites are never asked for a page, and html.parser takes 4 ms.
        from .page import read_page

        if self._status == 404 and self.step is Step.NONCE_PAGE:
            return Outcome.NOTHING
        if self._status >= 400:
            raise self._failure(self._read_error(None, body))
        page = read_page(body, self._page_url)
        root = page.root or link_header_root(self._headers.get("link", ""), self._page_url)
        self._site.page = page
        if page.session is not None:
            self._session, self._era = page.session, Era.PAGE_NONCE
            self._root = root or self._root or origin(self._page_url) + "/wp-json/"
            return Outcome.OPENED
        if root is None or (self.step is Step.PAGE and root in self._tried_roots):
            return Outcome.NOTHING
        if self.step is Step.PAGE:
            self._root = root
        return Outcome.ROOT

    def _read_session(self, body: bytes) -> Outcome:
        if self._status < 300:
            self._session = read_session_answer(body)
            if self._session is not None:
                self._era = Era.START_SESSION
                return Outcome.OPENED
        answer = find_object(body.decode("utf-8", "replace"))
        if answer is not None:
            if answer.get("code") == "rest_no_route":
                return Outcome.NO_ROUTE
            raise self._failure(self._read_error(answer, body))
        if self._status < 300 or self._status in (404, 405, 410):
            return self._look_elsewhere()
        raise self._failure(self._read_error(None, body))

    def _look_elsewhere(self) -> Outcome:
        assert self._root is not None
        root = link_header_root(self._headers.get("link", ""), self._root)
        if root is None or root in self._tried_roots:
            return Outcome.FOREIGN
        if self.step is Step.SESSION:
            self._root = root
        return Outcome.ANNOUNCED

    def _hand_over(self) -> None:
        self._site.page_url = self._page_url
        self._site.root = self._root
        self._site.era = self._era or Era.NO_NONCE
        self._site.session = self._session or Session()

    def _read_error(self, answer: dict[str, Any] | None, body: bytes) -> ChatError:
        head = body[:1024].decode("utf-8", "replace")
        code = answer.get("code") if answer else None
        if isinstance(code, str) and code in NONCE_CODES:
            return StatusError(
                f"The site lets no guest open a session (HTTP {self._status}, {code}).",
                status=self._status, code=code,
            )  # fmt: skip
        if self._status < 300 and answer is not None and answer.get("success") is True:
            return ProtocolError("start_session gave no nonce that can be used.")
        secrets = self._site.secrets
        return read_failure(self._status, self._headers, answer, head, "", secrets=secrets)

    def _failure(self, error: ChatError) -> ChatError:
        if isinstance(error, StatusError) and error.status in (502, 503, 504):
            error.retryable = True
        return error


class RootFinding(SessionOpening):
    """Find the REST root alone, for calls that need no session."""

    def _advance(self, outcome: Outcome) -> bool:
        if outcome in (Outcome.ROOT, Outcome.OPENED):
            self.step = Step.OPEN
            return True
        return super()._advance(outcome)

    def _hand_over(self) -> None:
        self._site.page_url = self._page_url
        self._site.root = self._root
