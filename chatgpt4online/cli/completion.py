"""``completion``: the code that completes commands in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .app import COMPLETION_VARIABLE, commands
from .output import write_line


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the code that completes commands and options in a shell.

    For bash add this to ~/.bashrc: source <(chatgpt4online completion bash). For zsh the same
    with zsh, in ~/.zshrc, below compinit. For fish: chatgpt4online completion fish >
    ~/.config/fish/completions/chatgpt4online.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    write_line(kind(commands, {}, "chatgpt4online", COMPLETION_VARIABLE).source())
