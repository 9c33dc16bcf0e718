"""JSON in the midst of dirt, and JSON that is meant to harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.protocol import jsontext
from chatgpt4online.protocol.jsontext import MOST_LEVELS, find_object, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def nested(levels: int, opening: str, closing: str) -> str:
    return opening * levels + "0" + closing * levels


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_how_deep_an_answer_may_be(opening: str, closing: str) -> None:
    per = opening.count("[") + opening.count("{")
    assert parse_json(nested(MOST_LEVELS // per, opening, closing)) is not None
    for levels in (MOST_LEVELS // per + 1, 5000, 200_000):
        with pytest.raises(ValueError, match="too deeply nested"):
            parse_json(nested(levels, opening, closing))
    deep = nested(MOST_LEVELS + 1, '{"a":', "}")
    assert find_object(deep) is None
    assert find_object(f"notice\n{deep}\n") is None


def test_brackets_in_a_text_make_it_no_deeper() -> None:
    text = "[{" * 5000
    assert parse_json(json.dumps({"a": text})) == {"a": text}


def test_how_many_values_an_answer_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsontext, "MOST_VALUES", 200)
    assert parse_json(f"[{'0,' * 199}0]") == [0] * 200
    for text in (f"[{'0,' * 200}0]", f"[{'[],' * 101}0]", '{"a":' * 201):
        with pytest.raises(ValueError, match="too many values"):
            parse_json(text)
    assert find_object(f'{{"a":[{"0," * 200}0]}}') is None


@pytest.mark.parametrize(
    "text", ["", " ", "{", "1 2", "nul", "[1,]", "9" * 5000, '"\ud800', "\ufeff1"]
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@given(VALUES)
def test_what_is_json_is_read_as_json(value: Any) -> None:
    assert parse_json(f" \t\r\n{json.dumps(value)}\n") == value


@given(st.text())
def test_any_text_is_an_object_or_none(text: str) -> None:
    assert isinstance(find_object(text), dict | None)
