"""Stop texts: the same text comes through however the reply is split."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.server.stop_texts import StopTexts

TEXT = st.text("abc", max_size=30)
STOPS = st.lists(st.text("abc", min_size=1, max_size=4), max_size=4)


@given(st.lists(TEXT, max_size=8), STOPS)
def test_any_split(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    passed = pass_on(pieces, stops)
    assert passed == pass_on(list(text), stops)
    assert text.startswith(passed)
    assert not any(stop in passed for stop in stops)
    if not any(stop in text for stop in stops):
        assert passed == text


def pass_on(pieces: list[str], stops: list[str]) -> str:
    passing, passed = StopTexts(stops), ""
    for piece in pieces:
        passed += passing.feed(piece)
        if passing.found:
            break
    return passed + passing.rest()
