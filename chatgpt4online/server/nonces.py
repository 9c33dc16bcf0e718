"""Nonces in the manner of WordPress: good for one session, for 12 to 24 hours."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable

HALF_LIFE = 12 * 60 * 60
_LENGTH = 10


class NonceMint:
    """Make and check the nonces of a site.

    Args:
        clock: returns seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def make(self, session: str) -> str:
        """Return the nonce of a session at this time."""
        return self._make(session, self._tick())

    def age(self, session: str, nonce: str) -> int:
        """Return the half-life that a nonce is in, 1 or 2; 0 where it is not good."""
        for age in (1, 2):
            if hmac.compare_digest(
                nonce.encode(), self._make(session, self._tick() + 1 - age).encode()
            ):
                return age
        return 0

    def _tick(self) -> int:
        return math.ceil(self._clock() / HALF_LIFE)

    def _make(self, session: str, tick: int) -> str:
        text = f"{tick}|{session}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:_LENGTH]
