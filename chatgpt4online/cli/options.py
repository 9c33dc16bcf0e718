"""Adding several options to a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def add_options(command: Callable[..., Any], options: Sequence[Decorator]) -> Callable[..., Any]:
    """Return a command with more options, which its help lists in their order."""
    for option in reversed(options):
        command = option(command)
    return command
