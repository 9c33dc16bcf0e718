"""Nonces like those of WordPress: bound to a session, and valid for 12 to 24 hours."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable

HALF_LIFE = 12 * 60 * 60
"""Seconds."""
_LENGTH = 10


class Nonces:
    """Creates and checks the nonces of a site.

    Args:
        clock: Returns the seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def create(self, session: str) -> str:
        """Return the current nonce of a session."""
        return self._hash(session, self._tick())

    def age(self, session: str, nonce: str) -> int:
        """Return whether a nonce is in its first or second half-life: 1, 2, or 0 if invalid."""
        for age in (1, 2):
            if hmac.compare_digest(
                nonce.encode(errors="replace"), self._hash(session, self._tick() + 1 - age).encode()
            ):
                return age
        return 0

    def _tick(self) -> int:
        return math.ceil(self._clock() / HALF_LIFE)

    def _hash(self, session: str, tick: int) -> str:
        text = f"{tick}|{session}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()[:_LENGTH]
