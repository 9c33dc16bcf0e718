"""Writing to the terminal: replies go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec

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


@contextlib.contextmanager
def no_echo() -> Iterator[None]:
    """Keep the terminal from showing what is typed, which would spoil what is being drawn."""
    if find_spec("termios") is None or sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a block. Half-drawn output would be drawn again."""
    pressed = False

    def remember(*_: object) -> None:
        nonlocal pressed
        pressed = True

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if pressed:
            signal.raise_signal(signal.SIGINT)
