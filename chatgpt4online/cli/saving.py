"""Conversations that are continued and saved."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ..errors import UsageError
from .completing import complete_id
from .options import add_options
from .output import OutputError
from .store import Saved, Store, new_id, same_site, title_of
from .target import Target

if TYPE_CHECKING:
    from ..sync.client import Client
    from ..sync.conversation import Conversation
    from ..sync.stream import ReplyStream


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

    def with_id(self) -> Talk:
        """Return this talk as one that is saved.

        Raises:
            UsageError: It is one with the demo site.
        """
        _refuse_demo(self.target)
        return self if self.id else replace(self, id=new_id())

    @contextlib.contextmanager
    def stream(self, prompt: str, **options: Any) -> Iterator[ReplyStream]:
        """Yield a reply, and save the conversation if that is wanted.

        It is saved too if the reply cannot be printed, which may have cost something.
        """
        with self.conversation.stream(prompt, **options) as stream:
            try:
                yield stream
            except OutputError:
                if self.id is not None:
                    stream.read()
                    self.save()
                raise
        self.save()

    def save(self) -> None:
        """Save the conversation if that is wanted.

        Raises:
            ChatError: It cannot be written.
        """
        messages = self.conversation.messages
        if self.id is not None and messages:
            entry, text = self.target.site, self.conversation.to_json()
            Store().save(Saved(self.id, entry.url, entry.bot, title_of(messages[0].content), text))


def saving_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that save and continue a conversation. It goes below `target_options`."""
    options = (
        click.option(
            "--save/--no-save", default=None, help="Save the conversation, to continue it later."
        ),
        click.option(
            "-c",
            "--continue",
            "go_on",
            is_flag=True,
            help="Continue the last saved conversation with this chatbot.",
        ),
        click.option(
            "--cid",
            metavar="ID",
            shell_complete=complete_id,
            help="Continue this saved conversation, with its own site and chatbot.",
        ),
    )
    return add_options(command, options)


def start_talk(client: Client, target: Target, *, save: bool | None, go_on: bool) -> Talk:
    """Return the conversation to continue, which the target may have, or a new one.

    Args:
        client: The client.
        target: Its site and chatbot.
        save: Whether to save it. Default: as the configuration file says, or as it was.
        go_on: Whether to continue the last one.

    Raises:
        UsageError: There is no such conversation, or it is one with another chatbot.
    """
    saved = target.saved
    if saved is not None and go_on:
        raise UsageError("Pass --continue or --cid, not both.")
    if save or go_on or saved is not None:
        _refuse_demo(target)
    if saved is None and go_on:
        saved = Store().latest(target.site.url, target.site.bot)
    if saved is not None:
        talk = load_talk(client, target, saved)
        return replace(talk, id=None) if save is False else talk
    wanted = target.save and not target.demo if save is None else save
    return Talk(client.conversation(), new_id() if wanted else None, target)


def load_talk(client: Client, target: Target, saved: Saved) -> Talk:
    """Return a saved conversation.

    Raises:
        UsageError: It is one with another chatbot.
    """
    _refuse_demo(target)
    if saved.bot != target.site.bot or not same_site(saved.site, target.site.url):
        raise UsageError(
            f"That conversation is with {saved.chatbot}. Continue it with --cid {saved.id}, "
            "without --site and --bot."
        )
    return Talk(client.load_conversation(saved.conversation), saved.id, target)


def _refuse_demo(target: Target) -> None:
    if target.demo:
        raise UsageError("Conversations with the demo site are not saved.")
