"""What can be asked of a reply. A rule is a function that says why a reply breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..terminal import shortened

_FENCED = re.compile(r"```[^\n`]*\n(.*)\n[ \t]*```", re.DOTALL)

_LONGEST_QUOTE = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, and how long it took.

    Attributes:
        text: The complete text.
        seconds: The time from sending the prompt to the end of the reply.
    """

    text: str = field(repr=False)
    seconds: float


Rule = Callable[[Answer], str | None]
"""Returns why an answer breaks the rule; None if it does not."""


def contains(text: str) -> Rule:
    """Return the rule that a reply contains a text."""

    def check(answer: Answer) -> str | None:
        return None if text in answer.text else f"The reply does not contain {quoted(text)}."

    return check


def lacks(text: str) -> Rule:
    """Return the rule that a reply does not contain a text."""

    def check(answer: Answer) -> str | None:
        return f"The reply contains {quoted(text)}." if text in answer.text else None

    return check


def matches(pattern: str) -> Rule:
    """Return the rule that a regular expression matches somewhere in a reply.

    Raises:
        ValueError: The regular expression is not valid.
    """
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is not a valid regular expression: {error}") from error

    def check(answer: Answer) -> str | None:
        found = compiled.search(answer.text)
        return None if found else f"The reply does not match {quoted(pattern)}."

    return check


def has_json(expected: Mapping[str, Any]) -> Rule:
    """Return the rule that a reply is a JSON object with these keys and values, among others."""

    def check(answer: Answer) -> str | None:
        fenced = _FENCED.fullmatch(answer.text.strip())
        try:
            value = json.loads(fenced[1] if fenced else answer.text)
            return _difference(value, expected, "")
        except (ValueError, RecursionError):
            return "The reply is not JSON."

    return check


def takes_at_most(seconds: float) -> Rule:
    """Return the rule that a reply is complete after so many seconds."""

    def check(answer: Answer) -> str | None:
        if answer.seconds <= seconds:
            return None
        return f"The reply took {answer.seconds:.1f} seconds, more than {seconds:g}."

    return check


def has_at_most(characters: int) -> Rule:
    """Return the rule that a reply has no more than so many characters."""

    def check(answer: Answer) -> str | None:
        length = len(answer.text)
        if length <= characters:
            return None
        return f"The reply has {length} characters, more than {characters}."

    return check


def quoted(value: object) -> str:
    """Return a value as JSON, or the beginning of it, to show it within a sentence."""
    return shortened(json.dumps(value, ensure_ascii=False), _LONGEST_QUOTE)


def _difference(value: object, expected: object, path: str) -> str | None:
    """Return where a JSON value lacks what is expected of it; None if it has all of that."""
    where = f"In the reply, {path}" if path else "The reply"
    if isinstance(expected, Mapping):
        if not isinstance(value, dict):
            return f"{where} is no JSON object."
        for key, inner in expected.items():
            if key not in value:
                return f"{where} has no key {quoted(key)}."
            if found := _difference(value[key], inner, f"{path}.{key}" if path else key):
                return found
        return None
    if isinstance(expected, list) and isinstance(value, list) and len(value) == len(expected):
        pairs = enumerate(zip(value, expected, strict=True))
        found_in = (_difference(*pair, f"{path}[{index}]") for index, pair in pairs)
        return next(filter(None, found_in), None)
    # In Python, True equals 1.
    if value == expected and isinstance(value, bool) == isinstance(expected, bool):
        return None
    return f"{where} is {quoted(value)}, not {quoted(expected)}."
