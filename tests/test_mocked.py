"""Plain requests and answers under the mocking libraries that users of requests and aiohttp use."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any
from unittest import mock

import aiohttp
import aioresponses
import pytest
import responses

from chatgpt4online import AsyncClient, Client
from chatgpt4online.errors import ChatError, QueryRejected, ReplyError, RouteNotFound
from chatgpt4online.messages import Reply

from .loopback import SESSION, end, live

SITE = "https://site.example"
START = f"{SITE}/wp-json/mwai/v1/start_session"
SUBMIT = f"{SITE}/wp-json/mwai-ui/v1/chats/submit"
Ask = Callable[[bytes, int], Reply]


def ask_requests(body: bytes, status: int) -> Reply:
    with responses.RequestsMock() as mocked, Client(SITE) as client:
        mocked.post(START, json=SESSION)
        mocked.post(SUBMIT, body=body, status=status)
        try:
            return client.generate("Hi")
        finally:
            assert mocked.calls[1].request.headers["X-WP-Nonce"] == SESSION["restNonce"]


class _Response(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not give what aiohttp 3.14 wants."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
            options.setdefault("stream_writer", mock.Mock(output_size=0))
        super().__init__(*arguments, **options)


def ask_aiohttp(body: bytes, status: int) -> Reply:
    async def run() -> Reply:
        with aioresponses.aioresponses() as mocked:
            mocked.post(START, payload=SESSION, response_class=_Response)
            mocked.post(SUBMIT, body=body, status=status, response_class=_Response)
            async with AsyncClient(SITE) as client:
                return await client.generate("Hi")

    return asyncio.run(run())


@pytest.fixture(params=[ask_requests, ask_aiohttp], ids=["responses", "aioresponses"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asked: Ask = request.param
    return asked


def test_a_stream(ask: Ask) -> None:
    assert ask(live("Hel") + live("lo") + end("Hello"), 200).text == "Hello"


def test_a_json_answer(ask: Ask) -> None:
    assert ask(b'{"success":true,"reply":"Hello"}', 200).text == "Hello"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (live("Hel") + b'data: {"type":"error","data":"no"}\n\n', 200, ReplyError),
        (b'{"success":false,"message":"no"}', 403, QueryRejected),
        (b'{"code":"rest_no_route","message":"no"}', 404, RouteNotFound),
    ],
)
def test_failures(body: bytes, status: int, kind: type[ChatError], ask: Ask) -> None:
    with pytest.raises(kind):
        ask(body, status)
