"""Secrets in what a site says: it can echo a prompt, a nonce or a password in its message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

MARK = "[…]"
_SHORTEST = 4
_LONGEST_WORD = 7
_WINDOW = 20
"""How many characters of a longer secret are found anywhere; a site may cut off the rest."""
_MOST = 262_144
"""How much of all longer secrets is looked for, in characters."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with a mark in place of each secret, and of each larger part of one.

    Any 20 characters in a row that a secret has too count as a part of it. A secret of less than
    8 characters counts where it stands as a word of its own, and one of less than 4 not at all:
    it would be found in any text. What JSON, PHP and HTML make of a secret counts as well.
    """
    forms = {form for secret in secrets for form in _forms(secret)}
    text = _without_parts_of("\0".join(form for form in forms if len(form) >= _WINDOW), text)
    for form in sorted(forms, key=len, reverse=True):
        if _LONGEST_WORD < len(form) < _WINDOW:
            text = text.replace(form, MARK)
        elif _SHORTEST <= len(form) < _WINDOW:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MARK, text)
    return text


def _forms(secret: str) -> Iterator[str]:
    """Give the ways in which a site may write a secret, white space made even."""
    yield secret
    secret = " ".join(secret.split())
    yield secret
    yield " ".join(re.sub(r"<[^<>]*>", " ", secret).split())
    yield re.sub(r"([\\'\"])", r"\\\1", secret)
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")


def _without_parts_of(secrets: str, text: str) -> str:
    secrets = secrets[:_MOST]
    kept, at = [], 0
    while at < len(text):
        length = _WINDOW
        if at + length <= len(text) and text[at : at + length] in secrets:
            while at + length < len(text) and text[at : at + length + 1] in secrets:
                length += 1
            kept.append(MARK)
            at += length
        else:
            kept.append(text[at])
            at += 1
    return "".join(kept)
