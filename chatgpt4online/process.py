"""Which process this is: a fork must not use the connections of the one that it came from."""

from __future__ import annotations

import os


class Process:
    """This process.

    Attributes:
        id: known without a system call, of which each takes 0.2 us; it is asked for each chunk.
    """

    def __init__(self) -> None:
        self.id = os.getpid()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.id = os.getpid()


PROCESS = Process()
