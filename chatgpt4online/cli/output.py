"""Writing to the terminal: replies go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from .terminal import harmless


class OutputError(Exception):
    """Something cannot be written to stdout."""


def write(text: str) -> None:
    """Write to stdout at once; on a terminal, without control characters.

    Raises:
        OutputError: It cannot be written.
    """
    if sys.stdout is None:
        raise OutputError("The output cannot be written: stdout is closed.")
    try:
        sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(f"The output cannot be written: {error.strerror}.") from error


def write_line(text: str) -> None:
    """Write text to stdout, and a line end if it has none."""
    write(text if text.endswith("\n") else text + "\n")


def warn(text: str) -> None:
    """Write a line for the user to stderr."""
    say(f"chatgpt4online: {text}")


def say(line: str) -> None:
    """Write a line to stderr, as far as that is possible."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write((harmless(line) if sys.stderr.isatty() else line) + "\n")
            sys.stderr.flush()


def is_terminal(stream: object) -> bool:
    """Return whether a standard stream is a terminal that can do more than print lines."""
    return (
        hasattr(stream, "isatty") and stream.isatty() and os.environ.get("TERM") not in ("dumb", "")
    )


def replace_unprintable() -> None:
    """Let no character fail that the terminal's encoding, or UTF-8, does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence_stdout() -> None:
    """Keep Python's own flush at exit from failing again."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
