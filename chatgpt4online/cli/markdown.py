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
        self._tail = _Rendered("", tail=True)
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
        rest, self._tail.text = self._tail.text, ""
        with uninterrupted():
            self._live.stop()
        self._print(rest)

    def feed(self, text: str) -> None:
        """Print the next piece of the text."""
        *complete, self._tail.text = split_blocks(self._tail.text + harmless(text))
        for block in complete:
            self._print(block)

    def _print(self, text: str) -> None:
        if text.strip():
            with uninterrupted():
                if self._printed:
                    self._console.print()
                self._printed = True
                self._console.print(_Rendered(text), end="")


class _Rendered:
    """A Markdown text without blank lines before and after it.

    If `tail`, only its end is shown, as much as the terminal has room for.
    """

    def __init__(self, text: str, *, tail: bool = False) -> None:
        self.text = text
        self._tail = tail

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(Markdown(self.text), options, pad=False)
        while lines and _is_blank(lines[0]):
            del lines[0]
        while lines and _is_blank(lines[-1]):
            del lines[-1]
        for line in lines[-max(1, console.height - 2) :] if self._tail else lines:
            yield from _without_padding(line)
            yield Segment.line()


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


def split_blocks(text: str) -> list[str]:
    """Return the blocks of a Markdown text. All but the last are complete.

    A block is complete once another begins after a blank line. Indented text belongs to the block
    before it, and code between fences is one block.
    """
    blocks, start, fence, blank = [], 0, "", False
    for match in _LINE.finditer(text):
        line, at = match[0], match.start()
        if not fence and blank and line.strip() and not line[0].isspace():
            blocks.append(text[start:at])
            start = at
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        blank = not line.strip()
    return [*blocks, text[start:]]
