"""The text of a reply while it grows."""

from __future__ import annotations

from collections.abc import Iterable

from ..messages import ActivityEvent

_MOST_APART = 1000


class TextSoFar:
    """Keeps the texts among the pieces of a reply, for little more than their characters.

    A list of small texts takes 50 bytes more for each; io.StringIO holds all of it twice when it
    is asked for. So a list it is, whose last pieces are joined from time to time.
    """

    def __init__(self) -> None:
        self._joined: list[str] = []
        self._apart: list[str | ActivityEvent] = []

    def __str__(self) -> str:
        self._join()
        return "".join(self._joined)

    def add(self, pieces: Iterable[str | ActivityEvent]) -> None:
        """Add the next pieces."""
        self._apart += pieces
        if len(self._apart) > _MOST_APART:
            self._join()

    def rest_of(self, text: str) -> str:
        """Return what `text` has beyond this one; '' where it does not begin with it."""
        self._join()
        end = 0
        for part in self._joined:
            if not text.startswith(part, end):
                return ""
            end += len(part)
        return text[end:]

    def _join(self) -> None:
        if self._apart:
            self._joined.append("".join([piece for piece in self._apart if isinstance(piece, str)]))
            self._apart.clear()
