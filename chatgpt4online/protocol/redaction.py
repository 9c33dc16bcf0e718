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
"""How much of all secrets is looked for, in characters; those given first come first."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with a mark in place of each secret, and of each larger part of one.

    Any 20 characters in a row that a secret has too count as a part of it. A secret of less than
    8 characters counts where it stands as a word of its own, and one of less than 4 not at all:
    it would be found in any text. What JSON, PHP and HTML make of a secret counts as well.
    """
    forms = list(
        dict.fromkeys(form for secret in _within_budget(secrets) for form in _forms(secret))
    )
    text = _without_parts_of([form for form in forms if len(form) >= _WINDOW], text)
    for form in sorted(forms, key=len, reverse=True):
        if len(form) < _SHORTEST or form not in text:
            continue
        if len(form) > _LONGEST_WORD:
            text = text.replace(form, MARK)
        else:
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", MARK, text)
    return text


def _within_budget(secrets: Iterable[str]) -> Iterator[str]:
    left = _MOST
    for secret in secrets:
        yield secret[:left]
        left -= len(secret)
        if left <= 0:
            return


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


def _without_parts_of(secrets: list[str], text: str) -> str:
    """Leave out all that is among the 20 characters in a row of a secret; in linear time."""
    places: dict[str, list[int]] = {}
    for at in range(len(text) - _WINDOW + 1):
        places.setdefault(text[at : at + _WINDOW], []).append(at)
    hidden: set[int] = set()
    for secret in secrets if places else ():
        for at in range(len(secret) - _WINDOW + 1):
            for place in places.pop(secret[at : at + _WINDOW], ()):
                hidden.update(range(place, place + _WINDOW))
    kept = ["" if at in hidden else char for at, char in enumerate(text)]
    for at in hidden:
        if at - 1 not in hidden:
            kept[at] = MARK
    return "".join(kept)
