"""Markdown on a terminal while it arrives."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment

from .output import uninterrupted
from .terminal import harmless

_REFRESHES = 12
"""Per second."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FENCE = re.compile(r" {0,3}(```|~~~)")


class MarkdownPrinter:
    """Prints Markdown while it arrives; a context manager.

    Blocks are printed once they are complete. The last one is shown as it is so far, below them.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tail = _Tail()
        self._printed = False
        self._live = Live(
            self._tail,
            console=console,
            refresh_per_second=_REFRESHES,
            transient=True,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        rest, self._tail.blocks = self._tail.blocks.rest, Blocks()
        with uninterrupted():
            self._live.stop()
        self._print(rest)

    def feed(self, text: str) -> None:
        """Print the next piece of the text."""
        for block in self._tail.blocks.feed(harmless(text)):
            self._print(block)

    def _print(self, text: str) -> None:
        if text.strip():
            with uninterrupted():
                if self._printed:
                    self._console.print()
                self._printed = True
                self._console.print(_Rendered(text), end="")


class _Rendered:
    """A Markdown text without blank lines before and after it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in _render(self._text, console, options):
            yield from line
            yield Segment.line()


class _Tail:
    """The block that is not complete; its end, as much as the terminal has room for."""

    def __init__(self) -> None:
        self.blocks = Blocks()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = max(1, console.height - 2)
        for line in _render(self.blocks.end(room), console, options)[-room:]:
            yield from line
            yield Segment.line()


def _render(text: str, console: Console, options: ConsoleOptions) -> list[list[Segment]]:
    lines = console.render_lines(Markdown(text), options, pad=False)
    while lines and _is_blank(lines[0]):
        del lines[0]
    while lines and _is_blank(lines[-1]):
        del lines[-1]
    return [_without_padding(line) for line in lines]


def _without_padding(line: list[Segment]) -> list[Segment]:
    """Return a line without the spaces at its end, unless they have a background."""
    line = list(line)
    while line and not (line[-1].style and line[-1].style.bgcolor):
        text, style, control = line.pop()
        if text.strip():
            return [*line, Segment(text.rstrip(), style, control)]
    return line


def _is_blank(line: list[Segment]) -> bool:
    return not "".join(segment.text for segment in line).strip()


class Blocks:
    """Splits Markdown into blocks while it arrives. Each character is looked at once.

    A block is complete once another begins after a blank line. Indented text belongs to the block
    before it, and code between fences is one block.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []  # of the block that is not complete
        self._last_line: list[str] = []  # its parts, as far as they are there
        self._fence = ""
        self._opening = ""  # the line with the fence
        self._after_blank_line = False

    @property
    def rest(self) -> str:
        """The block that is not complete."""
        return "".join([*self._lines, *self._last_line])

    def end(self, lines: int) -> str:
        """Return what is enough of `rest` to show its last lines.

        Of code it is not all, because rendering that takes long.
        """
        for index in range(len(self._lines) - 1, 0, -1) if self._fence else ():
            lines -= not self._lines[index].isspace()
            if lines < 0:
                return "".join([self._opening, *self._lines[index + 1 :], *self._last_line])
        return self.rest

    def feed(self, text: str) -> list[str]:
        """Add the next piece of the text, and return the blocks that it completes."""
        complete = []
        for part in _LINE.findall(text):
            may_begin = self._after_blank_line and not self._last_line and not self._fence
            if may_begin and not part[0].isspace():
                complete.append(self.rest)
                self._lines = []
            self._last_line.append(part)
            if part.endswith("\n"):
                self._end_line()
        return complete

    def _end_line(self) -> None:
        line, self._last_line = "".join(self._last_line), []
        self._lines.append(line)
        mark = _FENCE.match(line)
        if mark and self._fence in ("", mark[1]):
            self._fence, self._opening = "" if self._fence else mark[1], line
        self._after_blank_line = line.isspace()
