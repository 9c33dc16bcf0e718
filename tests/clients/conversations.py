"""Helpers for tests of conversations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chatgpt4online import Message


def echo_bot(messages: Sequence[Message]) -> Iterator[str]:
    """Reply with the number of messages so far and the last message."""
    yield f"{len(messages)}: "
    yield messages[-1].content


def contents(conversation: Any) -> list[tuple[str, str]]:
    """Return the roles and texts of the messages."""
    return [(message.role, message.content) for message in conversation.messages]
