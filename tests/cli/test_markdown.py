"""Markdown while it arrives."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown

from chatgpt4online.cli.markdown import Blocks, MarkdownPrinter

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
def test_blocks(blocks: list[str]) -> None:
    assert split(["".join(blocks)]) == blocks
    assert split("".join(blocks)) == blocks


def split(pieces: Iterable[str]) -> list[str]:
    """Return the blocks of a text that arrives in pieces, the last one perhaps incomplete."""
    blocks = Blocks()
    complete = [block for piece in pieces for block in blocks.feed(piece)]
    return [*complete, blocks.rest]


@given(
    st.lists(
        st.sampled_from(["a", " ", "    ", "\n", "\n\n", "- ", "``", "```", "~~~", "\u00a0", "\t"])
    )
)
def test_any_split_gives_the_same_blocks(pieces: list[str]) -> None:
    text = "".join(pieces)
    blocks = split([text])
    assert "".join(blocks) == text
    assert split(pieces) == blocks
    assert split(text) == blocks


@given(
    st.lists(st.sampled_from(["a", "\n", "\n\n", "word ", "    "])),
    st.sampled_from(["", "Code:\n", "- one\n"]),
    st.integers(min_value=1, max_value=5),
)
def test_the_end_of_a_block_is_enough_for_its_last_lines(
    pieces: list[str], before: str, room: int
) -> None:
    blocks = Blocks()
    for piece in (before, "```py", "thon\n", *pieces):
        assert blocks.feed(piece) == []
    console = Console(file=io.StringIO(), width=40)
    shown, wanted = (
        console.render_lines(Markdown(text), pad=False)[-room:]
        for text in (blocks.end(room), blocks.rest)
    )
    assert shown == wanted


def test_the_end_of_a_long_block_is_short() -> None:
    blocks = Blocks()
    blocks.feed("```python\n" + "".join(f"line {number}\n" for number in range(1000)) + "li")
    assert blocks.end(2) == "```python\nline 998\nline 999\nli"


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
