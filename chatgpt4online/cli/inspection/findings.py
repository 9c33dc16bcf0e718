"""What an inspection finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was found out about a site.

    Attributes:
        level: ``ok``; ``note`` for what can surprise; ``problem`` for what does not work.
        title: What it is, in a few words.
        detail: More about it, or an empty string.
        advice: What the site's owner can do, or an empty string.
    """

    level: Level
    title: str
    detail: str = ""
    advice: str = ""


def has_problems(findings: Iterable[Finding]) -> bool:
    """Return whether one of the findings is a problem."""
    return any(item.level == "problem" for item in findings)
