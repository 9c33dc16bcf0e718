"""Stopping a batch: the calls in flight end, and their replies are kept."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from ..output import is_terminal

_SHOW_CURSOR = b"\x1b[?25h"


class Stop:
    """Whether to send no more rows.

    Attributes:
        requested: Whether to send no more.
        interrupted: Whether that is because of Ctrl-C.
        in_flight: How many calls are in flight.
    """

    def __init__(self) -> None:
        self.requested = False
        self.interrupted = False
        self.in_flight = 0

    def interrupt(self, number: int, frame: FrameType | None) -> None:
        """Handle Ctrl-C: stop; if that was asked before, or nothing is in flight, end at once."""
        if self.interrupted:
            _tell(_SHOW_CURSOR if is_terminal(sys.stderr) else b"")
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)  # the threads may be waiting for the site
        if not self.in_flight:
            raise KeyboardInterrupt
        self.requested = self.interrupted = True
        what = "a reply" if self.in_flight == 1 else f"{self.in_flight} replies"
        _tell(f"\nchatgpt4online: Waiting for {what}. Press Ctrl-C again to give up.\n".encode())


@contextlib.contextmanager
def stop_on_ctrl_c() -> Iterator[Stop]:
    """Yield a `Stop` that Ctrl-C requests."""
    stop = Stop()
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not heeded or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signal.signal(signal.SIGINT, stop.interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _tell(text: bytes) -> None:
    """Write to stderr past its buffer, which whatever was interrupted may be using."""
    with contextlib.suppress(OSError):
        os.write(2, text)
