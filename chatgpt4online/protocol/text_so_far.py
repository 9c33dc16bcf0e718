"""The text of a reply while it grows."""

from __future__ import annotations

from collections.abc import Sequence

from ..messages import ActivityEvent

_LARGE = 2**20
"""When the last parts are joined; characters."""
_LEAST = 1024
"""What a part counts as at least, so that a thousand small ones are joined too; characters."""


class TextSoFar:
    """Keeps the texts among the pieces of a reply, for little more than their characters.

    A list of small texts takes 50 bytes more for each, and io.StringIO holds all of it twice when
    it is asked for. So a list it is, whose last parts are joined when they are many, or long:
    blocks of a mebibyte go back to the system when they are dropped. Of a dropped reply of 100 MB
    in blocks of 64 KiB half stayed with the process.

    While one thread adds, others may ask for the text: each step that they can see is whole.
    """

    __slots__ = ("_joined", "_parts", "_room")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._joined = 0
        self._room = _LARGE

    def __str__(self) -> str:
        return "".join(self._parts)

    def add(self, pieces: Sequence[str | ActivityEvent]) -> None:
        """Add the next pieces."""
        try:
            text = "".join(pieces)  # type: ignore[arg-type]
        except TypeError:  # there are activities among them, which is rare
            text = "".join([piece for piece in pieces if type(piece) is str])
        if text:
            self._parts.append(text)
            self._room -= len(text) + _LEAST
            if self._room < 0:
                self._parts[self._joined :] = ["".join(self._parts[self._joined :])]
                self._joined += 1
                self._room = _LARGE

    def rest_of(self, text: str) -> str:
        """Return what `text` has beyond this one; '' where it does not begin with it."""
        end = 0
        for part in self._parts:
            if not text.startswith(part, end):
                return ""
            end += len(part)
        return text[end:]
