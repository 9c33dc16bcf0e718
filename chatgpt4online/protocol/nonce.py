"""The nonce that lets a guest in, and the session that it belongs to.

Plugins from 2.4.4 on give it as the answer of `mwai/v1/start_session`; 2.0.0 to 2.4.3 put it
into the page, see `page`; 1.x need none.
"""

from __future__ import annotations

import re

from ..values import HiddenValue
from .jsontext import find_object

NONCE_LENGTH = 10
_NONCE = re.compile(r"[!-~]{1,128}")


class Session(HiddenValue):
    """What a site gave to let us in.

    Attributes:
        nonce: sent as `X-WP-Nonce`; None on a site that needs none.
        session_id: sent as `session`; None where the site gave none.
    """

    __slots__ = ("nonce", "session_id")
    __match_args__ = ("nonce", "session_id")

    def __init__(self, nonce: str | None = None, session_id: str | None = None) -> None:
        self.nonce = nonce
        self.session_id = session_id


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


def read_session_id(value: object) -> str | None:
    """Return a session id, which some plugins write as a number; None where `value` is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[: NONCE_LENGTH * 10]
    return value if isinstance(value, str) and _NONCE.fullmatch(value) else None


def read_session_answer(body: bytes) -> Session | None:
    """Read the answer of `start_session`; None where it gives no nonce."""
    answer = find_object(body.decode("utf-8", "replace"))
    nonce = read_nonce(answer.get("restNonce")) if answer else None
    if answer is None or nonce is None:
        return None
    return Session(nonce, read_session_id(answer.get("sessionId")))
