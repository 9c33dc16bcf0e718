"""What a caller says, as the site wants it: the new message and the history before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UsageError
from ..messages import Message
from ..values import HiddenValue

PromptInput = str | Sequence[Message | Mapping[str, Any]]
"""A text, or messages as `Message` or as dicts with role and content, oldest first."""

ROLES = ("system", "user", "assistant")
_LABELS = {"system": "System", "user": "User", "assistant": "Assistant"}


class Prompt(HiddenValue):
    """A prompt in the site's terms.

    Attributes:
        new_message: the last user message.
        history: what came before it.
    """

    __slots__ = ("history", "new_message")
    __match_args__ = ("new_message", "history")

    def __init__(self, new_message: str, history: tuple[Message, ...] = ()) -> None:
        self.new_message = new_message
        self.history = history


def read_prompt(prompt: PromptInput, *, with_files: bool = False) -> Prompt:
    """Split a prompt into the new message and the history before it.

    Args:
        prompt: what the caller says.
        with_files: whether files go with it, so that a lone text may be empty.

    Raises:
        UsageError: a message is not one, is empty, or the last is not the user's. The text
            names the message by its number, counted from 0.
    """
    if with_files and prompt == "":
        return Prompt("")
    messages = read_messages(prompt)
    if messages[-1].role != "user":
        raise UsageError(
            f"Message {len(messages) - 1}, the last one, is of role {messages[-1].role!r}; "
            "it must be the user's."
        )
    return Prompt(messages[-1].content, messages[:-1])


def read_messages(prompt: PromptInput) -> tuple[Message, ...]:
    """Return a prompt as messages, each checked. See `read_prompt` for what is raised.

    The assistant's may be empty: a reply can be of images alone.
    """
    if isinstance(prompt, str):
        return (_checked(Message("user", prompt), "The prompt"),)
    if not isinstance(prompt, Sequence) or isinstance(prompt, bytes | bytearray):
        raise UsageError("The prompt must be a text or a list of messages.")
    if not prompt:
        raise UsageError("The list of messages is empty; it must end with the user's message.")
    return tuple(_read_message(item, f"Message {index}") for index, item in enumerate(prompt))


def _read_message(item: object, where: str) -> Message:
    if isinstance(item, Message):
        return _checked(item, where)
    if not isinstance(item, Mapping):
        raise UsageError(f"{where} must be a Message or a dict with role and content.")
    missing = [key for key in ("role", "content") if key not in item]
    if missing:
        raise UsageError(f"{where} has no {' and no '.join(missing)}.")
    return _checked(Message(item["role"], _join_parts(item["content"], where)), where)


def _join_parts(content: object, where: str) -> Any:
    """Join OpenAI-style content parts; anything but a list of parts is returned as it is."""
    if not isinstance(content, list | tuple):
        return content
    texts = []
    for index, part in enumerate(content):
        text = part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(text, str):
            raise UsageError(f"{where}, content part {index}, is not a text part.")
        texts.append(text)
    return "".join(texts)


def _checked(message: Message, where: str) -> Message:
    if message.role not in ROLES:
        raise UsageError(f"{where} has a role that is none of {', '.join(ROLES)}.")
    if not isinstance(message.content, str):
        raise UsageError(f"{where} must have a text or a list of text parts as content.")
    if message.role != "assistant" and not message.content.strip():
        raise UsageError(f"{where} is empty.")
    try:
        message.content.encode()
    except UnicodeEncodeError:
        # From None: the cause would hold the whole text.
        raise UsageError(f"{where} holds half of a character (a lone surrogate).") from None
    return message


def fold_prompt(prompt: PromptInput) -> str:
    """Fold a whole conversation into one text, for sites and calls that take no history.

    A lone user message stays as it is. Anything longer becomes ``System: …``, ``User: …`` and
    ``Assistant: …`` lines with ``Assistant:`` at the end. Mind that most sites refuse a
    message of more than 512 characters.

    Raises:
        UsageError: as for `read_prompt`, save that the last message may be anybody's.
    """
    messages = read_messages(prompt)
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    lines = [f"{_LABELS[item.role]}: {item.content}" for item in messages if item.content]
    return "\n".join([*lines, "Assistant:"])
