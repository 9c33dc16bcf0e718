"""Helpers for mocks."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from typing import Any

import pytest
import responses
from aioresponses import aioresponses

from chatgpt4online import AsyncClient
from chatgpt4online.errors import QueryRejected, UsageError
from chatgpt4online.testing import MockedResponse, mock_aiohttp, mock_requests

from ..drivers import Driver

SITE = "https://site.example"
SUBMIT = "/mwai-ui/v1/chats/submit"
REFUSAL: dict[str, Any] = {"success": False, "message": "No."}


def mocked(driver: Driver) -> AbstractContextManager[Any]:
    return responses.RequestsMock() if driver.name == "sync" else aioresponses()


def register(mock: Any, site: str, *replies: str) -> None:
    helper = mock_aiohttp if isinstance(mock, aioresponses) else mock_requests
    helper(mock, site, *replies)


@pytest.mark.parametrize("address", ["", "/", "/wp-json", "/blog/wp-json/", "/?rest_route=/"])
def test_a_mocked_site(address: str, driver: Driver) -> None:
    with mocked(driver) as mock, driver.client(SITE + address) as client:
        register(mock, SITE + address, "Hel", "lo")
        assert list(client.stream("Hi")) == ["Hel"]
        assert client.generate("Hi", stream=False).text == "lo"


def test_an_answer_of_your_own(driver: Driver) -> None:
    with mocked(driver) as mock, driver.client(SITE) as client:
        register(mock, SITE)
        if driver.name == "sync":
            mock.post(f"{SITE}/wp-json{SUBMIT}", json=REFUSAL, status=403)
        else:
            mock.post(
                f"{SITE}/wp-json{SUBMIT}",
                payload=REFUSAL, status=403, response_class=MockedResponse,
            )  # fmt: skip
        with pytest.raises(QueryRejected, match="No"):
            client.generate("Hi")


@responses.activate
def test_the_module_responses_is_a_mock_too() -> None:
    from chatgpt4online import generate

    mock_requests(responses, SITE, "Hello")
    assert generate("Hi", SITE).text == "Hello"
    assert [call.request.url for call in responses.calls][-1:] == [f"{SITE}/wp-json{SUBMIT}"]


def test_sessions_may_be_opened_often() -> None:
    async def ask() -> str:
        async with AsyncClient(SITE) as client:
            return (await client.generate("Hi")).text

    with aioresponses() as mock:
        mock_aiohttp(mock, SITE, "one", "two")
        assert [asyncio.run(ask()), asyncio.run(ask())] == ["one", "two"]


def test_the_address_of_another_page(driver: Driver) -> None:
    with mocked(driver) as mock, pytest.raises(UsageError, match="a home page or a REST root"):
        register(mock, f"{SITE}/chat/")
