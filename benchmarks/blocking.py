"""The sync contestants: each yields the text of a reply as it arrives, on a reused connection.

The loops are not shared, because a shared one would be slower for everyone.
"""

from __future__ import annotations

import functools
import json
import socket
from collections.abc import Callable, Iterator

import httpx
import httpx_sse
import openai
import requests
import sseclient

from chatgpt4online import Client, TextEvent

Stream = Callable[[str], Iterator[str]]
"""Takes the way the server sends; see `server`."""

QUESTION = {"newMessage": "Hi", "stream": True}
MESSAGES = [{"role": "user", "content": "Hi"}]


def address(port: int, how: str, form: str = "wp-json/mwai-ui/v1/chats/submit") -> str:
    return f"http://127.0.0.1:{port}/{how}/{form}"


def text_of(data: bytes | str) -> str | None:
    """Return the text of an event; None for the end event."""
    event = json.loads(data)
    return str(event["data"]) if event["type"] == "live" else None


def request(port: int, how: str) -> bytes:
    """Return the request to send over a bare connection."""
    body = json.dumps(QUESTION).encode()
    path = address(port, how).partition(str(port))[2]
    return f"POST {path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def raw(port: int) -> Stream:
    """A socket, splitting and `json.loads`."""
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def stream(how: str) -> Iterator[str]:
        sock.sendall(request(port, how))
        carry = b""
        while not carry.endswith(b"\r\n0\r\n\r\n"):
            *parts, carry = (carry + sock.recv(65536)).split(b"\n\n")
            for part in parts:
                at = part.find(b"data: ")  # after the size of a chunk
                if at >= 0:
                    text = text_of(part[at + 6 :])
                    if text is not None:
                        yield text

    return stream


def ours(port: int) -> Stream:
    client = functools.cache(lambda how: Client(address(port, how, "wp-json/"), proxy=""))
    return lambda how: client(how).stream("Hi")


def ours_typed(port: int) -> Stream:
    client = functools.cache(lambda how: Client(address(port, how, "wp-json/"), proxy=""))

    def stream(how: str) -> Iterator[str]:
        for event in client(how).stream("Hi").events():
            if type(event) is TextEvent:
                yield event.text

    return stream


def by_requests(port: int) -> Stream:
    session = requests.Session()

    def stream(how: str) -> Iterator[str]:
        response = session.post(address(port, how), json=QUESTION, stream=True, timeout=60)
        carry = b""
        for data in response.iter_content(None):
            *parts, carry = (carry + data).split(b"\n\n")
            for part in parts:
                text = text_of(part[6:])
                if text is not None:
                    yield text

    return stream


def by_httpx_sse(port: int) -> Stream:
    client = httpx.Client(timeout=60)

    def stream(how: str) -> Iterator[str]:
        with httpx_sse.connect_sse(client, "POST", address(port, how), json=QUESTION) as source:
            for event in source.iter_sse():
                text = text_of(event.data)
                if text is not None:
                    yield text

    return stream


def by_openai(port: int) -> Stream:
    @functools.cache
    def client(how: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=address(port, how, "openai"), api_key="none", max_retries=0)

    def stream(how: str) -> Iterator[str]:
        completions = client(how).chat.completions
        for chunk in completions.create(model="m", messages=MESSAGES, stream=True):  # type: ignore[call-overload]
            yield chunk.choices[0].delta.content

    return stream


def by_sseclient(port: int) -> Stream:
    session = requests.Session()

    def stream(how: str) -> Iterator[str]:
        response = session.post(address(port, how), json=QUESTION, stream=True, timeout=60)
        for event in sseclient.SSEClient(response.iter_content(None)).events():
            text = text_of(event.data)
            if text is not None:
                yield text

    return stream


def by_lines(port: int) -> Stream:
    """The loop of the original provider, on requests."""
    session = requests.Session()

    def stream(how: str) -> Iterator[str]:
        response = session.post(address(port, how), json=QUESTION, stream=True, timeout=60)
        for line in response.iter_lines():
            if line.startswith(b"data: "):
                text = text_of(line[6:])
                if text is not None:
                    yield text

    return stream


CONTESTANTS: dict[str, Callable[[int], Stream]] = {
    "raw socket": raw,
    "chatgpt4online": ours,
    "chatgpt4online, typed events": ours_typed,
    "requests": by_requests,
    "requests and sseclient-py": by_sseclient,
    "requests, line by line": by_lines,
    "httpx and httpx-sse": by_httpx_sse,
    "openai": by_openai,
}
