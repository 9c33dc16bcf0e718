"""Errors of a source that nobody has foreseen, as clients of OpenAI's API see them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest
from openai import APIError, InternalServerError

from chatgpt4online import Message
from chatgpt4online.server import offline_bot
from chatgpt4online.server.sources import BotSource

from .servers import running
from .test_openai_clients import HELLO, client

SAID = "The server failed; see the server's log."


class Broken(BotSource):
    """A source that does not know its chatbots."""

    def __init__(self) -> None:
        super().__init__(offline_bot)

    async def bots(self) -> Sequence[str]:
        raise KeyError("a secret")


def check(error: APIError, caplog: pytest.LogCaptureFixture) -> None:
    """Check that a client is told nothing but where to look, and that the log has the rest."""
    assert error.body == {
        "message": SAID, "type": "server_error", "param": None, "code": "internal_error",
    }  # fmt: skip
    assert "secret" not in str(error)
    (record,) = (item for item in caplog.records if item.levelno >= logging.ERROR)
    assert record.name == "chatgpt4online.server"
    assert record.getMessage().endswith(" failed.")
    assert record.exc_info is not None
    assert "a secret" in str(record.exc_info[1])


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("kind", [ValueError, ConnectionResetError])
def test_before_the_reply(
    kind: type[Exception], stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def bot(messages: Sequence[Message]) -> str:
        asked.append(messages)
        raise kind("a secret")

    with running(lambda: BotSource(bot)) as url, client(url) as ai:
        with pytest.raises(InternalServerError, match=SAID) as caught:
            ai.chat.completions.create(model="default", messages=HELLO, stream=stream)
    check(caught.value, caplog)
    assert len(asked) == 1  # the chatbot may have had the prompt, so it is not sent again


@pytest.mark.parametrize("kind", [ValueError, ConnectionResetError])
def test_within_the_reply(kind: type[Exception], caplog: pytest.LogCaptureFixture) -> None:
    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "One"
        raise kind("a secret")

    texts: list[str | None] = []
    with running(lambda: BotSource(bot)) as url, client(url) as ai:
        with ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks:
            with pytest.raises(APIError, match=SAID) as caught:
                texts.extend(chunk.choices[0].delta.content for chunk in chunks)
    assert texts == ["", "One"]
    check(caught.value, caplog)


def test_models(caplog: pytest.LogCaptureFixture) -> None:
    with running(Broken) as url, client(url) as ai:
        with pytest.raises(InternalServerError, match=SAID) as caught:
            ai.models.list()
    check(caught.value, caplog)
