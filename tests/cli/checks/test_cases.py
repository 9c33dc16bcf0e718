"""The cases of `check`: reading them, and what their rules say of a reply."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import UsageError
from chatgpt4online.cli.checks.cases import Case, parse_cases, read_cases
from chatgpt4online.cli.checks.differences import Part, differences
from chatgpt4online.cli.checks.rules import Answer

HEAD = '[[case]]\nname = "hours"\nprompt = "When?"\n'


def complaints(rules: str, reply: str, seconds: float = 1.0) -> list[str]:
    """Return what the rules of a case say of a reply."""
    (case,) = parse_cases(HEAD + rules, "cases.toml")
    found = (rule(Answer(reply, seconds)) for rule in case.turns[0].rules)
    return [complaint for complaint in found if complaint is not None]


@pytest.mark.parametrize(
    ("rules", "reply", "expected"),
    [
        ('contains = "10"', "From 10 to 4.", []),
        ('contains = ["10", "five", "Four"]', "10 to four", ["five", "Four"]),
        ('not = "sorry"', "Sorry.", []),
        ('not = ["sorry", "an AI"]', "I am sorry.", ["sorry"]),
        ("regex = '(?i)\\bmonday\\b'", "On MONDAY.", []),
        ("regex = ['^From', '4$']", "From 10 to 4.", ["4$"]),
        ("max_characters = 5", "12345", []),
        ("max_characters = 5", "123456", ["6 characters, more than 5"]),
        ("max_seconds = 1", "", []),
        ("max_seconds = 0.5", "", ["took 1.0 seconds, more than 0.5"]),
    ],
)
def test_rules(rules: str, reply: str, expected: list[str]) -> None:
    found = complaints(rules, reply)
    assert len(found) == len(expected)
    for complaint, part in zip(found, expected, strict=True):
        assert part in complaint
        assert complaint.endswith(".")


@pytest.mark.parametrize(
    ("expected", "reply", "complaint"),
    [
        ("{}", '{"open": true}', ""),
        ("{open = true}", '{"open": true, "until": 4}', ""),
        ("{open = true}", '```json\n{"open": true}\n```\n', ""),
        ("{open = true}", '```\n{\n"open": true}\n```', ""),
        ("{days = ['Mon', {a = 1}]}", '{"days": ["Mon", {"a": 1, "b": 2}]}', ""),
        ("{a = {b = 1}}", '{"a": {"b": 1.0, "c": 2}}', ""),
        ("{}", "yes", "The reply is not JSON."),
        ("{}", "Here it is: {}", "The reply is not JSON."),
        ("{}", "[" * 100_000, "The reply is not JSON."),
        ("{}", "[]", "The reply is no JSON object."),
        ("{open = true}", "{}", 'The reply has no key "open".'),
        ("{open = true}", '{"open": 1}', "In the reply, open is 1, not true."),
        ("{open = 1}", '{"open": true}', "In the reply, open is true, not 1."),
        ("{a = {b = 1}}", '{"a": {"b": "1"}}', 'In the reply, a.b is "1", not 1.'),
        ("{a = {b = 1}}", '{"a": null}', "In the reply, a is no JSON object."),
        ("{a = [1, 2]}", '{"a": [1]}', "In the reply, a is [1], not [1, 2]."),
        ("{a = 1}", f'{{"a": "{"x" * 300}"}}', f'In the reply, a is "{"x" * 198}…, not 1.'),
        ("{a = [1, 2]}", '{"a": [1, 3]}', "In the reply, a[1] is 3, not 2."),
    ],
)
def test_json(expected: str, reply: str, complaint: str) -> None:
    assert complaints(f"json = {expected}", reply) == ([complaint] if complaint else [])


def test_defaults_hold_for_every_reply_and_are_replaced() -> None:
    text = """
    defaults = {repeat = 5, pass = 4, not = "sorry", max_seconds = 9}
    [[case]]
    name = "a"
    prompt = "A"
    [[case.then]]
    prompt = "B"
    not = "no"
    [[case]]
    name = "b"
    prompt = "B"
    repeat = 8
    pass = 1
    """
    first, second = parse_cases(text, "cases.toml")
    assert (first.repeat, first.needed) == (5, 4)
    assert (second.repeat, second.needed) == (8, 1)
    said = [
        [rule(Answer("no, sorry", 10)) for rule in turn.rules]
        for turn in (*first.turns, *second.turns)
    ]
    slow = "The reply took 10.0 seconds, more than 9."
    assert said == [
        ['The reply contains "sorry".', slow],
        ['The reply contains "no".', slow],
        ['The reply contains "sorry".', slow],
    ]


@pytest.mark.parametrize(
    ("case", "times", "needed"),
    [((5, 4), 1, 1), ((5, 4), 10, 8), ((5, 4), 3, 3), ((5, 5), 2, 2), ((4, 1), 2, 1)],
)
def test_another_number_of_repeats(case: tuple[int, int], times: int, needed: int) -> None:
    assert Case("a", (), *case).repeated(times) == Case("a", (), times, needed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cases.toml has no cases. A case begins with [[case]]."),
        ("[[case", "cases.toml is not valid TOML"),
        ("[case]\nname = 'a'", "cases.toml: case must be a list of tables: [[case]]."),
        ("cases = 1", "cases.toml: unknown key 'cases'; expected defaults, case."),
        ("defaults = 1", "cases.toml: defaults must be a table"),
        ("[defaults]\nprompt = 'a'", "cases.toml, defaults: unknown key 'prompt'"),
        ("[defaults]\nnot = 1", "cases.toml, defaults: not must be a text"),
        ("[[case]]\nprompt = 'a'", "cases.toml, case '1': name is missing."),
        ("[[case]]\nname = 'a'", "cases.toml, case 'a': prompt is missing."),
        ("[[case]]\nname = 'a'\nprompt = ' '", "case 'a': prompt must be a text."),
        (f"{HEAD}contain = '10'", "case 'hours': unknown key 'contain'; expected name, prompt, "),
        (f"{HEAD}contains = 10", "case 'hours': contains must be a text or a list of texts"),
        (f"{HEAD}contains = ''", "case 'hours': contains must be a text or a list of texts"),
        (f"{HEAD}not = []", "case 'hours': not must not be an empty list."),
        (f"{HEAD}regex = '('", "case 'hours': regex is not a valid regular expression: missing )"),
        (f"{HEAD}json = 'a'", "case 'hours': json must be a table"),
        (f"{HEAD}json = {{a = [1979-05-27]}}", "case 'hours': json must not have dates"),
        (f"{HEAD}max_seconds = 0", "case 'hours': max_seconds must be a positive number"),
        (f"{HEAD}max_seconds = nan", "case 'hours': max_seconds must be a positive number"),
        (f"{HEAD}max_seconds = true", "case 'hours': max_seconds must be a positive number"),
        (f"{HEAD}max_characters = 1.5", "case 'hours': max_characters must be a whole number"),
        (f"{HEAD}repeat = 0", "case 'hours': repeat must be a whole number from 1."),
        (f"{HEAD}pass = true", "case 'hours': pass must be a whole number from 1."),
        (f"{HEAD}repeat = 2\npass = 3", "case 'hours': pass is 3, more than repeat, which is 2."),
        (f"{HEAD}model = 1", "case 'hours': model must be a text."),
        (f"{HEAD}params = 'a'", "case 'hours': params must be a mapping"),
        (f"{HEAD}params = {{stream = false}}", "case 'hours': params must not contain stream"),
        (f"{HEAD}params = {{a = 1979-05-27}}", "case 'hours': The parameter a cannot be sent"),
        ("[defaults]\nmodel = 'a'", "cases.toml, defaults: unknown key 'model'"),
        (f"{HEAD}then = 'a'", "case 'hours': then must be a list of tables: [[case.then]]."),
        (f"{HEAD}[[case.then]]\nregex = 'a'", "case 'hours', follow-up 1: prompt is missing."),
        (f"{HEAD}[[case.then]]\nname = 'a'", "case 'hours', follow-up 1: unknown key 'name'"),
        (HEAD + HEAD, "cases.toml has two cases with the name 'hours'."),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_cases(text, "cases.toml")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    with pytest.raises(UsageError, match=r"Cannot read .*cases\.toml: No such file"):
        read_cases(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"Cannot read .*cases\.toml: 'utf-8' codec"):
        read_cases(path)
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert [case.name for case in read_cases(path)] == ["hours"]


def test_the_example_of_the_docs() -> None:
    docs = (Path(__file__).parents[3] / "docs" / "command.rst").read_text(encoding="utf-8")
    example = re.search(r"\.\. code-block:: toml\n\n((?:    .*\n|\n)+)", docs)
    assert example is not None
    hours, stock = parse_cases(example[1], "cases.toml")
    assert (hours.name, len(hours.turns), hours.repeat, hours.needed) == ("opening hours", 2, 5, 4)
    good = Answer('{"item": "red shirt", "count": 3}', 1)
    assert [rule(good) for rule in stock.turns[0].rules] == [None] * 3


def joined(parts: list[Part]) -> str:
    return "".join(f"[{part.text}]" if part.differs else part.text for part in parts)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("same  words\n", "same words", ("same  words\n", "same words")),
        ("open at 10 today", "open at 11 today", ("open at [10] today", "open at [11] today")),
        ("We are open.", "We are closed now.", ("We are [open].", "We are [closed now].")),
        ("a", "a b c", ("a", "a [b c]")),
        (" x", "", ("[ x]", "")),
        ("Привет, мир", "Привет, Аня", ("Привет, [мир]", "Привет, [Аня]")),
        ("a " * 3000, "b " * 3000, ("a " * 3000, "b " * 3000)),
    ],
)
def test_differences(first: str, second: str, expected: tuple[str, str]) -> None:
    parts: Any = differences(first, second)
    assert tuple(map(joined, parts)) == expected
    assert tuple("".join(part.text for part in side) for side in parts) == (first, second)
