"""The values of the library: messages, replies and the events of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: ``system``, ``user`` or ``assistant``.
        content: the text.
    """

    role: str
    content: str

    def __repr__(self) -> str:
        return f"Message(role={self.role!r}, content=<{len(self.content)} characters>)"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost, as the site counts it.

    Attributes:
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens of the reply.
        total_tokens: both together.
        raw: all that the site told (price, queries, accuracy, ...), under its own names.
    """

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Extra:
    """Something beside the text of a reply. It is never executed, and nothing is fetched.

    Attributes:
        type: what the site calls it, such as ``function``, ``message`` or ``content``.
        data: its contents, under the site's own names.
    """

    type: str
    data: Mapping[str, Any]

    def _text(self, key: str) -> str:
        value = self.data.get(key)
        return value if isinstance(value, str) else ""


class Action(Extra):
    """What the site's own page would do now, such as calling a function of the page."""

    __slots__ = ()

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

    __slots__ = ()

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

    __slots__ = ()

    @property
    def html(self) -> str:
        """The HTML as the site sent it, scripts included: not to be trusted."""
        return self._text("html")


@dataclass(frozen=True, slots=True)
class Reply:
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

    text: str
    images: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    shortcuts: tuple[Shortcut, ...] = ()
    blocks: tuple[Block, ...] = ()
    usage: Usage | None = None
    response_id: str | None = None
    chat_id: str | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is on the site, until the site forgets it; an hour by default.

    Attributes:
        id: what it is sent by.
        url: its public address; '' where the site does not tell.
        raw: all that the site told, under its own names.
    """

    id: str
    url: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)


# Events are not frozen: a frozen dataclass costs more than twice as much to make.
@dataclass(slots=True)
class TextEvent:
    """A piece of the reply.

    Attributes:
        text: the piece; never empty.
    """

    text: str


@dataclass(slots=True)
class ActivityEvent:
    """Something about the reply that is not part of it: status, thinking, a tool call, ...

    Attributes:
        kind: the site's own word for it, such as ``status`` or ``thinking``.
        text: what the site's own page would show.
        visibility: ``visible``, ``collapsed`` or ``hidden``; None where the site does not tell.
        timestamp: seconds since 1970 by the site's clock; None where the site does not tell.
        metadata: details under the site's own names.
        raw: the whole event as it came.
    """

    kind: str
    text: str
    visibility: str | None = None
    timestamp: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class EndEvent:
    """The reply is complete.

    Attributes:
        reply: the complete reply.
    """

    reply: Reply


Piece = str | ActivityEvent | EndEvent
"""What the core gives: text is a bare `str`, which costs nothing to make."""

Event = TextEvent | ActivityEvent | EndEvent
"""What `ReplyStream.events` gives: any number of texts and activities, then one end."""
