"""Prompts, as callers write them and as sites want them."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt4online.errors import UsageError
from chatgpt4online.models import Message
from chatgpt4online.protocol.prompt import Prompt, fold_prompt, read_history, read_prompt

USER = {"role": "user", "content": "Hi"}
CONVERSATION: list[Any] = [
    {"role": "system", "content": "Be brief."},
    USER,
    Message("assistant", "Hello"),
    {"role": "user", "content": "And?", "extra": 1},
]


def test_string_is_the_new_message() -> None:
    assert read_prompt("  Hi \n") == Prompt("  Hi \n", ())


def test_last_message_is_new_and_the_others_are_history() -> None:
    assert read_prompt(CONVERSATION) == Prompt(
        "And?",
        (Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello")),
    )
    assert read_prompt(tuple(CONVERSATION)) == read_prompt(CONVERSATION)


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]
    assert read_prompt([{"role": "user", "content": parts}]) == Prompt("Hi there", ())


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("", "The prompt is empty."),
        (" \n", "The prompt is empty."),
        ("a\ud83d", "The prompt contains a lone surrogate, half of a character."),
        (None, "The prompt must be a string or a list of messages, not NoneType."),
        (b"Hi", "The prompt must be a string or a list of messages, not bytes."),
        ({"role": "user"}, "The prompt must be a string or a list of messages, not dict."),
        ([], "The list of messages is empty; it must end with the user's message."),
        (["Hi"], "Message 0 must be a Message or a dict with role and content, not str."),
        ([USER, {"role": "user"}], "Message 1 has no content."),
        ([{}], "Message 0 has no role and no content."),
        (
            [USER, {"role": "bot", "content": "x"}],
            "Message 1 has role 'bot'; expected system, user, assistant.",
        ),
        (
            [{"role": [], "content": "x"}],
            "Message 0 has role '[]'; expected system, user, assistant.",
        ),
        ([USER, {"role": "user", "content": ""}], "Message 1 is empty."),
        (
            [USER, {"role": "user", "content": None}],
            "Message 1 must have a string or a list of text parts as its content.",
        ),
        ([USER, {"role": "user", "content": []}], "Message 1 is empty."),
        (
            [USER, {"role": "user", "content": ["x"]}],
            "Message 1, content part 0, is not a text part.",
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image_url", "image_url": {}},
                    ],
                }
            ],
            "Message 0, content part 1, is not a text part.",
        ),
        (
            [{"role": "user", "content": [{"type": "text"}]}],
            "Message 0, content part 0, is not a text part.",
        ),
        (
            [USER, Message("assistant", "x")],
            "The last message has role 'assistant'; it must be the user's message.",
        ),
    ],
)
def test_invalid_prompt(prompt: Any, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_prompt(prompt)
    assert str(caught.value) == text
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None


def test_single_user_message_is_not_folded() -> None:
    assert fold_prompt("Hi") == "Hi"
    assert fold_prompt([USER]) == "Hi"


def test_fold_prompt() -> None:
    assert fold_prompt(CONVERSATION) == (
        "System: Be brief.\nUser: Hi\nAssistant: Hello\nUser: And?\nAssistant:"
    )
    assert fold_prompt([Message("system", "Be brief.")]) == "System: Be brief.\nAssistant:"


def test_fold_prompt_checks_messages() -> None:
    with pytest.raises(UsageError, match="Message 1 is empty"):
        fold_prompt([USER, {"role": "user", "content": ""}])


def test_repr_shows_no_contents() -> None:
    shown = repr(read_prompt(CONVERSATION)) + repr(CONVERSATION[2])
    assert "brief" not in shown
    assert "Hello" not in shown
    assert repr(CONVERSATION[2]) == "Message(role='assistant', content=<5 characters>)"


def test_string_with_files_may_be_empty() -> None:
    assert read_prompt("", with_files=True) == Prompt("", ())
    assert read_prompt("Hi", with_files=True) == Prompt("Hi", ())
    with pytest.raises(UsageError):
        read_prompt([], with_files=True)


def test_a_history_may_be_empty_or_have_messages_without_text() -> None:
    assert read_history([]) == ()
    assert read_history([Message("user", "")]) == (Message("user", ""),)
    with pytest.raises(UsageError, match="Message 0 has no content"):
        read_history([{"role": "user"}])


def test_the_last_message_may_be_empty_if_it_has_files() -> None:
    prompt = read_prompt([Message("user", "a"), Message("user", "")], with_files=True)
    assert prompt == Prompt("", (Message("user", "a"),))
    with pytest.raises(UsageError, match="Message 0 is empty"):
        read_prompt([Message("user", ""), Message("user", "")], with_files=True)
