"""Cases and bots for the tests of `chatgpt4online check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chatgpt4online import Message

Bot = Callable[[Sequence[Message]], Iterator[str]]

HOURS = """
[[case]]
name = "hours"
prompt = "When are you open?"
contains = "10"
"""
PRICES = """
[[case]]
name = "prices"
prompt = "How much is a ticket?"
regex = '\\d+ euros'
"""


def shop(changed: bool = False) -> Bot:
    """Return a bot; the changed one does not tell prices."""

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        if "ticket" in messages[-1].content:
            yield "I do not know prices." if changed else "A ticket is 16 euros."
        else:
            yield "We are open from 10 to 4."

    return bot


def write(folder: Path, text: str) -> str:
    """Write a file of cases and return its path."""
    path = folder / "cases.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)
