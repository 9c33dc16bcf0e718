"""Removing secrets from text that a site has sent."""

from __future__ import annotations

from collections.abc import Iterable

MARK = "[…]"
SHORTEST_SECRET = 4
"""Characters. Anything shorter would be found in ordinary words."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with a mark in place of each secret."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, MARK)
    return text
