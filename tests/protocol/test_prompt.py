"""What callers say, in the site's terms."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt4online.errors import UsageError
from chatgpt4online.messages import Message
from chatgpt4online.protocol.prompt import Prompt, fold_prompt, read_prompt

USER = {"role": "user", "content": "Hi"}
CONVERSATION: list[Any] = [
    {"role": "system", "content": "Be brief."},
    USER,
    Message("assistant", "Hello"),
    {"role": "user", "content": "And?", "extra": 1},
]


def test_a_text_is_the_new_message() -> None:
    assert read_prompt("  Hi \n") == Prompt("  Hi \n", ())


def test_messages_are_the_new_message_and_the_history() -> None:
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
        ("a\ud83d", "The prompt holds half of a character (a lone surrogate)."),
        (None, "The prompt must be a text or a list of messages."),
        (b"Hi", "The prompt must be a text or a list of messages."),
        ({"role": "user"}, "The prompt must be a text or a list of messages."),
        ([], "The list of messages is empty; it must end with the user's message."),
        (["Hi"], "Message 0 must be a Message or a dict with role and content."),
        ([USER, {"role": "user"}], "Message 1 has no content."),
        ([{}], "Message 0 has no role and no content."),
        (
            [USER, {"role": "bot", "content": "x"}],
            "Message 1 has a role that is none of system, user, assistant.",
        ),
        (
            [{"role": [], "content": "x"}],
            "Message 0 has a role that is none of system, user, assistant.",
        ),
        ([USER, {"role": "user", "content": ""}], "Message 1 is empty."),
        (
            [USER, {"role": "user", "content": None}],
            "Message 1 must have a text or a list of text parts as content.",
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
            "Message 1, the last one, is of role 'assistant'; it must be the user's.",
        ),
    ],
)
def test_mistakes_are_named(prompt: Any, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_prompt(prompt)
    assert str(caught.value) == text
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is None


def test_a_lone_user_message_folds_to_itself() -> None:
    assert fold_prompt("Hi") == "Hi"
    assert fold_prompt([USER]) == "Hi"


def test_a_conversation_folds_to_one_text() -> None:
    assert fold_prompt(CONVERSATION) == (
        "System: Be brief.\nUser: Hi\nAssistant: Hello\nUser: And?\nAssistant:"
    )
    assert fold_prompt([Message("system", "Be brief.")]) == "System: Be brief.\nAssistant:"


def test_folding_checks_too() -> None:
    with pytest.raises(UsageError, match="Message 1 is empty"):
        fold_prompt([USER, {"role": "user", "content": ""}])


def test_no_repr_shows_a_prompt() -> None:
    shown = repr(read_prompt(CONVERSATION)) + repr(CONVERSATION[2])
    assert "brief" not in shown
    assert "Hello" not in shown
    assert repr(CONVERSATION[2]) == "Message(role='assistant', content=<5 characters>)"


def test_a_text_that_goes_with_files_may_be_empty() -> None:
    assert read_prompt("", with_files=True) == Prompt("", ())
    assert read_prompt("Hi", with_files=True) == Prompt("Hi", ())
    with pytest.raises(UsageError):
        read_prompt([], with_files=True)
