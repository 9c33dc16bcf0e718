"""What a command passes on to the chatbot: files, instructions and parameters."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import click

from ..errors import UsageError
from .options import add_options
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
            "model": target.site.model if model is None else model or None,
            "instructions": target.site.system if system is None else system or None,
            "params": read_parameters(parameters),
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
    return add_options(with_options, options)


def read_parameters(parameters: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return parameters by name.

    Raises:
        UsageError: One is written as NAME=VALUE, so that what follows it is not its value.
    """
    for name, _ in parameters:
        if "=" in name:
            raise UsageError(f"Write -p {shlex.join(name.split('=', 1))}.")
    return {name: read_value(value) for name, value in parameters}


def read_value(text: str) -> Any:
    """Return a parameter's value: JSON such as 0.5, true or ["a"], and otherwise the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
