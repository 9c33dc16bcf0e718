"""The async contestants: each yields the text of a reply as it arrives, on a reused connection."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable

import aiohttp
import aiohttp_sse_client.client
import httpx
import httpx_sse
import openai

from chatgpt4online import AsyncClient, TextEvent

from .blocking import MESSAGES, QUESTION, address, request, text_of

LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)

Stream = Callable[[str], AsyncIterator[str]]
"""Takes the way the server sends; see `server`."""


def raw(port: int) -> Stream:
    """asyncio streams, splitting and `json.loads`."""
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def stream(how: str) -> AsyncIterator[str]:
        reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(port, how))
        carry = b""
        while not carry.endswith(b"\r\n0\r\n\r\n"):
            *parts, carry = (carry + await reader.read(65536)).split(b"\n\n")
            for part in parts:
                at = part.find(b"data: ")  # after the size of a chunk
                if at >= 0:
                    text = text_of(part[at + 6 :])
                    if text is not None:
                        yield text
        idle.append((reader, writer))

    return stream


_clients: dict[str, AsyncClient] = {}


def _client(port: int, how: str) -> AsyncClient:
    url = address(port, how, "wp-json/")
    if url not in _clients:
        _clients[url] = AsyncClient(url, proxy="")
    return _clients[url]


def ours(port: int) -> Stream:
    return lambda how: _client(port, how).stream("Hi")


def ours_typed(port: int) -> Stream:
    async def stream(how: str) -> AsyncIterator[str]:
        async for event in _client(port, how).stream("Hi").events():
            if type(event) is TextEvent:
                yield event.text

    return stream


@functools.cache
def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def close() -> None:
    """Close the clients of this library and the session of aiohttp."""
    await _session().close()
    for client in _clients.values():
        await client.close()


def by_aiohttp(port: int) -> Stream:
    async def stream(how: str) -> AsyncIterator[str]:
        async with _session().post(address(port, how), json=QUESTION) as response:
            carry = b""
            async for data in response.content.iter_any():
                *parts, carry = (carry + data).split(b"\n\n")
                for part in parts:
                    text = text_of(part[6:])
                    if text is not None:
                        yield text

    return stream


def by_lines(port: int) -> Stream:
    """The loop of the original provider."""

    async def stream(how: str) -> AsyncIterator[str]:
        async with _session().post(address(port, how), json=QUESTION) as response:
            async for line in response.content:
                if line.startswith(b"data: "):
                    text = text_of(line[6:])
                    if text is not None:
                        yield text

    return stream


def by_aiohttp_sse_client(port: int) -> Stream:
    async def stream(how: str) -> AsyncIterator[str]:
        source = aiohttp_sse_client.client.EventSource(
            address(port, how), option={"method": "POST"}, session=_session(), json=QUESTION
        )
        async with source:
            async for event in source:
                text = text_of(event.data)
                if text is None:
                    break
                yield text

    return stream


def by_httpx_sse(port: int) -> Stream:
    @functools.cache
    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=60, limits=LIMITS)

    async def stream(how: str) -> AsyncIterator[str]:
        url = address(port, how)
        async with httpx_sse.aconnect_sse(client(), "POST", url, json=QUESTION) as source:
            async for event in source.aiter_sse():
                text = text_of(event.data)
                if text is not None:
                    yield text

    return stream


def by_openai(port: int) -> Stream:
    @functools.cache
    def client(how: str) -> openai.AsyncOpenAI:
        url = address(port, how, "openai")
        return openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def stream(how: str) -> AsyncIterator[str]:
        completions = client(how).chat.completions
        chunks = await completions.create(model="m", messages=MESSAGES, stream=True)  # type: ignore[call-overload]
        async for chunk in chunks:
            yield chunk.choices[0].delta.content

    return stream


CONTESTANTS: dict[str, Callable[[int], Stream]] = {
    "raw asyncio streams": raw,
    "chatgpt4online": ours,
    "chatgpt4online, typed events": ours_typed,
    "aiohttp": by_aiohttp,
    "aiohttp-sse-client": by_aiohttp_sse_client,
    "aiohttp, line by line": by_lines,
    "httpx and httpx-sse": by_httpx_sse,
    "openai": by_openai,
}
