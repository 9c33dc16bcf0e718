"""The question of a command: its words, and what is piped in."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Sequence

from ..errors import UsageError
from .output import warn


def read_prompt(words: Sequence[str]) -> str:
    """Return the question. Piped input follows the words, after a blank line.

    Without words, or with ``-`` in their place, all of it is read from stdin.

    Raises:
        UsageError: There is no question, or it is not UTF-8.
    """
    question = " ".join(words)
    try:
        question.encode()  # Python turns bytes of an argument that are not UTF-8 into surrogates
        if question in ("", "-"):
            return _read_stdin()
        piped = _read_stdin() if _is_piped() else ""
    except UnicodeError:
        raise UsageError("The question is not UTF-8.") from None
    return f"{question}\n\n{piped}" if piped else question


def _is_piped() -> bool:
    """Return whether stdin has input that was meant for this command, unlike /dev/null."""
    if sys.stdin is None or sys.stdin.isatty():
        return False
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False  # it is no file of the operating system
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _read_stdin() -> str:
    if sys.stdin is None:
        raise UsageError("No question is given: pass one, or send it to stdin.")
    if sys.stdin.isatty():
        warn("Type your question, then press Ctrl-D.")
    elif isinstance(sys.stdin, io.TextIOWrapper):
        # Files of Windows can begin with a byte order mark.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    return sys.stdin.read().strip()
