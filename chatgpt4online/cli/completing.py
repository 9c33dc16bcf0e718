"""What a shell completes besides commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from ..errors import UsageError
from .configuration import read_config
from .store import Store
from .terminal import harmless


def complete_site(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    """Return the names of sites in the configuration file that begin like this."""
    try:
        return [name for name in read_config().sites if name.startswith(begun)]
    except UsageError:
        return []  # whose reason the command says when it runs


def complete_id(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the ids of saved conversations that begin like this, with their titles."""
    found = (saved for saved in Store() if saved.id.startswith(begun))
    return [CompletionItem(saved.id, help=harmless(saved.title)) for saved in found]
