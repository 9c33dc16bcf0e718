"""What the command shows of a site's text on a terminal, and what it writes to a pipe."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.cli.terminal import harmless
from chatgpt4online.server import LocalSite

from ..commands import COMMAND, Terminal, read_terminal
from ..loopback import (
    CHUNKED,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
)

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\x7f\rover\ttab\nline"


def hostile_bot(messages: Sequence[Message]) -> Iterator[str]:
    yield from ESCAPES


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u200e\u200f\u061c", "\u200e\u200f\u061c"),
        # The flag of Scotland.
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\U000e0067\U000e007f"),
        ("a\u202eb\u2066c\u2069", "a\ufffdb\ufffdc\ufffd"),
        ("\u202a\u202b\u202c\u202d\u2067\u2068", "\ufffd" * 6),
        ("\U000e0001", "\ufffd"),
    ],
)
def test_invisible_characters_on_a_terminal(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize("flags", [["--plain"], ["--no-stream"], ["--json"]])
def test_escape_sequences_on_a_terminal(flags: list[str]) -> None:
    """The site sends each sequence one character at a time."""
    parent, child = pty.openpty()
    with LocalSite(bot=hostile_bot) as site:
        result = subprocess.run(
            [*COMMAND, "ask", "--site", site.url, *flags, "Hi"],
            stdout=child,
            check=True,
            timeout=60,
        )
        assert result.returncode == 0
    os.close(child)
    text = read_terminal(parent).decode().replace("\r\n", "\n")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    if flags == ["--plain"]:
        assert text == "\u241b[2J\u241b]0;title\u2407\ufffd31m\u2421over\ttab\nline\n"


def test_escape_sequences_in_a_pipe() -> None:
    with LocalSite(bot=hostile_bot) as site:
        result = subprocess.run(
            [*COMMAND, "ask", "--site", site.url, "Hi"],
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
    assert result.stdout.decode() == ESCAPES + "\n"


def test_escape_sequences_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(connection: Connection, request: Received) -> None:
        event = b'data: {"type":"error","data":"no \\u001b[2J \\u009b2J"}\n\n'
        connection.send(CHUNKED + chunk(event) + chunk(b""))

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with LoopbackServer(ai_site(submit)) as server:
        assert main(["ask", "--site", server.url, "Hi"]) == 1
    assert terminal.getvalue().endswith("error: no [2J 2J\n")


def test_unpaired_surrogate() -> None:
    def submit(connection: Connection, request: Received) -> None:
        event = b'data: {"type":"live","data":"a\\ud83d"}\n\n'
        connection.send(CHUNKED + chunk(event) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server:
        result = subprocess.run(
            [*COMMAND, "ask", "--site", server.url, "Hi"],
            capture_output=True,
            check=False,
            timeout=60,
        )
    assert (result.returncode, result.stdout) == (1, b"a?\n")
