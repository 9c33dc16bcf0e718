"""The cases of a check, read from a TOML file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from ...errors import UsageError
from ...protocol.chat import read_parameters
from ..files import check_keys, parse_toml, unreadable
from .rules import Rule, contains, has_at_most, has_json, lacks, matches, takes_at_most


@dataclass(frozen=True, slots=True)
class Turn:
    """A prompt, and what must hold for the reply to it.

    Attributes:
        prompt: The prompt.
        rules: What must hold.
    """

    prompt: str = field(repr=False)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A short conversation, and how often it must go well.

    Attributes:
        name: The name, which no other case of the file has.
        turns: The first prompt, and the follow-ups.
        repeat: How often the conversation is held.
        needed: How many times of these it must go well.
        options: Keyword arguments of each call, in place of those of the command.
    """

    name: str
    turns: tuple[Turn, ...]
    repeat: int = 1
    needed: int = 1
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def repeated(self, times: int) -> Self:
        """Return the case with another number of repeats; what is needed changes in proportion."""
        return replace(self, repeat=times, needed=math.ceil(times * self.needed / self.repeat))


def read_cases(path: Path) -> tuple[Case, ...]:
    """Read a file of cases.

    Raises:
        UsageError: It cannot be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return parse_cases(text, path.name)


def parse_cases(text: str, name: str) -> tuple[Case, ...]:
    """Parse the text of a file of cases.

    Raises:
        UsageError: Something in it is wrong; the text names the file, the case and the key.
    """
    data = parse_toml(text, name)
    check_keys(data, ("defaults", "case"), name)
    defaults = data.get("defaults", {})
    if not isinstance(defaults, dict):
        raise UsageError(f"{name}: defaults must be a table: [defaults].")
    check_keys(defaults, (*_RULES, "repeat", "pass"), f"{name}, defaults")
    tuple(_rules(defaults, f"{name}, defaults"))
    entries = _tables(data, "case", name)
    if not entries:
        raise UsageError(f"{name} has no cases. A case begins with [[case]].")
    cases = tuple(
        _read_case(entry, defaults, f"{name}, case {str(entry.get('name', number))!r}")
        for number, entry in enumerate(entries, 1)
    )
    _check_names(cases, name)
    return cases


def _read_case(entry: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> Case:
    known = ("name", "prompt", *_RULES, "repeat", "pass", "model", "system", "params", "then")
    check_keys(entry, known, where)
    merged = {**defaults, **entry}
    rules = {key: value for key, value in defaults.items() if key in _RULES}
    follow_ups = [
        _read_follow_up({**rules, **item}, f"{where}, follow-up {number}")
        for number, item in enumerate(_tables(entry, "then", where), 1)
    ]
    repeat = _count(merged, "repeat", where, 1)
    needed = _count(merged, "pass", where, repeat)
    if needed > repeat:
        raise UsageError(f"{where}: pass is {needed}, more than repeat, which is {repeat}.")
    name = " ".join(_text(entry, "name", where).split())
    turns = (_read_turn(merged, where), *follow_ups)
    return Case(name, turns, repeat, needed, dict(_options(entry, where)))


def _options(entry: Mapping[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for key, argument in (("model", "model"), ("system", "instructions")):
        if key in entry:
            yield argument, _text(entry, key, where)
    if "params" in entry:
        try:
            yield "params", read_parameters(entry["params"])
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from error


def _read_follow_up(entry: Mapping[str, Any], where: str) -> Turn:
    check_keys(entry, ("prompt", *_RULES), where)
    return _read_turn(entry, where)


def _read_turn(entry: Mapping[str, Any], where: str) -> Turn:
    return Turn(_text(entry, "prompt", where), tuple(_rules(entry, where)))


def _rules(entry: Mapping[str, Any], where: str) -> Iterator[Rule]:
    for key, read in _RULES.items():
        if key in entry:
            try:
                yield from read(entry[key])
            except ValueError as error:
                raise UsageError(f"{where}: {key} {error}.") from error


def _check_names(cases: tuple[Case, ...], name: str) -> None:
    seen = set()
    for case in cases:
        if case.name in seen:
            raise UsageError(f"{name} has two cases with the name {case.name!r}.")
        seen.add(case.name)


def _tables(data: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    value = data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        header = "[[case.then]]" if key == "then" else "[[case]]"
        raise UsageError(f"{where}: {key} must be a list of tables: {header}.")
    return value


def _text(entry: Mapping[str, Any], key: str, where: str) -> str:
    if key not in entry:
        raise UsageError(f"{where}: {key} is missing.")
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {key} must be a text.")
    return value


def _count(entry: Mapping[str, Any], key: str, where: str, default: int) -> int:
    try:
        return _whole_number(entry.get(key, default))
    except ValueError as error:
        raise UsageError(f"{where}: {key} {error}.") from error


def _whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("must be a whole number from 1")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError("must be a positive number of seconds")
    return value


def _json_object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError('must be a table, such as { status = "open" }')
    if not _is_json(value):
        raise ValueError("must not have dates and times; write them as texts")
    return value


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, str | int | float)


def _each_text(rule: Callable[[str], Rule]) -> Callable[[object], list[Rule]]:
    """Return the reader of a text or a list of texts, each of which becomes a rule."""

    def read(value: object) -> list[Rule]:
        rules = []
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or not text:
                raise ValueError("must be a text or a list of texts, none of them empty")
            rules.append(rule(text))
        if not rules:
            raise ValueError("must not be an empty list")
        return rules

    return read


_RULES: dict[str, Callable[[object], list[Rule]]] = {
    "contains": _each_text(contains),
    "not": _each_text(lacks),
    "regex": _each_text(matches),
    "json": lambda value: [has_json(_json_object(value))],
    "max_seconds": lambda value: [takes_at_most(_seconds(value))],
    "max_characters": lambda value: [has_at_most(_whole_number(value))],
}
"""How the value of each key becomes rules. A `ValueError` says what is wrong with it."""
