"""What the caller says, as the site wants it: the new message and the history before it."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from ..models import Message, read_role

PromptInput = str | Sequence[Message | Mapping[str, Any]]
"""A string, or messages (`Message`, or dicts with role and content), oldest first."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in the site's terms: the last user message, and the messages before it."""

    new_message: str = field(repr=False)
    history: tuple[Message, ...] = field(default=(), repr=False)


def read_prompt(prompt: PromptInput, *, with_files: bool = False) -> Prompt:
    """Split a prompt into the new message and the history before it.

    A message that goes with files may be empty. Raises a UsageError if a message is invalid, or
    the last one is not the user's.
    """
    if with_files and prompt == "":
        return Prompt("")
    messages = read_messages(prompt, may_be_empty=[len(prompt) - 1] if with_files else ())
    last = messages[-1]
    if last.role != "user":
        raise UsageError(f"The last message has role {last.role!r}; it must be the user's message.")
    return Prompt(last.content, messages[:-1])


def read_history(messages: PromptInput) -> tuple[Message, ...]:
    """Return messages that a site keeps, if any. One that had files may be empty."""
    return read_messages(messages, may_be_empty=range(len(messages))) if messages else ()


def read_messages(prompt: PromptInput, *, may_be_empty: Container[int] = ()) -> tuple[Message, ...]:
    """Return a prompt as messages, or raise a UsageError.

    Errors number messages from 0. Those with the numbers `may_be_empty` can have no text.
    """
    if isinstance(prompt, str):
        return (_checked(Message("user", prompt), "The prompt"),)
    if not isinstance(prompt, Sequence) or isinstance(prompt, bytes | bytearray):
        raise UsageError(
            f"The prompt must be a string or a list of messages, not {type(prompt).__name__}."
        )
    if not prompt:
        raise UsageError("The list of messages is empty; it must end with the user's message.")
    return tuple(
        _read_message(item, f"Message {index}", may_be_empty=index in may_be_empty)
        for index, item in enumerate(prompt)
    )


def _read_message(item: object, where: str, *, may_be_empty: bool) -> Message:
    if isinstance(item, Message):
        return _checked(item, where, may_be_empty=may_be_empty)
    if not isinstance(item, Mapping):
        raise UsageError(
            f"{where} must be a Message or a dict with role and content, not {type(item).__name__}."
        )
    missing = [key for key in ("role", "content") if key not in item]
    if missing:
        raise UsageError(f"{where} has no {' and no '.join(missing)}.")
    role = read_role(item["role"], where)
    message = Message(role, _join_parts(item["content"], where))
    return _checked(message, where, may_be_empty=may_be_empty)


def _join_parts(content: object, where: str) -> Any:
    """Join OpenAI-style content parts. Anything else is returned unchanged."""
    if not isinstance(content, list | tuple):
        return content
    texts = []
    for index, part in enumerate(content):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case _:
                raise UsageError(f"{where}, content part {index}, is not a text part.")
    return "".join(texts)


def _checked(message: Message, where: str, *, may_be_empty: bool = False) -> Message:
    role, content = message.role, message.content
    if not isinstance(content, str):
        raise UsageError(f"{where} must have a string or a list of text parts as its content.")
    # A reply can consist of images alone.
    if not (may_be_empty or role == "assistant" or content.strip()):
        raise UsageError(f"{where} is empty.")
    if _SURROGATE.search(content):
        raise UsageError(f"{where} contains a lone surrogate, half of a character.")
    return message


def fold_prompt(prompt: PromptInput) -> str:
    """Fold a conversation into one text, for sites and calls that take no history.

    A single user message is returned unchanged. Anything longer becomes ``System: …``,
    ``User: …`` and ``Assistant: …`` lines, with ``Assistant:`` at the end. Most sites reject
    messages of more than 512 characters.

    Args:
        prompt: A string or messages, oldest first. The last one may have any role.

    Returns:
        The text.

    Raises:
        UsageError: A message is invalid.
    """
    messages = read_messages(prompt)
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    lines = [f"{item.role.capitalize()}: {item.content}" for item in messages if item.content]
    return "\n".join([*lines, "Assistant:"])
