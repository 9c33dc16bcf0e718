"""How long the async client waits for more of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler


class IdleSwitch:
    """Switches the timer on by which aiohttp bounds the silence of a site, where it is needed.

    aiohttp sets it anew for whatever comes, which takes a fifth of what a chunk costs. So it is
    on only while a reader waits, and has waited since the last turn.

    Args:
        seconds: the longest silence while a reader waits; None for no limit.

    Attributes:
        steps: what the reader counts up when a wait begins, and again when it ends.
    """

    __slots__ = ("_seconds", "_seen", "steps")

    def __init__(self, seconds: float | None) -> None:
        self.steps = 0
        self._seen = 0
        self._seconds = seconds

    def turn(self, protocol: ResponseHandler) -> None:
        """Switch the timer on where a wait has lasted since the last turn, else off."""
        waits = self.steps % 2 == 1 and self.steps == self._seen
        self._seen = self.steps
        is_on = protocol.read_timeout is not None
        if self._seconds is not None and waits is not is_on:
            protocol.read_timeout = self._seconds if waits else None
            protocol.start_timeout()  # or, with no time to wait, ends the one that runs
