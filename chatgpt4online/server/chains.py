"""Which conversation a history belongs to, for clients that send the history and no id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ..models import Message

_MOST_KEPT = 10_000


class Chains:
    """The ids of conversations by their messages, of which only hashes are kept.

    An id is handed out once: the chatbot's site goes on with what it keeps under the id, so that
    another reply to the same history needs a conversation of its own.
    """

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def take(self, bot: str, history: Sequence[Message]) -> str | None:
        """Return the id of the conversation that has these messages, if there is one."""
        return self._ids.pop(_key(bot, history), None)

    def put(self, bot: str, messages: Sequence[Message], chat_id: str | None) -> None:
        """Keep the id of a conversation that has these messages."""
        if chat_id is None:
            return
        self._ids[_key(bot, messages)] = chat_id
        if len(self._ids) > _MOST_KEPT:
            del self._ids[next(iter(self._ids))]


def _key(bot: str, messages: Sequence[Message]) -> str:
    said = [bot, *([item.role, item.content] for item in messages)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
