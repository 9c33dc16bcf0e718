"""What a client has learned about its site."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING

from .address import Address
from .nonce import Session, read_nonce
from .steps import Step

if TYPE_CHECKING:
    from .page import Page

_MOST_COOKIES = 50


class Era(Enum):
    """How a plugin lets guests in."""

    NO_NONCE = "1.x: without a nonce"
    PAGE_NONCE = "2.0.0 to 2.4.3: with a nonce from the page"
    START_SESSION = "2.4.4 and later: with a nonce from start_session"


class Site:
    """What is known of a site, shared by all exchanges of a client.

    Attributes:
        page_url: the page to read where a page is needed.
        root: the REST root; None while it is unknown.
        era: how guests get in; None while it is unknown.
        page: what the page told; None while it is unread.
        session: the session to use; None while none is open.
        credentials: what was given to ask as somebody.
    """

    def __init__(self, address: Address) -> None:
        self.page_url = address.page
        self.root = address.root
        self.era: Era | None = None
        self.page: Page | None = None
        self.session: Session | None = None
        self.credentials: tuple[str, ...] = ()
        self._cookies: deque[str] = deque(maxlen=_MOST_COOKIES)
        self._lock = Lock()

    def first_step(self) -> Step:
        """Return how to open a session with what is known by now."""
        if self.root is None or self.era is Era.PAGE_NONCE:
            return Step.PAGE
        return Step.SESSION

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may show: the credentials, and the last cookies."""
        with self._lock:
            return (*self.credentials, *self._cookies)

    def keep_secret(self, cookies: Sequence[str]) -> None:
        """Take note of the values of cookies that were sent."""
        if not cookies:
            return
        known = self.secrets
        new = [value for value in dict.fromkeys(cookies) if value not in known]
        with self._lock:
            self._cookies.extend(new)

    def renew_nonce(self, used: Session, nonce: object) -> None:
        """Take over the next nonce, which an answer to a request of session `used` gave.

        It is left aside where another session has been opened since, because a nonce is bound
        to its session.
        """
        new = read_nonce(nonce)
        if new is None:
            return
        with self._lock:
            if self.session is used and new != used.nonce:
                self.session = Session(new, used.session_id)

    def drop_session(self, refused: Session) -> None:
        """Forget a session whose nonce was refused, unless it is replaced already."""
        with self._lock:
            if self.session is refused:
                self.session = None
