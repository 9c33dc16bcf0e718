"""What the conversations of both clients share: the history, and how it is saved."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from threading import Lock
from typing import Any, Self

from .errors import ChatError, LimitReached, QueryRejected, UsageError
from .models import Message, Reply, Shortcut
from .protocol.chat import RESPONSE_ID, Turn
from .protocol.jsontext import sendable
from .protocol.prompt import Prompt, PromptInput, read_history, read_prompt
from .reply_stream import BaseReplyStream
from .settings import Settings, new_id, shortcut_prompt
from .uploads import AnyFile

FORMAT = "chatgpt4online.conversation"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """A message of the history. It is `plain` if it was sent without files or a shortcut."""

    message: Message
    plain: bool = True


class Kept(Enum):
    """What the site may keep under the `chat_id` of a conversation."""

    NOTHING = "the id is new"
    HISTORY = "exactly the history"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class NextTurn:
    """A turn to send: what enters the history as said by the user, and the entries before it.

    `chat_id` and `kept` are those of the conversation before the turn.
    """

    turn: Turn
    said: str = field(repr=False)
    before: Sequence[Entry]
    chat_id: str
    kept: Kept


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
        self._kept = Kept.HISTORY if chat_id else Kept.NOTHING
        self._response_id: str | None = None  # of the last reply
        self._entries = [Entry(item) for item in read_history(messages)]
        self._current: weakref.ref[BaseReplyStream] | None = None
        self._sending = Lock()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self._entries)} messages>"

    @property
    def chat_id(self) -> str:
        """The id of the conversation, which its turns have in common.

        Sites can keep a conversation by its id. So it changes with the first turn after
        `regenerate`, `trim`, loading, and a turn that failed or was abandoned, because what the
        site keeps then is no longer the history.
        """
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
        if min(messages or 0, characters or 0) < 0:
            raise UsageError("The limits of trim must not be negative.")
        with self._alone():
            self._trim(messages, characters)

    def _trim(self, messages: int | None, characters: int | None) -> None:
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
        if len(kept) < len(self._entries) and self._kept is Kept.HISTORY:
            self._kept = Kept.OTHER
        wanted = {id(entry) for entry in kept}
        self._entries = [entry for entry in self._entries if id(entry) in wanted]

    def to_json(self) -> str:
        """Return the conversation as JSON, for `load_conversation`.

        It is an object with ``format`` (``chatgpt4online.conversation``), ``version`` (1),
        ``chat_id`` and ``messages``: a list of objects with ``role`` and ``content``, and with
        ``plain`` (false) if the message had files or pressed a shortcut.
        """
        messages = [
            {
                "role": entry.message.role,
                "content": entry.message.content,
                **({} if entry.plain else {"plain": False}),
            }
            for entry in self._entries
        ]
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
        loaded._entries = [
            Entry(entry.message, plain=item.get("plain") is not False)
            for entry, item in zip(loaded._entries, messages, strict=True)
        ]
        loaded._kept = Kept.OTHER  # the conversation may have gone on since
        return loaded

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other turns out, or raise a `UsageError` if one is being sent or its reply read."""
        if not self._sending.acquire(blocking=False):
            raise _busy()
        try:
            stream = self._current() if self._current is not None else None
            if stream is not None and not stream.done:
                del stream
                raise _busy()
            yield
        finally:
            self._sending.release()

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
        return self._turn_after(self._entries[:-2], said, said, (), options, Kept.OTHER)

    def _shortcut(self, shortcut: Shortcut, options: Mapping[str, Any]) -> NextTurn:
        """Return the turn that presses a shortcut."""
        message, options = shortcut_prompt(shortcut, options)
        return self._turn_after(self._entries, message, shortcut.message, (), options)

    def _turn_after(
        self,
        before: Sequence[Entry],
        new_message: str,
        said: str,
        files: Sequence[AnyFile],
        options: Mapping[str, Any],
        kept: Kept | None = None,
    ) -> NextTurn:
        kept = kept or self._kept
        continued = kept is Kept.HISTORY
        if continued and self._response_id is not None:
            options = {RESPONSE_ID: self._response_id, **options}
        turn = self._settings.turn_for(
            Prompt(new_message, tuple(entry.message for entry in before)),
            files,
            options,
            new_id() if kept is Kept.OTHER else self._chat_id,
            greet=True,
            continued=continued,
        )
        return NextTurn(turn, said, before, self._chat_id, self._kept)

    def _begin(self, item: NextTurn) -> None:
        """Note that a turn is sent. Until it is complete, the site may keep a part of it."""
        self._chat_id, self._kept = item.turn.chat_id, Kept.OTHER

    def _watch(self, stream: BaseReplyStream, item: NextTurn) -> None:
        """Have a turn enter the history once its reply is complete."""
        self._current = weakref.ref(stream)
        stream._on_complete = partial(self._record, item)
        stream._on_refusal = partial(self._refused, item)

    def _refused(self, item: NextTurn, error: ChatError) -> None:
        """Undo `_begin` if the site has not run the turn, nor kept a part of it."""
        clean = error.retryable or isinstance(error, UsageError | QueryRejected | LimitReached)
        if clean and not error.may_have_run:
            self._chat_id, self._kept = item.chat_id, item.kept

    def _record(self, item: NextTurn, sent: Sequence[Message], reply: Reply) -> None:
        before = item.before or [Entry(message) for message in sent]
        plain = not item.turn.attachments and "shortcutId" not in item.turn.parameters
        user = [Entry(Message("user", item.said), plain=plain)] if item.said else []
        answer = Entry(Message("assistant", sendable(reply.text)))
        self._entries = [*before, *user, answer]
        self._kept, self._response_id = Kept.HISTORY, reply.response_id
        self._chat_id = reply.chat_id or self._chat_id
        self._current = None


def _busy() -> UsageError:
    return UsageError("The last reply is still arriving; read it to its end or close it.")
