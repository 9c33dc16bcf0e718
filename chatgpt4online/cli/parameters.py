"""What a command passes on to the chatbot: files, instructions and parameters."""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from ..errors import UsageError
from ..protocol.chat import read_parameters as check_parameters
from .configuration import SiteEntry
from .options import add_options
from .target import Target

_SYSTEM = click.option("-s", "--system", metavar="TEXT", help="Instructions for the chatbot.")
_MODEL = click.option("-m", "--model", metavar="NAME", help="Default: the chatbot's own.")
_FILES = click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A file to send with the question. Repeatable.",
)
_PARAMETERS = click.option(
    "-p",
    "--param",
    "params",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Another parameter, by the plugin's own name, such as: -p maxTokens 500. Repeatable.",
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the options of a command say about its questions.

    Attributes:
        model: The model. If empty, the chatbot's own is used; if None, the one in the site's entry.
        system: The instructions, likewise.
        params: Other parameters, by the plugin's own names.
    """

    model: str | None
    system: str | None = field(repr=False)
    params: dict[str, Any] = field(repr=False)

    def for_site(self, site: SiteEntry) -> dict[str, Any]:
        """Return the keyword arguments of a question to a site."""
        return {
            "model": site.model if self.model is None else self.model or None,
            "instructions": site.system if self.system is None else self.system or None,
            "params": self.params,
        }


def parameter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that become `parameters`."""
    return add_options(_with_parameters(command), (_SYSTEM, _MODEL, _PARAMETERS))


def chat_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a question; they become `files`, and keyword arguments as `options`.

    It goes below `target_options`, because the site's entry can have a model and instructions.
    """

    @functools.wraps(command)
    def with_options(target: Target, parameters: Parameters, **others: Any) -> Any:
        return command(target=target, options=parameters.for_site(target.site), **others)

    return add_options(_with_parameters(with_options), (_SYSTEM, _MODEL, _FILES, _PARAMETERS))


def _with_parameters(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def with_parameters(
        model: str | None, system: str | None, params: Sequence[tuple[str, str]], **others: Any
    ) -> Any:
        parameters = Parameters(model, system, read_parameters(params))
        return command(parameters=parameters, **others)

    return with_parameters


def read_parameters(parameters: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return parameters by name.

    Raises:
        UsageError: One is written as NAME=VALUE, so that what follows it is not its value; or one
            is not accepted, which shall be said once and not for each question.
    """
    for name, _ in parameters:
        if "=" in name:
            raise UsageError(f"Write -p {shlex.join(name.split('=', 1))}.")
    return check_parameters({name: read_value(value) for name, value in parameters})


def read_value(text: str) -> Any:
    """Return a parameter's value: JSON such as 0.5, true or ["a"], and otherwise the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
