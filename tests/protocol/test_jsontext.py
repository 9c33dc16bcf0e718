"""JSON among other content, and JSON that is meant to do harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.errors import UsageError
from chatgpt4online.protocol.jsontext import (
    encode_json,
    find_object,
    parse_json,
    sendable,
    unescape,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_parse_json(value: Any) -> None:
    assert parse_json(f" \t\r\n{json.dumps(value)}\n") == value


@pytest.mark.parametrize(
    "text", ["", " ", "{", "1 2", "nul", "[1,]", "9" * 5000, '"\ud800', "\ufeff1"]
)
def test_invalid_json(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_deeply_nested_json(opening: str, closing: str) -> None:
    assert parse_json(opening * 50 + "0" + closing * 50) is not None
    deep = opening * 200_000 + "0" + closing * 200_000
    with pytest.raises(ValueError, match="too deeply nested"):
        parse_json(deep)
    assert find_object(f'notice\n{{"a":{deep}}}\n') is None


def test_brackets_in_a_string_are_not_nesting() -> None:
    text = "[{" * 5000
    assert parse_json(json.dumps({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a":1}', {"a": 1}),
        ('{"a":1} and more', {"a": 1}),
        ('\ufeff \t{"a":1}', {"a": 1}),
        ('<br />\n<b>Notice</b>: {x}\n{"a":1}\n', {"a": 1}),
        ('{x} is undefined\n{"a":1}', {"a": 1}),
        ('{"a":\n1}', {"a": 1}),
        ('{"a":[\n{"b":1},\n', None),
        ('{"a":' + "9" * 5000 + '}\n{"a":1}', None),
        ('x {"a":1}', None),
        ("[1]", None),
        ("", None),
        ("{x}\n" * 15 + '{"a":1}', {"a": 1}),
        ("{x}\n" * 16 + '{"a":1}', None),
    ],
)
def test_find_object(text: str, found: dict[str, Any] | None) -> None:
    assert find_object(text) == found


@given(st.text())
def test_find_object_in_any_text(text: str) -> None:
    assert isinstance(find_object(text), dict | None)


@given(st.text())
def test_unescape(text: str) -> None:
    assert unescape(json.dumps(text)[1:-1]) == text


@given(st.text(st.characters()))
def test_sendable(text: str) -> None:
    sent = sendable(text)
    encode_json({"text": sent})
    assert len(sent) == len(text)
    if text.isascii():
        assert sent == text


def test_encode_json() -> None:
    assert (
        encode_json({"a": "п\u2028", "b": [1, None]}) == '{"a": "п\u2028", "b": [1, null]}'.encode()
    )


def circle() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), "\ud800", b"x", circle()])
def test_value_that_cannot_be_encoded(value: Any) -> None:
    with pytest.raises(UsageError, match="The parameter x cannot be sent as JSON: ") as caught:
        encode_json({"secret": value}, "The parameter x")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "secret" not in str(caught.value)
