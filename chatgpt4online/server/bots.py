"""The model behind a local site: a function from a conversation to pieces of a reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..models import Message

Bot = Callable[[Sequence[Message]], Iterable[str]]
"""A function that takes the messages, oldest first, and returns the pieces of the reply."""


def offline_bot(messages: Sequence[Message]) -> Iterator[str]:
    """Repeat the prompt, word by word. Needs no network."""
    prompt = messages[-1].content
    words = len(prompt.split())
    reply = f"You said: {prompt} ({words} {'word' if words == 1 else 'words'}"
    if len(messages) > 1:
        reply += f", message {len(messages)} of this conversation"
    yield from re.findall(r"\s*\S+", reply + ")")
