"""Which process this is: connections that were made before a fork are the parent's."""

from __future__ import annotations

import os


class _Process:
    """This process.

    Attributes:
        forks: how many forks it is away from the one that imported this. To compare it takes
            a twentieth of `os.getpid`, which would be asked before each read.
    """

    forks = 0


PROCESS = _Process()


def _forked() -> None:
    PROCESS.forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
