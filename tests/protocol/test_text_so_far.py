from __future__ import annotations

import sys

import pytest

from chatgpt4online.messages import ActivityEvent
from chatgpt4online.protocol.text_so_far import TextSoFar


def test_texts_are_kept_and_activities_left_out() -> None:
    text = TextSoFar()
    text.add(["He", ActivityEvent(kind="thinking", text="...", raw={}), "llo"])
    assert str(text) == "Hello"
    text.add([" there"])
    assert [str(text), str(text)] == ["Hello there"] * 2


@pytest.mark.parametrize(
    ("whole", "rest"),
    [("Hello there", " there"), ("Hello", ""), ("Hell", ""), ("Hallo there", ""), ("", "")],
)
def test_what_a_text_has_beyond_it(whole: str, rest: str) -> None:
    text = TextSoFar()
    text.add(["He"])
    assert text.rest_of("Hey") == "y"
    text.add(["llo"])
    assert text.rest_of(whole) == rest


def test_nothing_is_the_beginning_of_all() -> None:
    assert TextSoFar().rest_of("Hello") == "Hello"


def test_many_small_texts_take_little_more_than_their_characters() -> None:
    text = TextSoFar()
    for number in range(10_000):
        text.add([f"{number:05d}"])
    assert len(str(text)) == 50_000
    assert str(text).startswith("0000000001")
    kept = [*text._joined, *text._apart]
    assert sum(map(sys.getsizeof, kept)) < 60_000
