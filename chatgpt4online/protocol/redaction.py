"""Secrets in what a site says: it can echo a prompt, a nonce or a password in its message."""

from __future__ import annotations

import re
from collections.abc import Iterable

MARK = "[…]"
_SHORTEST = 4
_PREFIX = 16
"""How many characters of a secret, at least, are looked for; a site may cut off the rest."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with a mark in place of each secret.

    A longer secret is found by its first 16 characters too, and goes as far as `text` agrees
    with it. A shorter one counts where it stands as a word of its own, and one of less than 4
    characters not at all: it would be found in any text.
    """
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) < _SHORTEST:
            continue
        if len(secret) <= _PREFIX:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MARK, text)
        else:
            text = _without_start_of(secret, text)
    return text


def _without_start_of(secret: str, text: str) -> str:
    kept, at = [], 0
    while (start := text.find(secret[:_PREFIX], at)) >= 0:
        kept += [text[at:start], MARK]
        at = start + _PREFIX
        while at < len(text) and at - start < len(secret) and text[at] == secret[at - start]:
            at += 1
    return "".join([*kept, text[at:]])
