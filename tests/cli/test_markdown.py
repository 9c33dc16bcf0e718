"""Markdown while it arrives."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from chatgpt4online.cli.markdown import MarkdownPrinter, split_blocks

TEXT = """# Title

A paragraph
of two lines.

1. one

   still one
2. two

```python
def f():

    return 1
```

The end."""


@pytest.mark.parametrize(
    "blocks",
    [
        ["A paragraph."],
        ["A paragraph.\n\n"],
        ["A paragraph.\n\n", "A"],
        ["- one\n\n  more"],
        ["```\ncode\n\nmore code\n\nx"],
        ["```\ncode\n\nmore\n```\n\n", "x\n\n", "y"],
        ["~~~\n```\n\nx"],
    ],
)
def test_split_blocks(blocks: list[str]) -> None:
    assert split_blocks("".join(blocks)) == blocks


@given(st.lists(st.integers(min_value=1, max_value=len(TEXT))))
def test_any_split_gives_the_same_blocks(cuts: list[int]) -> None:
    blocks, rest, start = [], "", 0
    for end in [*sorted(cuts), len(TEXT)]:
        rest += TEXT[start:end]
        start = end
        *complete, rest = split_blocks(rest)
        blocks += complete
    assert [*blocks, rest] == split_blocks(TEXT)
    assert len(blocks) == 4


def test_what_is_printed_does_not_depend_on_the_pieces() -> None:
    def printed(pieces: list[str]) -> str:
        file = io.StringIO()
        with MarkdownPrinter(Console(file=file, width=60, force_terminal=False)) as printer:
            for piece in pieces:
                printer.feed(piece)
        return file.getvalue()

    whole = printed([TEXT])
    assert printed(list(TEXT)) == whole
    assert re.search(r"1 one\s+still one\s+2 two", whole)
    assert "return 1" in whole


def test_a_site_cannot_move_the_cursor() -> None:
    file = io.StringIO()
    with MarkdownPrinter(Console(file=file, width=60, force_terminal=False)) as printer:
        printer.feed("before \x1b[2J after\n\n`\x9b2J`")
    assert "\x1b" not in file.getvalue()
    assert "\x9b" not in file.getvalue()
