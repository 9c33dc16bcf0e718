"""What the conversations of both clients share: the history, and how it is saved."""

from __future__ import annotations

import json
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import Any, Self

from .errors import UsageError
from .models import Message, Reply, Shortcut
from .protocol.chat import Turn
from .protocol.jsontext import sendable
from .protocol.prompt import Prompt, PromptInput, read_messages, read_prompt
from .reply_stream import BaseReplyStream
from .settings import Settings, new_id, shortcut_prompt
from .uploads import AnyFile

FORMAT = "chatgpt4online.conversation"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of the history, with the model provider's id of a reply that has one.

    It is `plain` if it was sent without files and not by a shortcut.
    """

    message: Message
    response_id: str | None = None
    plain: bool = True


@dataclass(frozen=True, slots=True)
class NextTurn:
    """A turn to send: what enters the history as said by the user, and the entries before it."""

    turn: Turn
    said: str = field(repr=False)
    before: Sequence[Entry]


class BaseConversation:
    """A conversation with a chatbot, which keeps its history."""

    def __init__(
        self,
        settings: Settings,
        runner: Any,
        chat_id: str | None = None,
        messages: PromptInput = (),
    ) -> None:
        self._settings = settings
        self._runner = runner
        self._chat_id = chat_id or new_id()
        self._entries = [Entry(item) for item in read_messages(messages)] if messages else []
        self._current: weakref.ref[BaseReplyStream] | None = None
        self._sending = Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self._entries)} messages>"

    @property
    def chat_id(self) -> str:
        """The id of the conversation, which all of its turns have in common."""
        return self._chat_id

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far, oldest first."""
        return tuple(entry.message for entry in self._entries)

    def fork(self) -> Self:
        """Return a new conversation with the same history and an id of its own."""
        copy = type(self)(self._settings, self._runner)
        copy._entries = list(self._entries)
        return copy

    def trim(self, *, messages: int | None = None, characters: int | None = None) -> None:
        """Forget the oldest messages until the rest fit. System messages stay, and count.

        Args:
            messages: The most messages to keep. Default: any number.
            characters: The most characters of text to keep. Default: any number.

        Raises:
            UsageError: A limit is negative, or a reply is still arriving.
        """
        self._check_idle()
        if min(messages or 0, characters or 0) < 0:
            raise UsageError("The limits of trim must not be negative.")
        kept = [entry for entry in self._entries if entry.message.role == "system"]
        count, size = len(kept), sum(len(entry.message.content) for entry in kept)
        for entry in reversed(self._entries):
            if entry.message.role == "system":
                continue
            count, size = count + 1, size + len(entry.message.content)
            if (messages is not None and count > messages) or (
                characters is not None and size > characters
            ):
                break
            kept.append(entry)
        wanted = {id(entry) for entry in kept}
        self._entries = [entry for entry in self._entries if id(entry) in wanted]

    def to_json(self) -> str:
        """Return the conversation as JSON, for `load_conversation`.

        It is an object with ``format`` (``chatgpt4online.conversation``), ``version`` (1),
        ``chat_id`` and ``messages``: a list of objects with ``role``, ``content`` and, for replies
        that have one, ``response_id``.
        """
        messages = []
        for entry in self._entries:
            item = {"role": entry.message.role, "content": entry.message.content}
            if entry.response_id is not None:
                item["response_id"] = entry.response_id
            messages.append(item)
        saved = {"format": FORMAT, "version": VERSION, "chat_id": self._chat_id}
        return json.dumps({**saved, "messages": messages}, ensure_ascii=False)

    @classmethod
    def from_json(cls, settings: Settings, runner: Any, text: str) -> Self:
        """Return the conversation that `to_json` has saved."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError, TypeError):
            data = None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise UsageError("This is not a saved conversation.")
        if data.get("version") != VERSION:
            raise UsageError("The conversation was saved by a later version of this library.")
        chat_id, messages = data.get("chat_id"), data.get("messages")
        if not isinstance(chat_id, str) or not isinstance(messages, list):
            raise UsageError("The saved conversation is damaged.")
        loaded = cls(settings, runner, chat_id, messages)
        ids = [item.get("response_id") for item in messages]
        loaded._entries = [
            Entry(entry.message, response_id if isinstance(response_id, str) else None)
            for entry, response_id in zip(loaded._entries, ids, strict=True)
        ]
        return loaded

    def _check_idle(self) -> None:
        stream = self._current() if self._current is not None else None
        if self._sending.locked() or (stream is not None and not stream.done):
            raise self._busy()

    def _busy(self) -> UsageError:
        return UsageError("The last reply is still arriving; read it to its end or close it.")

    def _next(self, prompt: str, files: Sequence[AnyFile], options: Mapping[str, Any]) -> NextTurn:
        """Return the turn for a new prompt."""
        if not isinstance(prompt, str):
            raise UsageError(
                "A conversation keeps its own history: pass only the new message, as a string."
            )
        message = read_prompt(prompt, with_files=bool(files)).new_message
        return self._turn_after(self._entries, message, prompt, files, options)

    def _again(self, options: Mapping[str, Any]) -> NextTurn:
        """Return the turn that asks for another reply in place of the last one."""
        if [entry.message.role for entry in self._entries[-2:]] != ["user", "assistant"]:
            raise UsageError("The conversation does not end with a reply.")
        if not self._entries[-2].plain:
            raise UsageError("Replies to messages with files or shortcuts cannot be regenerated.")
        said = self._entries[-2].message.content
        return self._turn_after(self._entries[:-2], said, said, (), options)

    def _shortcut(self, shortcut: Shortcut, options: Mapping[str, Any]) -> NextTurn:
        """Return the turn that presses a shortcut."""
        message, extra = shortcut_prompt(shortcut)
        options = {**extra, **options}
        return self._turn_after(self._entries, message, shortcut.message, (), options)

    def _turn_after(
        self,
        before: Sequence[Entry],
        new_message: str,
        said: str,
        files: Sequence[AnyFile],
        options: Mapping[str, Any],
    ) -> NextTurn:
        self._check_idle()
        turn = self._settings.turn_for(
            Prompt(new_message, tuple(entry.message for entry in before)),
            files,
            {"previousResponseId": before[-1].response_id if before else None, **options},
            self._chat_id,
            greet=True,
        )
        return NextTurn(turn, said, before)

    def _watch(self, stream: BaseReplyStream, item: NextTurn) -> None:
        """Have a turn enter the history once its reply is complete."""
        self._current = weakref.ref(stream)
        stream.on_complete = partial(self._record, item)

    def _record(self, item: NextTurn, sent: Sequence[Message], reply: Reply) -> None:
        before = item.before or [Entry(message) for message in sent]
        plain = not item.turn.attachments and "shortcutId" not in item.turn.parameters
        user = [Entry(Message("user", item.said), plain=plain)] if item.said else []
        answer = Entry(Message("assistant", sendable(reply.text)), reply.response_id)
        self._entries = [*before, *user, answer]
        self._current = None
