"""Limits of the size of an answer."""

from __future__ import annotations

import pytest

from chatgpt4online.config import Limits
from chatgpt4online.protocol.events import End, Malformed

from ..loopback import live
from .parsing import END, ENDED, parse, parse_in_splits


def test_overlong_line_ends_the_answer() -> None:
    limits = Limits(line=100)
    longest = b'data: {"type":"live","data":"' + b"x" * 69 + b'"}\n\n'
    assert len(longest) == 102
    assert parse_in_splits(live("a") + longest, limits)[1] is None
    overlong = longest.replace(b'"}', b'x"}')
    for tail in (b"", live("more") + END):
        assert parse_in_splits(live("a") + overlong + tail, limits) == (
            ["a"],
            Malformed("a line is longer than 100 bytes (Limits.line)"),
        )


@pytest.mark.parametrize("line", [b"data: {\n", b"{\n"])
def test_lines_of_incomplete_json_are_limited(line: bytes) -> None:
    limits = Limits()
    assert parse([live("a") + line * 100_000], limits)[1] is None
    assert parse([live("a") + line * 100_001], limits) == (
        ["a"],
        Malformed("it has more than 100000 lines of incomplete JSON"),
    )


def test_many_short_lines_are_no_long_line() -> None:
    body = b'{"success":true,"reply":"Hi",\n"blocks":[' + b"\n0," * 99 + b"\n0]}"
    outcome = parse_in_splits(body, Limits(line=100))[1]
    assert isinstance(outcome, End)
    spread = (
        b'data: {"type":"live",\n' + b"data: \n" + b'data: "a":0,\n' * 99 + b'data: "data":"x"}\n\n'
    )
    assert parse_in_splits(spread, Limits(line=100)) == (["x"], None)


def test_overlong_answer() -> None:
    body = live("a") + live("b") + END
    size = len(live("a") + live("b"))
    assert parse_in_splits(body, Limits(reply=size)) == (
        ["a", "b"],
        Malformed(f"it is longer than {size} bytes (Limits.reply)"),
    )
    assert parse_in_splits(body, Limits(reply=len(body)))[1] == ENDED


def test_bytes_after_the_end_are_not_limited() -> None:
    assert parse_in_splits(END + b"x" * 50, Limits(reply=len(END)))[1] == ENDED
