"""The model behind a local site: a function from a conversation to pieces of a reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..models import Message

Bot = Callable[[Sequence[Message]], Iterable[str]]
"""Takes the conversation, oldest message first and the user's last; gives text pieces."""


def offline_bot(messages: Sequence[Message]) -> Iterator[str]:
    """Answer from the prompt alone, word by word."""
    prompt = messages[-1].content
    words = len(prompt.split())
    reply = f"You said: {prompt} ({words} {'word' if words == 1 else 'words'}"
    if len(messages) > 1:
        reply += f", message {len(messages)} of this conversation"
    yield from re.findall(r"\s*\S+", reply + ")")
