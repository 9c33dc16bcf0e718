"""Which words of two texts differ."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

_WORD = re.compile(r"(?:\w+|[^\w\s])\s*|\s+")
"""A word or a mark, with the space after it."""
_MOST_WORDS = 2_000
"""Comparing takes time by the square of it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text.

    Attributes:
        text: The part.
        differs: Whether the other text does not have it there.
    """

    text: str = field(repr=False)
    differs: bool = False


def differences(first: str, second: str) -> tuple[list[Part], list[Part]]:
    """Return the parts of two texts. Those of very long texts are not compared."""
    ours, theirs = _WORD.findall(first), _WORD.findall(second)
    if len(ours) > _MOST_WORDS or len(theirs) > _MOST_WORDS:
        return [Part(first)], [Part(second)]
    matcher = difflib.SequenceMatcher(
        None, [word.strip() for word in ours], [word.strip() for word in theirs], autojunk=False
    )
    left: list[Part] = []
    right: list[Part] = []
    for operation, start, stop, other_start, other_stop in matcher.get_opcodes():
        differs = operation != "equal"
        left += _parts("".join(ours[start:stop]), differs)
        right += _parts("".join(theirs[other_start:other_stop]), differs)
    return left, right


def _parts(text: str, differs: bool) -> list[Part]:
    """Return the parts of a text; the space at its end does not differ."""
    word = text.rstrip()
    parts = [Part(word, differs), Part(text[len(word) :])]
    return [part for part in parts if part.text]
