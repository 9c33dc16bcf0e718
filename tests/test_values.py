"""Values are compared, shown, kept and passed on by their fields."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from chatgpt4online import (
    Action,
    ActivityEvent,
    Block,
    EndEvent,
    Limits,
    Message,
    Reply,
    RetryPolicy,
    Shortcut,
    StoredFile,
    TextEvent,
    Timeout,
    Usage,
)
from chatgpt4online.protocol.chunks import End, Failure, Malformed
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.prompt import Prompt
from chatgpt4online.values import HiddenValue

FROZEN = [
    Message("user", "Hi"),
    Usage(1, 2, 3, {"price": 0.5}),
    Action("function", {"name": "f"}),
    Block("content", {"html": "<b>"}),
    Reply("Hi", images=("a",), usage=Usage(1, 2, 3), response_id="r"),
    StoredFile("f1", "http://a.b/f1", {"id": "f1"}),
    Timeout(1, 2, 3),
    Limits(1, 2, 3),
    RetryPolicy(attempts=2),
]
EVENTS = [
    TextEvent("Hi"),
    ActivityEvent("status", "Thinking", metadata={"a": 1}),
    EndEvent(Reply("Hi")),
]
ALL = [pytest.param(value, id=type(value).__name__) for value in (*FROZEN, *EVENTS)]


@pytest.mark.parametrize("value", ALL)
def test_copies_are_equal(value: Any) -> None:
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert other == value
        assert other is not value
        assert repr(other) == repr(value)


@pytest.mark.parametrize("value", ALL)
def test_arguments_are_the_fields_in_their_order(value: Any) -> None:
    fields = [getattr(value, name) for name in value.__match_args__]
    assert type(value)(*fields) == value
    assert type(value)(**dict(zip(value.__match_args__, fields, strict=True))) == value
    with pytest.raises(TypeError):
        type(value)(*fields, "one more")
    with pytest.raises(TypeError):
        type(value)(*fields[:-1], unknown=1)


@pytest.mark.parametrize("value", [pytest.param(v, id=type(v).__name__) for v in FROZEN])
def test_values_cannot_be_changed(value: Any) -> None:
    name = value.__match_args__[0]
    before = getattr(value, name)
    with pytest.raises(AttributeError, match="cannot be changed"):
        setattr(value, name, "other")
    with pytest.raises(AttributeError, match="cannot be changed"):
        delattr(value, name)
    with pytest.raises(AttributeError):
        value.unknown = 1
    assert getattr(value, name) == before


def test_equal_values_are_one_in_a_set() -> None:
    assert len({Message("user", "Hi"), Message("user", "Hi"), Message("user", "Ho")}) == 2
    assert len({Timeout(), Timeout(10, 120), Timeout(total=1)}) == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(TextEvent("Hi"))


def test_only_values_of_one_kind_are_equal() -> None:
    data = {"label": "Hi"}
    assert Action("a", data) != Shortcut("a", data)
    assert Action("a", data) == Action("a", dict(data))
    assert Message("user", "Hi") != ("user", "Hi")
    assert TextEvent("Hi") != TextEvent("Ho")


def test_what_is_left_out_is_not_shared() -> None:
    first, second = ActivityEvent("a", "b"), ActivityEvent("a", "b")
    assert first.metadata == {}
    assert first.metadata is not second.metadata
    assert StoredFile("a").raw is not StoredFile("a").raw
    assert Usage(1, 2, 3).raw is not Usage(1, 2, 3).raw


def test_values_are_shown_by_their_fields() -> None:
    assert repr(Timeout(connect=1, total=2.5)) == "Timeout(connect=1, idle=120.0, total=2.5)"
    assert repr(EndEvent(Reply("Hi"))) == (
        "EndEvent(reply=Reply(text='Hi', images=(), actions=(), shortcuts=(), blocks=(), "
        "usage=None, response_id=None, chat_id=None))"
    )
    assert repr(Message("user", "secret")) == "Message(role='user', content=<6 characters>)"


@pytest.mark.parametrize(
    "value",
    [
        Session("secret", "secret"),
        Prompt("secret", (Message("user", "secret"),)),
        End({"new_token": "secret"}),
        Failure({"message": "secret"}),
        Malformed("secret"),
    ],
)
def test_what_holds_secrets_is_shown_by_its_name_alone(value: HiddenValue) -> None:
    assert repr(value) == f"<{type(value).__name__}>"
    assert value == copy.copy(value)


def test_the_functions_of_dataclasses_take_values() -> None:
    assert dataclasses.replace(Timeout(), total=3) == Timeout(total=3)
    assert [field.name for field in dataclasses.fields(Message)] == ["role", "content"]
    assert dataclasses.asdict(Reply("Hi", usage=Usage(1, 2, 3)))["usage"] == {
        "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "raw": {},
    }  # fmt: skip
    assert dataclasses.is_dataclass(TextEvent)
    assert not dataclasses.is_dataclass(HiddenValue)

    @dataclasses.dataclass(frozen=True)
    class Dated(Message):
        date: str

    dated = Dated("user", "Hi", "2023-11-01")
    assert (dated.content, dated.date) == ("Hi", "2023-11-01")


def test_values_can_be_matched() -> None:
    match Message("user", "Hi"):
        case Message("user", content):
            assert content == "Hi"
        case _:
            pytest.fail("It did not match.")
