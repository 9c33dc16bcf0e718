"""The values that the library takes and returns are ordinary frozen dataclasses."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Mapping
from typing import Any

import pydantic
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

import chatgpt4online
from chatgpt4online import (
    Action,
    ActivityEvent,
    BatchResult,
    Block,
    Chatbot,
    Discussion,
    EndEvent,
    Era,
    Event,
    Limits,
    Message,
    PageBot,
    Reply,
    RetryPolicy,
    Shortcut,
    SiteInfo,
    StoredFile,
    TextEvent,
    Timeout,
    Usage,
    UsageError,
)
from chatgpt4online.conversation import Kept, NextTurn
from chatgpt4online.protocol.chat import Turn
from chatgpt4online.protocol.events import End, Failure
from chatgpt4online.protocol.http import Request, Response
from chatgpt4online.protocol.prompt import Prompt
from chatgpt4online.protocol.site import Bot, Session
from chatgpt4online.settings import read_settings

REPLY = Reply(
    "Hi",
    images=("https://a.example/1.png",),
    actions=(Action("function", {"name": "f", "args": {"a": 1}}),),
    shortcuts=(Shortcut("message", {"label": "More", "shortcutId": "s"}),),
    blocks=(Block("content", {"html": "<b>"}),),
    usage=Usage(1, 2, 3, {"price": 0.5}),
    response_id="r",
    chat_id="c",
)
PAGE_BOT = PageBot("b", None, 7, "Hello", 100, True, 2, "chat", True, {"a": 1}, {"b": [2]})
VALUES = [
    Message("user", "Hi"),
    Usage(1, 2, 3, {"price": 0.5}),
    *REPLY.actions,
    *REPLY.shortcuts,
    *REPLY.blocks,
    REPLY,
    StoredFile("f1", "https://a.example/f1", {"id": "f1"}),
    TextEvent("Hi"),
    ActivityEvent("status", "Thinking", timestamp=1.5, metadata={"a": 1}, raw={"type": "status"}),
    EndEvent(REPLY),
    Discussion("c", "Title", (Message("user", "Hi"),), "2026", "2027", {"id": 1}),
    Chatbot("b", "Bot", {"id": "b"}),
    PAGE_BOT,
    SiteInfo("https://a.example/wp-json/", Era.START_SESSION, True, (PAGE_BOT,)),
    Timeout(1, 2, 3),
    Limits(1, 2, 3),
    RetryPolicy(attempts=2),
]
BATCH_RESULT = BatchResult(0, {"prompt": "Hi"}, REPLY)
EVERY_VALUE = pytest.mark.parametrize(
    "value", [*VALUES, BATCH_RESULT], ids=lambda value: type(value).__name__
)
# A BatchResult can have an exception, for which pydantic has no schema.
FOR_PYDANTIC = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


def test_a_notebook_shows_a_reply_as_markdown() -> None:
    assert REPLY._repr_markdown_() == REPLY.text


def test_every_public_dataclass_is_tested_here() -> None:
    public = {getattr(chatgpt4online, name) for name in chatgpt4online.__all__ if name != "Event"}
    tested = {type(value) for value in [*VALUES, BATCH_RESULT]}
    assert {kind for kind in public if dataclasses.is_dataclass(kind)} == tested


@EVERY_VALUE
def test_copies_are_equal(value: Any) -> None:
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert other == value
        assert type(other) is type(value)
        assert repr(other) == repr(value)
        assert hash(other) == hash(value)


@EVERY_VALUE
def test_the_functions_of_dataclasses(value: Any) -> None:
    names = [field.name for field in dataclasses.fields(value)]
    assert tuple(names) == value.__match_args__
    assert list(dataclasses.asdict(value)) == names
    assert dataclasses.replace(value) == value
    assert type(value)(*(getattr(value, name) for name in names)) == value


@EVERY_VALUE
def test_values_are_frozen(value: Any) -> None:
    for field in dataclasses.fields(value):
        before = getattr(value, field.name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, "other")
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(value, field.name)
        assert getattr(value, field.name) is before
    assert not hasattr(value, "__dict__")


@EVERY_VALUE
def test_values_are_hashable(value: Any) -> None:
    """Objects of the site are compared, but left out of the hash, because dicts have none."""
    assert len({value, copy.deepcopy(value)}) == 1
    for field in dataclasses.fields(value):
        if isinstance(getattr(value, field.name), Mapping):
            other = dataclasses.replace(value, **{field.name: {"something": ["else"]}})
            assert hash(other) == hash(value)
            assert other != value


@EVERY_VALUE
def test_values_have_docstrings_for_all_of_their_fields(value: Any) -> None:
    documented = "".join(base.__doc__ or "" for base in type(value).__mro__)
    for field in dataclasses.fields(value):
        assert f"    {field.name}: " in documented


def test_asdict_goes_all_the_way_down() -> None:
    plain = dataclasses.asdict(REPLY)
    assert plain["usage"] == {
        "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "raw": {"price": 0.5},
    }  # fmt: skip
    assert plain["shortcuts"][0]["data"]["label"] == "More"
    assert json.loads(json.dumps(plain))["text"] == "Hi"


def test_replace() -> None:
    assert dataclasses.replace(REPLY, text="Ho").text == "Ho"
    assert dataclasses.replace(REPLY, text="Ho").usage is REPLY.usage


def test_match() -> None:
    match EndEvent(REPLY):
        case EndEvent(Reply(text=text, usage=Usage(total_tokens=total))):
            assert (text, total) == ("Hi", 3)
        case _:
            pytest.fail("It did not match.")
    match Message("user", "Hi"):
        case Message("user", content):
            assert content == "Hi"
        case _:
            pytest.fail("It did not match.")


def test_the_roles_of_a_message() -> None:
    assert Message("developer", "Be brief.") == Message("system", "Be brief.")
    for role in ("User", "tool", "", None, 5):
        with pytest.raises(UsageError, match="expected system, user, assistant"):
            Message(role, "Hi")  # type: ignore[arg-type]


def test_values_of_different_types_differ() -> None:
    data = {"label": "Hi"}
    shortcut: object = Shortcut("a", data)
    assert Action("a", data) != shortcut
    assert Action("a", data) == Action("a", dict(data))
    pair: object = ("user", "Hi")
    assert Message("user", "Hi") != pair
    assert TextEvent("Hi") != TextEvent("Ho")


def test_defaults_are_not_shared() -> None:
    first, second = ActivityEvent("a", "b"), ActivityEvent("a", "b")
    assert first.metadata == {}
    assert first.metadata is not second.metadata
    assert StoredFile("a").raw is not StoredFile("a").raw
    assert Usage(1, 2, 3).raw is not Usage(1, 2, 3).raw


def test_values_can_be_extended() -> None:
    @dataclasses.dataclass(frozen=True)
    class Dated(Message):
        date: str

    dated = Dated("user", "Hi", "2023-11-01")
    assert (dated.content, dated.date) == ("Hi", "2023-11-01")


def test_the_properties_of_extras() -> None:
    (action,), (shortcut,), (block,) = REPLY.actions, REPLY.shortcuts, REPLY.blocks
    assert (action.name, action.arguments) == ("f", {"a": 1})
    assert (shortcut.label, shortcut.shortcut_id, shortcut.message) == ("More", "s", "More")
    assert block.html == "<b>"
    empty: dict[str, Any] = {"name": 1, "args": [], "label": None, "html": {}}
    assert (Action("a", empty).name, Action("a", empty).arguments) == ("", {})
    assert (Shortcut("a", empty).label, Shortcut("a", empty).message) == ("", "")
    assert Block("a", empty).html == ""


def test_the_text_of_a_reply() -> None:
    assert str(REPLY) == f"{REPLY}" == "Hi"


def test_reprs() -> None:
    assert repr(Timeout(connect=1, total=2.5)) == "Timeout(connect=1, idle=120.0, total=2.5)"
    assert repr(Usage(1, 2, 3)) == (
        "Usage(prompt_tokens=1, completion_tokens=2, total_tokens=3, raw={})"
    )
    assert repr(Message("user", "secret")) == "Message(role='user', content=<6 characters>)"


SECRET = "secret-1"
MESSAGE = Message("user", SECRET)
SETTINGS = read_settings(
    "https://site.example",
    None,
    None,
    auth=("user", SECRET),
    token=None,
    allow_insecure_auth=False,
    proxy=f"http://user:{SECRET}@proxy.example:3128",
    timeout=Timeout(),
    retry=RetryPolicy(),
    headers={"Cookie": f"a={SECRET}"},
    verify=True,
    max_connections=None,
    limits=Limits(),
)
TURN = Turn(Prompt(SECRET, (MESSAGE,)), Bot(), "c", 1, {"instructions": SECRET})


@pytest.mark.parametrize(
    "value",
    [
        MESSAGE,
        Discussion("c", "", (MESSAGE,), "", "", {"a": SECRET}),
        SETTINGS,
        SETTINGS.network,
        SETTINGS.site,
        TURN,
        NextTurn(TURN, SECRET, (), "c", Kept.NOTHING),
        TURN.prompt,
        Session(SECRET, SECRET),
        Request("POST", "https://a.example", {"X-WP-Nonce": SECRET}, SECRET.encode()),
        Response(200, {"x-wp-nonce": SECRET}, SECRET.encode()),
        End({"new_token": SECRET}),
        Failure({"message": SECRET}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_secrets_and_prompts_are_in_no_repr(value: Any) -> None:
    assert SECRET not in repr(value)
    assert type(value).__name__ in repr(value)


@FOR_PYDANTIC
def test_pydantic(value: Any) -> None:
    adapter = pydantic.TypeAdapter(type(value))
    assert adapter.validate_python(value) == value
    assert adapter.validate_python(dataclasses.asdict(value)) == value
    assert adapter.validate_python(adapter.dump_python(value)) == value
    assert adapter.validate_json(adapter.dump_json(value)) == value
    with pytest.raises(pydantic.ValidationError):
        adapter.validate_python({value.__match_args__[0]: object()})


@pytest.mark.parametrize(
    "value",
    [value for value in VALUES if not isinstance(value, RetryPolicy)],
    ids=lambda value: type(value).__name__,
)
def test_the_json_schema_of_pydantic(value: Any) -> None:
    """A retry policy has none, because it can hold a function."""
    schema = pydantic.TypeAdapter(type(value)).json_schema()
    assert set(schema["properties"]) == {field.name for field in dataclasses.fields(value)}


@pytest.mark.parametrize("wrong", [{"connect": -1}, {"idle": 0}])
def test_pydantic_reports_what_a_value_refuses(wrong: dict[str, float]) -> None:
    with pytest.raises(pydantic.ValidationError, match="positive number of seconds"):
        pydantic.TypeAdapter(Timeout).validate_python(wrong)


def test_a_pydantic_model_with_values() -> None:
    class Record(pydantic.BaseModel):
        messages: list[Message]
        reply: Reply
        events: list[Event]

    record = Record(messages=[MESSAGE], reply=REPLY, events=[TextEvent("Hi"), EndEvent(REPLY)])
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_a_reply_as_the_response_model_of_fastapi() -> None:
    app = FastAPI()

    @app.post("/ask")
    def ask(message: Message) -> Reply:
        return dataclasses.replace(REPLY, text=f"You said: {message.content}")

    with TestClient(app) as client:
        response = client.post("/ask", json={"role": "user", "content": "Hello"})
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
    expected = dataclasses.replace(REPLY, text="You said: Hello")
    assert response.status_code == 200
    assert response.json() == json.loads(json.dumps(dataclasses.asdict(expected)))
    assert pydantic.TypeAdapter(Reply).validate_json(response.content) == expected
    assert {"Message", "Reply", "Usage", "Shortcut"} <= set(schemas)
