"""The openai package, both of its clients, against a server with each source of replies."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from chatgpt4online import Message
from chatgpt4online.server import LocalSite
from chatgpt4online.server.sources import BotSource

from ..loopback import LoopbackServer
from .servers import SOURCES, piece, running, site, streamed, upstream

SAID = "You said: Hello there (2 words)"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there"}]


@pytest.fixture(params=SOURCES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with SOURCES[request.param]() as url:
        yield f"{url}/v1"


def client(url: str, key: str = "none", max_retries: int = 2) -> OpenAI:
    base = url if url.endswith("/v1") else f"{url}/v1"
    return OpenAI(base_url=base, api_key=key, max_retries=max_retries)


def test_the_sync_client(url: str) -> None:
    with client(url) as ai:
        whole = ai.chat.completions.create(model="default", messages=HELLO)
        assert whole.choices[0].message.content == SAID
        assert whole.choices[0].finish_reason == "stop"
        assert whole.usage is not None
        assert (whole.usage.completion_tokens, whole.usage.total_tokens) == (6, 6)
        with ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks:
            pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
        assert "".join(pieces) == SAID
        assert len(pieces) > 3
        assert [model.id for model in ai.models.list()] == ["default"]
        assert ai.models.retrieve("default").id == "default"


def test_the_async_client(url: str) -> None:
    async def run() -> None:
        async with AsyncOpenAI(base_url=url, api_key="none") as ai:
            whole = await ai.chat.completions.create(model="default", messages=HELLO)
            assert whole.choices[0].message.content == SAID
            stream = await ai.chat.completions.create(
                model="default", messages=HELLO, stream=True, stream_options={"include_usage": True}
            )
            async with stream:
                chunks = [chunk async for chunk in stream]
            *texts, last = chunks
            assert "".join(item.choices[0].delta.content or "" for item in texts) == SAID
            assert texts[-1].choices[0].finish_reason == "stop"
            assert (last.choices, last.usage and last.usage.completion_tokens) == ([], 6)
            assert [model.id async for model in ai.models.list()] == ["default"]

    asyncio.run(run())


def test_a_whole_conversation_reaches_the_bot() -> None:
    seen: list[Sequence[Message]] = []

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        seen.append(messages)
        yield "Yes"

    messages: list[ChatCompletionMessageParam] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "One?"}]},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": "Two?"},
    ]
    with running(lambda: BotSource(bot)) as url, client(url) as ai:
        ai.chat.completions.create(model="default", messages=messages)
    assert seen == [
        [
            Message("system", "Be brief."),
            Message("user", "One?"),
            Message("assistant", "One."),
            Message("user", "Two?"),
        ]
    ]


def test_what_an_upstream_is_sent() -> None:
    with LoopbackServer(streamed(piece("Hi"), piece("", "length"))) as server:
        with running(upstream(server.url)) as url, client(url) as ai:
            answer = ai.chat.completions.create(
                model="default",
                messages=[{"role": "system", "content": "Be brief."}, *HELLO],
                temperature=0.5,
                max_completion_tokens=7,
            )
    assert answer.choices[0].message.content == "Hi"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is None
    (request,) = server.requests
    assert request.target == "/v1/chat/completions"
    assert request.json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello there"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "max_tokens": 7,
    }


def test_what_a_site_is_sent() -> None:
    with LocalSite() as local, running(site(local.url, bot_id="shop")) as url, client(url) as ai:
        ai.chat.completions.create(
            model="shop",
            messages=[{"role": "system", "content": "Be brief."}, *HELLO],
            temperature=0.5,
            max_tokens=7,
        )
        assert [model.id for model in ai.models.list()] == ["shop"]
    (body,) = local.app.submissions
    assert (body["botId"], body["newMessage"]) == ("shop", "Hello there")
    assert [(item["role"], item["content"]) for item in body["messages"]] == [
        ("system", "Be brief.")
    ]
    assert (body["temperature"], body["maxTokens"]) == (0.5, 7)


def test_the_models_of_a_site_with_a_token() -> None:
    with LocalSite(token="secret") as local, running(site(local.url, token="secret")) as url:
        with client(url) as ai:
            assert [model.id for model in ai.models.list()] == ["default"]
            answer = ai.chat.completions.create(model="default", messages=HELLO)
            assert answer.choices[0].message.content == SAID


def test_stop(url: str) -> None:
    with client(url) as ai:
        for stop in ("there", ["there", "(2"], "ere"):
            whole = ai.chat.completions.create(model="default", messages=HELLO, stop=stop)
            text = whole.choices[0].message.content
            assert text == SAID[: SAID.index("ere" if stop == "ere" else "there")]
            with ai.chat.completions.create(
                model="default", messages=HELLO, stop=stop, stream=True
            ) as chunks:
                found = [chunk.choices[0] for chunk in chunks]
            assert "".join(item.delta.content or "" for item in found) == text
            assert found[-1].finish_reason == "stop"


UNSUPPORTED = {
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "functions": [{"name": "f"}],
    "n": 2,
    "response_format": {"type": "json_object"},
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "logprobs": True,
    "web_search_options": {},
}
WRONG: dict[str, list[Any]] = {
    "messages": [
        [],
        "Hi",
        [{"role": "user", "content": ""}],
        [{"role": "tool", "content": "x", "tool_call_id": "1"}],
        [{"role": "assistant", "content": "Hi"}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
    ],
    "temperature": [3, "hot", True],
    "max_tokens": [0, "many", True],
    "stop": ["", [""], ["a", "b", "c", "d", "e"], 5],
}


def test_what_no_bot_can_do() -> None:
    with running() as url, client(url) as ai:
        for name, value in UNSUPPORTED.items():
            with pytest.raises(BadRequestError, match=f"{name} is not supported") as caught:
                ai.chat.completions.create(
                    model="default", messages=HELLO, extra_body={name: value}
                )
            assert (caught.value.param, caught.value.code) == (name, "unsupported_parameter")


def test_what_is_wrong() -> None:
    with running() as url, client(url) as ai:
        for name, values in WRONG.items():
            for value in values:
                with pytest.raises(BadRequestError) as caught:
                    ai.chat.completions.create(
                        model="default", messages=HELLO, extra_body={name: value}
                    )
                assert (caught.value.param, caught.value.type) == (name, "invalid_request_error")
        with pytest.raises(NotFoundError, match="no model 'gpt-4'; there is default") as other:
            ai.chat.completions.create(model="gpt-4", messages=HELLO)
        assert other.value.code == "model_not_found"
        with pytest.raises(NotFoundError):
            ai.models.retrieve("gpt-4")
        with pytest.raises(NotFoundError, match="only POST /v1/chat/completions"):
            ai.embeddings.create(model="default", input="Hi")


def test_what_only_colors_a_reply_is_ignored() -> None:
    with running() as url, client(url) as ai:
        answer = ai.chat.completions.create(
            model="default",
            messages=HELLO,
            n=1,
            top_p=0.5,
            seed=1,
            presence_penalty=1,
            user="ann",
            response_format={"type": "text"},
            tools=[],
        )
        assert answer.choices[0].message.content == SAID


def test_the_chain_of_a_conversation() -> None:
    """A client that resends its history goes on with the site's conversation."""
    with LocalSite() as local, running(site(local.url)) as url, client(url) as ai:
        messages = list(HELLO)

        def ask(stream: bool) -> str:
            if not stream:
                whole = ai.chat.completions.create(model="default", messages=messages)
                return whole.choices[0].message.content or ""
            with ai.chat.completions.create(
                model="default", messages=messages, stream=True
            ) as chunks:
                return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

        for stream, prompt in ((True, "And?"), (False, "So?"), (True, "Well?")):
            messages.append({"role": "assistant", "content": ask(stream)})
            messages.append({"role": "user", "content": prompt})
        ask(True)
        ids = [body["chatId"] for body in local.app.submissions]
        assert len(ids) == 4
        assert len(set(ids)) == 1
        ask(True)  # another reply to the same history: the site has gone on already
        again = local.app.submissions[-1]
        assert again["chatId"] not in ids
        assert len(again["messages"]) == 6
