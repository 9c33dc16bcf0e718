"""How tests run the command."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from typing import Any, Self

import pyte
from rich.style import Style
from rich.text import Text

from .loopback import WAIT_LIMIT

COMMAND = [sys.executable, "-X", "utf8", "-W", "error", "-m", "chatgpt4online"]


def heed_ctrl_c() -> None:
    """Heed SIGINT in a child. One of a background job inherits that it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def read_terminal(descriptor: int) -> bytes:
    """Read what a terminal has shown, whose command has ended, and close it."""
    shown = b""
    with contextlib.suppress(OSError), open(descriptor, "rb", buffering=0) as terminal:
        while data := terminal.read(4096):
            shown += data
    return shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TerminalProcess:
    """The command in a terminal of its own, whose screen can be read; a context manager.

    Args:
        arguments: The command line without the command's name.
        rows: Lines of the terminal.
        columns: Characters of a line.
        environment: More environment variables.
    """

    def __init__(
        self,
        *arguments: str,
        rows: int = 24,
        columns: int = 80,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self._screen)
        self._parent, child = pty.openpty()
        self.resize(rows, columns)
        variables = {**os.environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=child,
            stdout=child,
            stderr=child,
            env={**variables, **(environment or {})},
            preexec_fn=_own_terminal,
        )
        os.close(child)
        self.output = b""

    @property
    def text(self) -> str:
        """What the terminal has shown so far and not erased."""
        above = [
            "".join(line[column].data for column in range(self._screen.columns))
            for line in self._screen.history.top
        ]
        return "\n".join(line.rstrip() for line in (*above, *self._screen.display))

    def picture(self) -> Text:
        """Return what the terminal shows, with its colors, up to the last line with text."""
        lines = [*self._screen.history.top, *(self._screen.buffer[y] for y in self._rows())]
        picture = Text()
        for line in lines:
            for column in range(self._screen.columns):
                cell = line[column]
                picture.append(cell.data, _style(cell))
            picture.append("\n")
        return picture

    def _rows(self) -> range:
        used = [y for y, line in enumerate(self._screen.display) if line.strip()]
        return range(used[-1] + 1 if used else 0)

    def resize(self, rows: int, columns: int) -> None:
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._parent, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._parent, text.encode())

    def expect(self, text: str) -> None:
        """Wait until the terminal shows a text."""
        self._wait(lambda: text in self.text, text)

    def expect_gone(self, text: str) -> None:
        """Wait until the terminal no longer shows a text."""
        self._wait(lambda: text not in self.text, f"no {text}")

    def expect_prompt(self) -> None:
        """Wait until the cursor stands behind an empty prompt."""
        self._wait(lambda: self._screen.display[self._screen.cursor.y].rstrip() == ">", "a prompt")

    def send(self, text: str) -> None:
        """Type a line at the next prompt, and press Enter."""
        self.expect_prompt()
        self.type(text + "\r")

    def leave(self) -> int:
        """Press Ctrl-D at the next prompt, and return the exit code."""
        self.expect_prompt()
        self.type("\x04")
        return self.end()

    def end(self) -> int:
        """Wait for the end of the command and return its exit code."""
        while self._read():
            pass
        return self._process.wait(WAIT_LIMIT)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        while not condition():
            ready, _, _ = select.select([self._parent], [], [], WAIT_LIMIT)
            assert ready and self._read(), f"{what!r} did not come; the terminal has: {self.text}"

    def _read(self) -> bool:
        try:
            data = os.read(self._parent, 65536)
        except OSError:  # the command has ended
            return False
        self.output += data
        self._stream.feed(data)
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(WAIT_LIMIT)
        os.close(self._parent)


def _style(cell: Any) -> Style:
    def color(name: str) -> str | None:
        name = name.replace("bright", "bright_").replace("brown", "yellow")
        return (
            None
            if name == "default"
            else f"#{name}"
            if len(name) == 6 and name != "yellow"
            else name
        )

    return Style(
        color=color(cell.fg), bgcolor=color(cell.bg), bold=cell.bold, italic=cell.italics,
        underline=cell.underscore, reverse=cell.reverse,
    )  # fmt: skip


def _own_terminal() -> None:
    # Ctrl-C reaches the command only in a session of its own, and if SIGINT is not ignored.
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    heed_ctrl_c()
