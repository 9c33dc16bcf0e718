from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

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
    for number in range(100_000):
        text.add([f"{number:05d}"])
    assert len(str(text)) == 500_000
    assert str(text).startswith("0000000001")
    assert sum(map(sys.getsizeof, text._parts)) < 600_000


def test_large_texts_are_kept_in_large_blocks() -> None:
    text = TextSoFar()
    for _ in range(100):
        text.add(["x" * 100_000])
    assert str(text) == "x" * 10_000_000
    *blocks, _ = text._parts
    assert {len(block) for block in blocks} == {1_100_000}


def test_another_thread_sees_whole_steps() -> None:
    text, over = TextSoFar(), threading.Event()
    whole = "".join(f"{number:05d}" for number in range(20_000))

    def watch() -> bool:
        while not over.is_set():
            if not whole.startswith(str(text)):
                return False
        return str(text) == whole

    switch_interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(watch)
            for number in range(20_000):
                text.add([f"{number:05d}"])
            over.set()
            assert watching.result()
    finally:
        sys.setswitchinterval(switch_interval)
