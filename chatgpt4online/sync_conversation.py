"""A conversation, blocking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .client import Client
from .conversation import BaseConversation
from .discretion import discreet
from .files import AnyFile
from .messages import Reply, Shortcut
from .sync_reply_stream import ReplyStream


class Conversation(BaseConversation[Client]):
    """A blocking conversation with a chatbot; see `BaseConversation`.

    One prompt at a time. A turn enters the history when its reply is complete.

    Attributes:
        chat_id: the id of the conversation.
    """

    @discreet
    def generate(self, prompt: str, *, files: Sequence[AnyFile] = (), **options: Any) -> Reply:
        """Say something and return the complete reply; see `Client.generate`."""
        return self.stream(prompt, files=files, **options).read()

    @discreet
    def stream(self, prompt: str, *, files: Sequence[AnyFile] = (), **options: Any) -> ReplyStream:
        """Say something and return the reply as it arrives; see `Client.stream`."""
        plan, before = self._plan(prompt, files, options)
        return self._send(self._client._stream, plan, before, prompt)

    @discreet
    def regenerate(self, **options: Any) -> Reply:
        """Ask for another reply in place of the last one.

        Raises:
            ChatError: as for `generate`; the last reply stays then.
        """
        plan, before, said = self._plan_again(options)
        return self._send(self._client._stream, plan, before, said).read()

    @discreet
    def send_shortcut(self, shortcut: Shortcut, **options: Any) -> Reply:
        """Press a shortcut of a reply and return what the chatbot says to it."""
        plan, before = self._plan_shortcut(shortcut, options)
        return self._send(self._client._stream, plan, before, shortcut.message).read()
