"""What the conversations of both clients share: a chat id, and the history for each prompt."""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, Self, TypeVar

from .base_client import BaseClient, TurnPlan, files_to_send, new_id, shortcut_message
from .errors import UsageError
from .files import AnyFile
from .messages import Message, Reply, Shortcut
from .protocol.prompt import Prompt, PromptInput, read_messages, read_prompt
from .reply_stream import BaseReplyStream

FORMAT = "chatgpt4online.conversation"
VERSION = 1

ClientT = TypeVar("ClientT", bound=BaseClient[Any])
StreamT = TypeVar("StreamT", bound=BaseReplyStream)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message, and the model provider's id of it where it is a reply that has one.

    What went with files or pressed a shortcut is not `plain`: its text alone says not all.
    """

    message: Message
    response_id: str | None = None
    plain: bool = True


class BaseConversation(Generic[ClientT]):
    """A conversation: what was said so far, and the id that all its turns have in common.

    One prompt at a time. A turn enters the history when its reply is complete, so after a
    failed or abandoned one the same prompt can be tried again.

    Attributes:
        chat_id: the id of the conversation.
    """

    def __init__(
        self, client: ClientT, chat_id: str | None = None, messages: PromptInput = ()
    ) -> None:
        self._client = client
        self.chat_id = chat_id or new_id()
        self._entries = [_Entry(item) for item in read_messages(messages)] if messages else []
        self._current: weakref.ref[BaseReplyStream] | None = None
        self._busy = Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._entries)} messages>"

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far, oldest first."""
        return tuple(entry.message for entry in self._entries)

    def fork(self) -> Self:
        """Return a conversation of its own, with a new id, that has the same history."""
        copy = type(self)(self._client)
        copy._entries = list(self._entries)
        return copy

    def trim(self, *, messages: int | None = None, characters: int | None = None) -> None:
        """Forget the oldest messages, until the rest keep to a budget.

        System messages stay, and count.

        Args:
            messages: the most messages to keep; None for any number.
            characters: the most characters of text to keep; None for any number.

        Raises:
            UsageError: a budget is below 0, or a reply is still arriving.
        """
        self._check_quiet()
        if min(messages or 0, characters or 0) < 0:
            raise UsageError("A budget must not be below 0.")
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
        ``chat_id`` and ``messages``, a list of objects with ``role``, ``content`` and, for a
        reply that has one, ``response_id``.
        """
        messages = []
        for entry in self._entries:
            item = {"role": entry.message.role, "content": entry.message.content}
            if entry.response_id is not None:
                item["response_id"] = entry.response_id
            messages.append(item)
        return json.dumps(
            {
                "format": FORMAT,
                "version": VERSION,
                "chat_id": self.chat_id,
                "messages": messages,
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, client: ClientT, text: str) -> Self:
        """Return the conversation that `to_json` saved.

        Raises:
            UsageError: it is not such a conversation, or of a later version.
        """
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
        loaded = cls(client, chat_id, messages)
        ids = [item.get("response_id") for item in messages]
        loaded._entries = [
            _Entry(entry.message, response_id if isinstance(response_id, str) else None)
            for entry, response_id in zip(loaded._entries, ids, strict=True)
        ]
        return loaded

    def _plan(
        self, prompt: str, files: Sequence[AnyFile], options: dict[str, Any]
    ) -> tuple[TurnPlan, list[_Entry]]:
        if not isinstance(prompt, str):
            raise UsageError("A conversation keeps its history itself: pass the new text alone.")
        read = read_prompt(prompt, with_files=bool(files))
        return self._plan_after(self._entries, read.new_message, files, options)

    def _plan_after(
        self,
        entries: list[_Entry],
        new_message: str,
        files: Sequence[AnyFile],
        options: dict[str, Any],
    ) -> tuple[TurnPlan, list[_Entry]]:
        """Return what to send after `entries`, and those entries."""
        self._check_quiet()
        last = entries[-1].response_id if entries else None
        plan = TurnPlan(
            prompt=Prompt(new_message, tuple(entry.message for entry in entries)),
            options={"previousResponseId": last, **options},
            files=files_to_send(files),
            chat_id=self.chat_id,
            greeted=True,
        )
        return plan, list(entries)

    def _check_quiet(self) -> None:
        stream = self._current() if self._current is not None else None
        if self._busy.locked() or (stream is not None and not stream.done):
            raise UsageError("The last reply of this conversation is still arriving; close it.")

    def _plan_again(self, options: dict[str, Any]) -> tuple[TurnPlan, list[_Entry], str]:
        roles = [entry.message.role for entry in self._entries[-2:]]
        if roles != ["user", "assistant"]:
            raise UsageError("The conversation does not end with a reply.")
        if not self._entries[-2].plain:
            raise UsageError(
                "The last message had files, or pressed a shortcut; it cannot be sent again so."
            )
        said = self._entries[-2].message.content
        plan, before = self._plan_after(self._entries[:-2], said, (), options)
        return plan, before, said

    def _plan_shortcut(
        self, shortcut: Shortcut, options: dict[str, Any]
    ) -> tuple[TurnPlan, list[_Entry]]:
        message, extra = shortcut_message(shortcut)
        return self._plan_after(self._entries, message, (), {**extra, **options})

    def _send(
        self, send: Callable[[TurnPlan], StreamT], plan: TurnPlan, before: list[_Entry], said: str
    ) -> StreamT:
        """Send a turn, and have it enter the history when its reply is complete."""
        if not self._busy.acquire(blocking=False):
            self._check_quiet()
        try:
            stream = send(plan)
            self._current = weakref.ref(stream)
        finally:
            self._busy.release()
        plain = not plan.files and "shortcutId" not in plan.options

        def enter(reply: Reply, history: tuple[Message, ...]) -> None:
            if not before:
                before.extend(_Entry(message) for message in history)
            user = [_Entry(Message("user", said), plain=plain)] if said else []
            answer = _Entry(Message("assistant", _whole(reply.text)), reply.response_id)
            self._entries = [*before, *user, answer]
            self._current = None

        stream.on_reply = enter
        return stream


def _whole(text: str) -> str:
    """A text that can be sent back: half a character in it is replaced."""
    return text.encode("utf-8", "replace").decode()
