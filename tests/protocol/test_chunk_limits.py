"""Answers that are long: what comes before a limit counts, and no more is taken."""

from __future__ import annotations

import pytest

from chatgpt4online.protocol.chunks import Malformed
from chatgpt4online.protocol.limits import Limits

from ..loopback import live
from .parsing import END, OK, parse, parse_any_way, text_of


def test_a_long_line_ends_the_answer_after_what_came_before() -> None:
    limits = Limits(line=100)
    whole = b'data: {"type":"live","data":"' + b"x" * 69 + b'"}\n\n'
    assert len(whole) == 102
    assert parse_any_way(live("a") + whole, limits)[1] is None
    too_long = whole.replace(b'"}', b'x"}')
    for tail in (b"", live("more") + END):
        events, outcome = parse_any_way(live("a") + too_long + tail, limits)
        assert events == ["a"]
        assert outcome == Malformed("a line of the answer is longer than 100 bytes")


@pytest.mark.parametrize("line", [b"data: {\n", b"{\n"])
def test_many_lines_that_are_kept_end_the_answer_too(line: bytes) -> None:
    events, outcome = parse_any_way(live("a") + line * 120, Limits(line=100))
    assert events == ["a"]
    assert isinstance(outcome, Malformed)


def test_a_long_answer_ends_after_what_came_before() -> None:
    body = live("a") + live("b") + END
    limits = Limits(reply=len(live("a") + live("b")))
    events, outcome = parse_any_way(body, limits)
    assert events == ["a", "b"]
    assert isinstance(outcome, Malformed)
    assert parse_any_way(body, Limits(reply=len(body)))[1] == OK


def test_an_end_within_the_limit_is_an_end() -> None:
    assert parse_any_way(END + b"x" * 50, Limits(reply=len(END)))[1] == OK


def test_a_large_chunk_is_taken_like_many_small_ones() -> None:
    body = (live("a") * 1000 + b"dirt\r\n\r" + live("b")) * 70 + END
    assert len(body) > 2**21
    events, outcome = parse([body], Limits())
    assert text_of(events) == ("a" * 1000 + "b") * 70
    assert outcome == OK
    pieces = [body[at : at + 9999] for at in range(0, len(body), 9999)]
    assert parse(pieces, Limits()) == (events, outcome)


def test_too_many_lines_that_are_no_usual_events_end_the_answer() -> None:
    limits = Limits(reply=64 * 2000)
    assert parse_any_way(b"x\n" * 1999 + END, limits)[1] == OK
    events, outcome = parse_any_way(live("a") + b"x\n" * 2001 + END, limits)
    assert events == ["a"]
    assert outcome == Malformed("the answer has too many lines that are no usual events")
    assert parse_any_way(live("a") * 3000 + END, Limits())[1] == OK
