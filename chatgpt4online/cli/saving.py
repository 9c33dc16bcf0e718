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
    """A conversation of a command.

    Attributes:
        id: The id to save it under; None if it is not saved.
        target: Its site and chatbot.
    """

    conversation: Conversation
    id: str | None
    target: Target

    def save(self) -> None:
        """Save the conversation if that is wanted."""
        messages = self.conversation.messages
        if self.id is not None and messages:
            entry, text = self.target.site, self.conversation.to_json()
            Store().save(Saved(self.id, entry.url, entry.bot, title_of(messages[0].content), text))


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
    """Return the conversation to continue, or a new one.

    Raises:
        UsageError: There is no such conversation, or it is one with another site.
    """
    if cid is not None:
        return load_talk(client, target, Store().find(cid))
    if go_on:
        return load_talk(client, target, Store().latest(target.site.url, target.site.bot))
    return Talk(client.conversation(), new_id() if save or target.save else None, target)


def load_talk(client: Client, target: Target, saved: Saved) -> Talk:
    """Return a saved conversation.

    Raises:
        UsageError: It is one with another site.
    """
    if saved.site != target.site.url:
        raise UsageError(f"That conversation is with {saved.site}; pass it as --site.")
    return Talk(client.load_conversation(saved.conversation), saved.id, target)
