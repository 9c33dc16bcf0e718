"""A program that uses the typed API, checked strictly by mypy and pyright, and run by a test.

Each ``type: ignore`` marks a mistake that they must find: unused ones are reported.
"""

# pyright: strict
from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any, assert_type

import chatgpt4online
from chatgpt4online import (
    ActivityEvent,
    AsyncClient,
    AsyncConversation,
    AsyncReplyStream,
    ChatError,
    Chatgpt4Online,
    Client,
    Conversation,
    Discussion,
    EndEvent,
    Event,
    FileInput,
    IncompleteReply,
    Limits,
    Message,
    Progress,
    PromptInput,
    Reply,
    ReplyStream,
    RetryPolicy,
    Shortcut,
    StatusError,
    StoredFile,
    TextEvent,
    Timeout,
)


def values() -> None:
    message = Message("user", "Hello")
    assert_type(message.content, str)
    message.role = "system"  # type: ignore[misc]
    Timeout(connect=1, idle=None)
    Timeout(conect=1)  # type: ignore[call-arg]
    RetryPolicy(retry_if=lambda error: isinstance(error, StatusError))
    RetryPolicy(retry_if=lambda: True)  # type: ignore[arg-type, misc]
    Limits(line="1")  # type: ignore[arg-type]


def ask(client: Client, prompt: PromptInput, file: FileInput, progress: Progress) -> Reply:
    stored = client.upload(file, progress=progress)
    return client.generate(prompt, files=[stored], timeout=5, params={"envId": "e"})


def misspelt() -> object:
    return chatgpt4online.Clinet  # type: ignore[attr-defined]


def blocking(site: str) -> None:
    with Client(site, "default", timeout=Timeout(total=30), headers={"X-Mine": "1"}) as client:
        assert_type(client, Client)
        reply = client.generate("Hello there", temperature=0.5)
        assert_type(reply, Reply)
        assert_type(reply.images, tuple[str, ...])
        assert_type(reply.response_id, str | None)
        client.generate(5)  # type: ignore[arg-type]

        stream = client.stream([{"role": "user", "content": "Hi"}, Message("user", "Hi")])
        assert_type(stream, ReplyStream)
        with stream:
            for piece in stream:
                assert_type(piece, str)
        for event in client.stream("Hello").events():
            assert_type(show(event), str)

        chat = client.conversation()
        assert_type(chat, Conversation)
        assert_type(chat.generate("Hello"), Reply)
        assert_type(chat.fork(), Conversation)
        shortcuts = chat.generate("Hello").shortcuts
        assert_type(shortcuts, tuple[Shortcut, ...])
        assert_type(chat.messages, tuple[Message, ...])

        stored = client.upload(b"bytes", filename="a.txt", progress=lambda sent, total: None)
        assert_type(stored, StoredFile)
        assert_type(client.delete_files(stored, "id"), int)
        client.upload(b"bytes", progress=lambda sent: None)  # type: ignore[arg-type, misc]
        assert_type(client.discover().root, str)
    client = Client(site, session="none")  # type: ignore[arg-type]


def show(event: Event) -> str:
    match event:
        case TextEvent(text):
            return text
        case ActivityEvent(kind, text):
            return f"{kind}: {text}"
        case EndEvent(reply):
            return reply.text


def signed_in(client: Client) -> None:
    assert_type(client.discussions(), Iterator[Discussion])
    assert_type(client.check_auth(), Mapping[str, Any])
    assert_type(client.text_query("Hello", model="m"), str)


def failing(client: Client) -> str:
    try:
        return client.generate("Hello").text
    except IncompleteReply as error:
        assert_type(error.partial_text, str)
        return error.partial_text
    except StatusError as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.code, str | None)
        return error.message
    except ChatError as error:
        assert_type(error.retryable, bool)
        return str(error.message)  # type: ignore[attr-defined]


async def awaiting(site: str) -> None:
    async with AsyncClient(site, retry=RetryPolicy(attempts=1)) as client:
        assert_type(client, AsyncClient)
        assert_type(await client.generate("Hello there"), Reply)
        stream = client.stream("Hello there")
        assert_type(stream, AsyncReplyStream)
        async for piece in stream:
            assert_type(piece, str)
        assert_type(await client.stream("Hello there"), AsyncReplyStream)
        async with client.stream("Hello there") as opened:
            assert_type(opened, AsyncReplyStream)
            async for event in opened.events():
                assert_type(event, TextEvent | ActivityEvent | EndEvent)
        for _ in client.stream("Hello"):  # type: ignore[attr-defined]
            pass
        chat = client.conversation()
        assert_type(chat, AsyncConversation)
        assert_type(await chat.generate("Hello"), Reply)
        assert_type(client.discussions(), AsyncGenerator[Discussion, None])


async def one_call(site: str) -> None:
    assert_type(chatgpt4online.stream("Hello", site), ReplyStream)
    assert_type(chatgpt4online.generate("Hello", site, timeout=Timeout()), Reply)
    assert_type(await chatgpt4online.agenerate("Hello", site), Reply)
    assert_type(chatgpt4online.astream("Hello", site), AsyncReplyStream)
    provider = Chatgpt4Online("gpt-4", [{"role": "user", "content": "Hello"}], site=site)
    assert_type(provider.generate(), str | None)


if __name__ == "__main__":
    with Client(sys.argv[1]) as shared:
        print(failing(shared))
    asyncio.run(one_call(sys.argv[1]))
