"""The nonce that lets a guest in: from a `start_session` answer or from a page.

Plugins from 2.4.4 on answer `mwai/v1/start_session`; 2.0.0 to 2.4.3 put the nonce into the
page; 1.x need none. A page shows each chatbot as an element with JSON in `data-system` and
`data-params`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from .address import announced_root
from .jsontext import find_object, parse_json

NONCE_LENGTH = 10
_NONCE = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Session:
    """What a site gave to let us in.

    Attributes:
        nonce: sent as `X-WP-Nonce`; None on a site that needs none.
        session_id: sent as `session`; None where the site gave none.
    """

    nonce: str | None = field(default=None, repr=False)
    session_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PageBot:
    """A chatbot on a page.

    Attributes:
        system: its `data-system`.
        params: its `data-params`.
    """

    system: Mapping[str, Any] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page tells.

    Attributes:
        root: the REST root, on the origin of the page; None where the page has none.
        bots: the chatbots, in their order on the page.
        session: the session with the page's nonce; None where the page has none.
    """

    root: str | None
    bots: tuple[PageBot, ...]
    session: Session | None


def read_nonce(value: object) -> str | None:
    """Return a nonce as it must be sent back; None where `value` is none.

    Plugins 2.0.1 to 2.2.91 wrote an all-digit nonce as a JSON number, which lost its leading
    zeros: they are put back.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**NONCE_LENGTH:
        return str(value).zfill(NONCE_LENGTH)
    if isinstance(value, str) and _NONCE.fullmatch(value):
        return value
    return None


def _read_session_id(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[: NONCE_LENGTH * 10]
    return value if isinstance(value, str) and value else None


def read_session_answer(body: bytes) -> Session | None:
    """Read the answer of `start_session`; None where it gives no nonce."""
    answer = find_object(body.decode("utf-8", "replace"))
    nonce = read_nonce(answer.get("restNonce")) if answer else None
    if answer is None or nonce is None:
        return None
    return Session(nonce, _read_session_id(answer.get("sessionId")))


def read_page(body: bytes, url: str) -> Page:
    """Read a web page that was found at `url`."""
    reader = _PageReader()
    # html.parser gives up on a few malformed declarations; what it had read by then counts.
    with contextlib.suppress(AssertionError):
        reader.feed(body.decode("utf-8", "replace"))
        reader.close()
    session = None
    for bot in reader.bots:
        nonce = read_nonce(bot.system.get("restNonce"))
        if nonce is not None and session is None:
            session = Session(nonce, _read_session_id(bot.system.get("sessionId")))
    announced = [reader.root, *(bot.system.get("restUrl") for bot in reader.bots)]
    roots = (announced_root(text, url) for text in announced if text and isinstance(text, str))
    return Page(next(filter(None, roots), None), tuple(reader.bots), session)


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root: str | None = None
        self.bots: list[PageBot] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") == "https://api.w.org/":
            self.root = self.root or values.get("href")
        system = _read_attribute(values.get("data-system"))
        if system:
            self.bots.append(PageBot(system, _read_attribute(values.get("data-params"))))


def _read_attribute(text: str | None) -> dict[str, Any]:
    try:
        value = parse_json(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
