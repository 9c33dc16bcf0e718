"""What a client knows about its site."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..config import Limits
from .address import Address

if TYPE_CHECKING:
    from .page import Page

DEFAULT_BOT = "default"
MARK = "[…]"
SHORTEST_SECRET = 4
"""Characters. Anything shorter would be found in ordinary words."""
_NONCE_LENGTH = 10
_TOKEN = re.compile(r"[!-~]{1,128}")
_MAX_REMEMBERED = 100


class Era(Enum):
    """How a version of the plugin gives guests their nonce."""

    NO_NONCE = "1.x: no nonce"
    PAGE_NONCE = "2.0.0 to 2.4.3: nonce on the page"
    START_SESSION = "2.4.4 and later: nonce from start_session"


class User(Enum):
    """Who a client chats as."""

    GUEST = "a guest"
    UNVERIFIED = "a user whose password was not checked yet"
    VERIFIED = "a user"
    HIDDEN = "a user, but the site hides the route that tells whether the password is right"


@dataclass(frozen=True, slots=True)
class Session:
    """What a site hands out to let a client in. Sites give no nonce, or no id, if they need none.

    Attributes:
        nonce: Sent as ``X-WP-Nonce``.
        session_id: Sent as ``session``.
    """

    nonce: str | None = field(default=None, repr=False)
    session_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Bot:
    """The chatbot to talk to. With neither id: the first on the user's page, or the site's default.

    `custom_id` is the id of a chatbot that is defined on its page.
    """

    bot_id: str | None = None
    custom_id: str | None = None


class Site:
    """A site, shared by all flows of a client. No error may show its `credentials`.

    Attributes:
        page_url: The page to read when a page is needed.
        is_bot_page: Whether the user gave the address of a page, whose first chatbot is meant if
            no id is given.
        root: The REST root; None while it is unknown.
        root_is_guess: Whether the root was never verified.
        era: How it gives guests their nonce; None while that is unknown.
        page: The page's contents; None while it is unread.
        session: The current session; None while none is open.
        has_discussions: Whether it keeps discussions; None while it is unknown.
        user: Who the client chats as.
        limits: Size limits for its responses.
    """

    def __init__(
        self,
        address: Address,
        limits: Limits = Limits(),
        credentials: Iterable[str] = (),
        user: User = User.GUEST,
    ) -> None:
        self.page_url, self.root, self.root_is_guess = address
        self.is_bot_page = address.root is None
        self.era: Era | None = None
        self.page: Page | None = None
        self.session: Session | None = None
        self.has_discussions: bool | None = None
        self.user = user
        self.limits = limits
        self._credentials = tuple(credentials)
        self._seen: deque[str] = deque(maxlen=_MAX_REMEMBERED)
        self._lock = Lock()

    def open(self, session: Session, era: Era) -> None:
        """Use a new session."""
        self.remember(session.nonce, session.session_id)
        self.root_is_guess = False
        self.era = era
        self.session = session

    def renew_nonce(self, used: Session, nonce: object) -> None:
        """Use the next nonce, which came with the response to a request of session `used`.

        It is ignored if another session has been opened since, because a nonce belongs to its
        session.
        """
        new = read_nonce(nonce)
        if new is None or new == used.nonce:
            return
        self.remember(new)
        with self._lock:
            if self.session is used:
                self.session = Session(new, used.session_id)

    def drop_session(self, refused: Session) -> None:
        """Forget a session whose nonce was refused, unless it was replaced already.

        The user is verified anew: the password may have been revoked.
        """
        with self._lock:
            if self.session is refused:
                self.session = None
                if self.user is User.VERIFIED:
                    self.user = User.UNVERIFIED

    def remember(self, *secrets: str | None) -> None:
        """Remember secrets that no error may show, such as the cookies that were sent."""
        forms = [form for secret in secrets if secret for form in (secret, unquote(secret))]
        with self._lock:
            self._seen.extend(form for form in forms if form not in self._seen)

    def redact(self, text: str) -> str:
        """Return `text` without credentials, nonces and cookies."""
        with self._lock:
            secrets = (*self._credentials, *self._seen)
        return redact(text, secrets)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with a mark in place of each secret."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, MARK)
    return text


def read_nonce(value: object) -> str | None:
    """Return a nonce as it must be sent back, or None if `value` is not a nonce.

    Plugins 2.0.1 to 2.2.91 wrote an all-digit nonce as a JSON number, which lost its leading
    zeros. They are restored.
    """
    if type(value) is int and 0 <= value < 10**_NONCE_LENGTH:
        return str(value).zfill(_NONCE_LENGTH)
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def read_session_id(value: object) -> str | None:
    """Return a session id, which some plugins write as a number, or None."""
    text = str(value) if type(value) in (int, str) else ""
    return text if _TOKEN.fullmatch(text) else None
