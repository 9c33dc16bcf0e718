"""The values of the library: messages, replies and the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .values import FrozenValue, Value


class Message(FrozenValue):
    """One message of a conversation.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        content: the text.
    """

    __match_args__ = ("role", "content")
    role: str
    content: str

    def __init__(self, role: str, content: str) -> None:
        self._set(role, content)

    def __repr__(self) -> str:
        return f"Message(role={self.role!r}, content=<{len(self.content)} characters>)"


class Usage(FrozenValue):
    """What a reply cost, as the site counts it.

    Attributes:
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens of the reply.
        total_tokens: both together.
        raw: all that the site told (price, queries, accuracy, ...), under its own names.
    """

    __match_args__ = ("prompt_tokens", "completion_tokens", "total_tokens", "raw")
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    raw: Mapping[str, Any]

    def __init__(
        self,
        prompt_tokens: int,
        completion_tokens: int,
        total_tokens: int,
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self._set(prompt_tokens, completion_tokens, total_tokens, {} if raw is None else raw)


class Extra(FrozenValue):
    """Something beside the text of a reply. It is never executed, and nothing is fetched.

    Attributes:
        type: what the site calls it, such as ``function``, ``message`` or ``content``.
        data: its contents, under the site's own names.
    """

    __match_args__ = ("type", "data")
    type: str
    data: Mapping[str, Any]

    def __init__(self, type: str, data: Mapping[str, Any]) -> None:
        self._set(type, data)

    def _text(self, key: str) -> str:
        value = self.data.get(key)
        return value if isinstance(value, str) else ""


class Action(Extra):
    """What the site's own page would do now, such as calling a function of the page."""

    @property
    def name(self) -> str:
        """The name of the function; '' where there is none."""
        return self._text("name")

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The function's arguments by name."""
        value = self.data.get("args")
        return value if isinstance(value, dict) else {}


class Shortcut(Extra):
    """A button that the site's own page would show. `send_shortcut` presses it."""

    @property
    def label(self) -> str:
        """The text on the button."""
        return self._text("label")

    @property
    def shortcut_id(self) -> str:
        """The opaque id to send (plugin 3.3.3 and later); '' where there is none."""
        return self._text("shortcutId")

    @property
    def message(self) -> str:
        """The message that the button stands for, where the site tells; else its label."""
        return self._text("message") or self.label


class Block(Extra):
    """A piece of HTML that the site's own page would show."""

    @property
    def html(self) -> str:
        """The HTML as the site sent it, scripts included: not to be trusted."""
        return self._text("html")


class Reply(FrozenValue):
    """A complete reply; ``str(reply)`` is its text.

    Attributes:
        text: the reply as the site gives it at the end, which its filters may have changed.
        images: addresses or data URLs. Nothing is fetched.
        actions: what the site's own page would do now.
        shortcuts: buttons that the site's own page would show.
        blocks: pieces of HTML that the site's own page would show.
        usage: tokens; None where the site does not tell.
        response_id: the model provider's id of the reply; None where the site does not tell.
        chat_id: the id of the conversation, made by this library.
    """

    __match_args__ = (
        "text", "images", "actions", "shortcuts", "blocks", "usage", "response_id", "chat_id",
    )  # fmt: skip
    text: str
    images: tuple[str, ...]
    actions: tuple[Action, ...]
    shortcuts: tuple[Shortcut, ...]
    blocks: tuple[Block, ...]
    usage: Usage | None
    response_id: str | None
    chat_id: str | None

    def __init__(
        self,
        text: str,
        images: tuple[str, ...] = (),
        actions: tuple[Action, ...] = (),
        shortcuts: tuple[Shortcut, ...] = (),
        blocks: tuple[Block, ...] = (),
        usage: Usage | None = None,
        response_id: str | None = None,
        chat_id: str | None = None,
    ) -> None:
        self._set(text, images, actions, shortcuts, blocks, usage, response_id, chat_id)

    def __str__(self) -> str:
        return self.text


class StoredFile(FrozenValue):
    """A file that is on the site, until the site forgets it; an hour by default.

    Attributes:
        id: what it is sent by.
        url: its public address; '' where the site does not tell.
        raw: all that the site told, under its own names.
    """

    __match_args__ = ("id", "url", "raw")
    id: str
    url: str
    raw: Mapping[str, Any]

    def __init__(self, id: str, url: str = "", raw: Mapping[str, Any] | None = None) -> None:
        self._set(id, url, {} if raw is None else raw)


# Events are not frozen: a frozen one costs more than twice as much to make.
class TextEvent(Value):
    """A piece of the reply.

    Attributes:
        text: the piece; never empty.
    """

    __slots__ = ("text",)
    __match_args__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class ActivityEvent(Value):
    """Something about the reply that is not part of it: status, thinking, a tool call, ...

    Attributes:
        kind: the site's own word for it, such as ``status`` or ``thinking``.
        text: what the site's own page would show.
        visibility: ``visible``, ``collapsed`` or ``hidden``; None where the site does not tell.
        timestamp: seconds since 1970 by the site's clock; None where the site does not tell.
        metadata: details under the site's own names.
        raw: the whole event as it came.
    """

    __slots__ = ("kind", "metadata", "raw", "text", "timestamp", "visibility")
    __match_args__ = ("kind", "text", "visibility", "timestamp", "metadata", "raw")

    def __init__(
        self,
        kind: str,
        text: str,
        visibility: str | None = None,
        timestamp: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        raw: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.text = text
        self.visibility = visibility
        self.timestamp = timestamp
        self.metadata = {} if metadata is None else metadata
        self.raw = {} if raw is None else raw


class EndEvent(Value):
    """The reply is complete.

    Attributes:
        reply: the complete reply.
    """

    __slots__ = ("reply",)
    __match_args__ = ("reply",)

    def __init__(self, reply: Reply) -> None:
        self.reply = reply


Piece = str | ActivityEvent | EndEvent
"""What the core gives: text is a bare `str`, which costs nothing to make."""

Event = TextEvent | ActivityEvent | EndEvent
"""What `ReplyStream.events` gives: any number of texts and activities, then one end."""
