"""Ending a reply at a text that the client has chosen."""

from __future__ import annotations

from collections.abc import Sequence


class StopTexts:
    """Lets a reply through until one of the texts occurs in it.

    The end of a piece is held back while it may be the beginning of such a text.

    Attributes:
        found: Whether one of the texts has occurred.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.found = False
        self._texts = texts
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece of the reply, and return what can be passed on."""
        text = self._held + piece
        places = {stop: place for stop in self._texts if (place := text.find(stop)) >= 0}
        if places:
            self.found, self._held = True, ""
            # The first to be complete, as if the text had come character by character.
            _, start = min((start + len(stop), start) for stop, start in places.items())
            return text[:start]
        size = max((_overlap(text, stop) for stop in self._texts), default=0)
        self._held = text[len(text) - size :]
        return text[: len(text) - size]

    def rest(self) -> str:
        """Return what was held back, at the end of the reply."""
        return self._held


def cut(text: str, stops: Sequence[str]) -> str:
    """Return a complete reply up to the first of some texts."""
    passing = StopTexts(stops)
    return passing.feed(text) + passing.rest()


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of a text are the beginning of another."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(stop[:size])), 0)
