"""Conversations that are continued and saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .store import Saved, Store, new_id, title_of
from .target import Target

if TYPE_CHECKING:
    from ..sync.client import Client
    from ..sync.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation, or a client for a single question.

    Attributes:
        source: What has `generate` and `stream`.
        id: The id to save it under; None if it is not saved.
        target: Its site and chatbot.
    """

    source: Client | Conversation
    id: str | None
    target: Target

    def save(self) -> None:
        """Save the conversation if that is wanted."""
        conversation: Any = self.source
        if self.id is not None and conversation.messages:
            title = title_of(conversation.messages[0].content)
            entry = self.target.site
            Store().save(Saved(self.id, entry.url, entry.bot, title, conversation.to_json()))


def saving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that save and continue a conversation."""
    options = (
        click.option("--save", is_flag=True, help="Save the conversation, to continue it later."),
        click.option(
            "-c", "--continue", "go_on", is_flag=True, help="Continue what was saved last."
        ),
        click.option("--cid", metavar="ID", help="Continue this saved conversation."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def start_talk(client: Client, target: Target, *, save: bool, go_on: bool, cid: str | None) -> Talk:
    """Return the conversation to continue, a new one to save, or the client itself.

    Raises:
        UsageError: There is no such conversation, or it is one with another site.
    """
    entry = target.site
    if cid is None and not go_on:
        if save or target.save:
            return Talk(client.conversation(), new_id(), target)
        return Talk(client, None, target)
    saved = Store().latest(entry.url, entry.bot) if cid is None else Store().find(cid)
    if saved.site != entry.url:
        raise UsageError(f"That conversation is with {saved.site}; pass it as --site.")
    return Talk(client.load_conversation(saved.conversation), saved.id, target)
