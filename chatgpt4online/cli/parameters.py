"""What a command passes on to the chatbot: files, instructions and parameters."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from .target import Target


def chat_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a question; they become `files`, and keyword arguments as `options`.

    It goes below `target_options`, because the site's entry can have a model and instructions.
    """

    @functools.wraps(command)
    def with_options(
        target: Target,
        system: str | None,
        model: str | None,
        parameters: Sequence[tuple[str, str]],
        **others: Any,
    ) -> Any:
        options = {
            "model": model or target.site.model,
            "instructions": system or target.site.system,
            "params": {name: read_value(value) for name, value in parameters},
        }
        return command(target=target, options=options, **others)

    options = (
        click.option("-s", "--system", metavar="TEXT", help="Instructions for the chatbot."),
        click.option("-m", "--model", metavar="NAME", help="Default: the chatbot's own."),
        click.option(
            "-f",
            "--file",
            "files",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False),
            help="A file to send with the question. Repeatable.",
        ),
        click.option(
            "-p",
            "--param",
            "parameters",
            nargs=2,
            multiple=True,
            metavar="NAME VALUE",
            help="Another parameter, by the plugin's own name, such as: -p maxTokens 500. "
            "Repeatable.",
        ),
    )
    decorated: Callable[..., Any] = with_options
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


def read_value(text: str) -> Any:
    """Return a parameter's value: JSON such as 0.5, true or ["a"], and otherwise the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
