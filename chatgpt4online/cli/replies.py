"""Showing a reply while it arrives."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..models import ActivityEvent, TextEvent
from .output import is_terminal, no_echo, say, write

if TYPE_CHECKING:
    from ..sync.stream import ReplyStream


def show_stream(stream: ReplyStream, *, plain: bool, verbose: bool) -> str:
    """Print a reply as it arrives, and return what was printed.

    On a terminal it is rendered as Markdown, unless `plain`. If `verbose`, what the chatbot does
    is shown on stderr.
    """
    shown: list[str] = []
    with _printer(rendered=not plain and is_terminal(sys.stdout)) as show:
        for event in stream.events():
            if isinstance(event, TextEvent):
                shown.append(event.text)
                show(event.text)
            elif isinstance(event, ActivityEvent) and verbose:
                say(f"[{event.kind}] {event.text}".rstrip())
    return "".join(shown)


def show_text(text: str, *, plain: bool) -> None:
    """Print a complete text like a stream."""
    with _printer(rendered=not plain and is_terminal(sys.stdout)) as show:
        show(text)


@contextlib.contextmanager
def _printer(*, rendered: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that prints the pieces of a reply, rendered as Markdown or as they are."""
    if rendered:
        from rich.console import Console

        from .markdown import MarkdownPrinter

        with no_echo(), MarkdownPrinter(Console()) as printer:
            yield printer.feed
        return
    last = ""

    def show(text: str) -> None:
        nonlocal last
        last = text
        write(text)

    try:
        yield show
    finally:
        if last and not last.endswith("\n"):
            write("\n")
