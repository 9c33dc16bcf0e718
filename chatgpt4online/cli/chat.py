"""``chat``: a conversation at a prompt."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from ..errors import UsageError
from .output import is_terminal
from .parameters import chat_options
from .saving import saving_options, start_talk
from .target import Target, target_options


@click.command("chat")
@target_options
@chat_options
@saving_options
@click.option("--plain", is_flag=True, help="Do not render Markdown.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the chatbot does.")
def command(
    target: Target,
    files: Sequence[str],
    options: dict[str, Any],
    save: bool | None,
    go_on: bool,
    plain: bool,
    verbose: bool,
) -> None:
    """Talk to the chatbot at a prompt.

    Enter sends, Alt-Enter begins a new line, Ctrl-R searches what you typed before. Ctrl-C stops
    a reply, Ctrl-D leaves. Type /help for the commands.
    """
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise UsageError("chat needs a terminal. Use ask or batch in scripts.")
    from .prompting import ChatPrompt

    with target.client() as client:
        talk = start_talk(client, target, save=save, go_on=go_on)
        ChatPrompt(client, talk, options, files, plain=plain, verbose=verbose).run()
