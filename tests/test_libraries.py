"""Libraries that mock, record, cache and trace requests and aiohttp see the traffic of a client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import aioresponses
import pytest
import requests
import requests_cache
import requests_mock
import responses
import vcr  # type: ignore[import-untyped]
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chatgpt4online import AsyncClient
from chatgpt4online.errors import ChatError, QueryRejected, ReplyError, RouteNotFound, UsageError
from chatgpt4online.models import Reply
from chatgpt4online.testing import MockedResponse

from .drivers import AsyncDriver, Driver, SyncDriver
from .loopback import (
    CHUNKED,
    HELLO_SITE,
    SESSION,
    LoopbackServer,
    ai_site,
    end,
    live,
    reply_with,
    response,
)

SITE = "https://site.example"
SESSION_ROUTE = "/wp-json/mwai/v1/start_session"
PROMPT_ROUTE = "/wp-json/mwai-ui/v1/chats/submit"
NONCE = str(SESSION["restNonce"])
COOKIE = "mwai_session_id=s1"

Ask = Callable[[bytes, int], Reply]
"""Asks a mocked site that answers the prompt with a body and a status."""


def ask_requests_mock(body: bytes, status: int) -> Reply:
    with requests_mock.Mocker() as mocked, SyncDriver().client(SITE) as client:
        mocked.post(SITE + SESSION_ROUTE, json=SESSION)
        mocked.post(SITE + PROMPT_ROUTE, content=body, status_code=status)
        try:
            reply: Reply = client.generate("Hi")
        finally:
            opening, prompt = mocked.request_history
            assert (opening.path, prompt.path) == (SESSION_ROUTE, PROMPT_ROUTE)
            assert prompt.json()["newMessage"] == "Hi"
            assert prompt.headers["X-WP-Nonce"] == NONCE
        return reply


def ask_responses(body: bytes, status: int) -> Reply:
    with responses.RequestsMock() as mocked, SyncDriver().client(SITE) as client:
        mocked.post(SITE + SESSION_ROUTE, json=SESSION, headers={"Set-Cookie": f"{COOKIE}; path=/"})
        mocked.post(SITE + PROMPT_ROUTE, body=body, status=status)
        try:
            reply: Reply = client.generate("Hi")
        finally:
            assert len(mocked.calls) == 2
            sent = mocked.calls[1].request
            assert (sent.headers["X-WP-Nonce"], sent.headers["Cookie"]) == (NONCE, COOKIE)
        return reply


@contextmanager
def async_driver() -> Iterator[AsyncDriver]:
    driver = AsyncDriver()
    try:
        yield driver
    finally:
        driver.close()


def ask_aioresponses(body: bytes, status: int) -> Reply:
    with (
        async_driver() as driver,
        aioresponses.aioresponses() as mocked,
        driver.client(SITE) as client,
    ):
        mocked.post(SITE + SESSION_ROUTE, payload=SESSION, response_class=MockedResponse)
        mocked.post(SITE + PROMPT_ROUTE, body=body, status=status, response_class=MockedResponse)
        try:
            reply: Reply = client.generate("Hi")
        finally:
            opening, prompt = mocked.requests
            assert (opening[1].path, prompt[1].path) == (SESSION_ROUTE, PROMPT_ROUTE)
            assert mocked.requests[prompt][0].kwargs["headers"]["X-WP-Nonce"] == NONCE
        return reply


@pytest.fixture(
    params=[ask_requests_mock, ask_responses, ask_aioresponses],
    ids=["requests-mock", "responses", "aioresponses"],
)
def ask(request: pytest.FixtureRequest) -> Ask:
    asked: Ask = request.param
    return asked


def test_a_mocked_stream(ask: Ask) -> None:
    assert ask(live("Hel") + live("lo") + end("Hello"), 200).text == "Hello"


def test_a_mocked_json_answer(ask: Ask) -> None:
    assert ask(b'{"success":true,"reply":"Hello"}', 200).text == "Hello"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (live("Hel") + b'data: {"type":"error","data":"no"}\n\n', 200, ReplyError),
        (b'{"success":false,"message":"no"}', 403, QueryRejected),
        (b'{"code":"rest_no_route","message":"no"}', 404, RouteNotFound),
    ],
)
def test_mocked_failures(body: bytes, status: int, kind: type[ChatError], ask: Ask) -> None:
    with pytest.raises(kind):
        ask(body, status)


def test_a_mock_without_the_sites_routes_keeps_the_client_off_the_network() -> None:
    with LoopbackServer(HELLO_SITE) as server, SyncDriver().client(server.url) as client:
        with requests_mock.Mocker(), pytest.raises(requests_mock.exceptions.NoMockAddress):
            client.generate("Hi")
        with responses.RequestsMock(), pytest.raises(ChatError):
            client.generate("Hi")
        assert server.connections == 0


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
def test_vcrpy_records_and_replays(chunked: bool, tmp_path: Path, driver: Driver) -> None:
    events = live("Hel") + live("lo") + end("Hello")
    whole = response(events, 200, "Content-Type: text/event-stream")
    submit = (
        reply_with(live("Hel"), live("lo"), end("Hello"))
        if chunked
        else lambda connection, request: connection.send(whole)
    )
    cassette = tmp_path / "cassette.yaml"
    with LoopbackServer(ai_site(submit)) as server:
        with vcr.use_cassette(cassette) as recorded, driver.client(server.url) as client:
            assert client.generate("Hi").text == "Hello"
        assert [request.path for request in recorded.requests] == [SESSION_ROUTE, PROMPT_ROUTE]
        assert len(server.requests) == 2

    with (
        vcr.use_cassette(cassette, record_mode="none") as replayed,
        driver.client(server.url) as client,
        client.stream("Hi") as stream,
    ):
        assert "".join(stream) == "Hello"
        assert stream.reply.text == "Hello"
    assert replayed.all_played


def test_requests_cache_sees_an_injected_sessions_requests() -> None:
    with (
        LoopbackServer(HELLO_SITE) as server,
        requests_cache.CachedSession(
            backend="memory", allowable_methods=["GET", "POST"], ignored_parameters=["chatId"]
        ) as session,
    ):
        for _ in range(2):
            with SyncDriver().client(server.url, session=session) as client:
                assert "".join(client.stream("Hi")) == "Hello"
        assert {response.url for response in session.cache.filter()} == {
            server.url + SESSION_ROUTE, server.url + PROMPT_ROUTE,
        }  # fmt: skip
        assert len(server.requests) == 2


def test_requests_cache_lets_prompts_through_by_default() -> None:
    with (
        LoopbackServer(HELLO_SITE) as server,
        requests_cache.CachedSession(backend="memory") as session,
    ):
        with SyncDriver().client(server.url, session=session) as client:
            assert [client.generate("Hi").text for _ in range(2)] == ["Hello", "Hello"]
        assert len(server.prompts) == 2
        assert not session.cache.responses


INSTRUMENTORS: dict[str, Callable[[], Any]] = {
    "sync": RequestsInstrumentor, "async": AioHttpClientInstrumentor,
}  # fmt: skip


@pytest.fixture
def spans(driver: Driver) -> Iterator[InMemorySpanExporter]:
    """The spans that OpenTelemetry makes of the driver's requests."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = INSTRUMENTORS[driver.name]()
    instrumentor.instrument(tracer_provider=provider)
    yield exporter
    instrumentor.uninstrument()
    provider.shutdown()


def test_opentelemetry_traces_each_request(spans: InMemorySpanExporter, driver: Driver) -> None:
    with LoopbackServer(HELLO_SITE) as server, driver.client(server.url) as client:
        assert client.generate("Hi").text == "Hello"
        found = [dict(span.attributes or {}) for span in spans.get_finished_spans()]
        assert [(span["http.url"], span["http.status_code"]) for span in found] == [
            (server.url + SESSION_ROUTE, 200),
            (server.url + PROMPT_ROUTE, 200),
        ]
        assert all("traceparent" in request.headers for request in server.requests)
        assert NONCE not in str(found)


def test_opentelemetry_traces_failures(spans: InMemorySpanExporter, driver: Driver) -> None:
    refuse = ai_site(lambda connection, request: connection.send(response("{}", 500)))
    with LoopbackServer(refuse) as server, driver.client(server.url) as client:
        with pytest.raises(ChatError):
            client.generate("Hi")
    statuses = [span.status.status_code for span in spans.get_finished_spans()]
    assert statuses == [StatusCode.UNSET, StatusCode.ERROR]


def test_opentelemetry_traces_a_stream_that_is_closed_early(
    spans: InMemorySpanExporter, driver: Driver
) -> None:
    def submit(connection: Any, request: Any) -> None:
        connection.send(CHUNKED + b"%x\r\n%b\r\n" % (len(live("Hel")), live("Hel")))
        connection.wait_closed()
        connection.close()

    with LoopbackServer(ai_site(submit)) as server, driver.client(server.url) as client:
        with client.stream("Hi") as stream:
            assert next(iter(stream)) == "Hel"
        assert len(spans.get_finished_spans()) == 2


def test_a_subclass_of_requests_session_sees_each_request() -> None:
    """As cloudscraper and CacheControl are made."""
    seen: list[str] = []

    class Session(requests.Session):
        def request(self, method: str, url: str, *rest: Any, **options: Any) -> requests.Response:  # type: ignore[override]
            seen.append(f"request {urlsplit(url).path}")
            return super().request(method, url, *rest, **options)

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            seen.append(f"send {request.path_url}")
            return super().send(request, **options)

    with LoopbackServer(HELLO_SITE) as server, Session() as session:
        session.hooks["response"].append(lambda response, **options: seen.append("response"))
        with SyncDriver().client(server.url, session=session) as client:
            assert client.generate("Hi").text == "Hello"
    assert seen == [
        f"request {SESSION_ROUTE}", f"send {SESSION_ROUTE}", "response",
        f"request {PROMPT_ROUTE}", f"send {PROMPT_ROUTE}", "response",
    ]  # fmt: skip


@pytest.mark.skipif(
    "middlewares" not in inspect.signature(aiohttp.ClientSession).parameters,
    reason="aiohttp has middlewares from 3.12 on",
)
def test_a_middleware_of_an_aiohttp_session_sees_each_request() -> None:
    seen: list[str] = []

    async def middleware(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        response = await handler(request)
        seen.append(f"{request.method} {request.url.path}: {response.status}")
        return response

    async def ask(url: str) -> Reply:
        async with (
            aiohttp.ClientSession(
                middlewares=[middleware], cookie_jar=aiohttp.CookieJar(unsafe=True)
            ) as session,
            AsyncClient(url, session=session) as client,
        ):
            return await client.generate("Hi")

    with LoopbackServer(HELLO_SITE) as server:
        assert asyncio.run(ask(server.url)).text == "Hello"
    assert seen == [f"POST {SESSION_ROUTE}: 200", f"POST {PROMPT_ROUTE}: 200"]


@pytest.mark.parametrize("session", ["a session", object()])
def test_a_session_of_another_library_is_a_mistake(session: Any, driver: Driver) -> None:
    with pytest.raises(UsageError, match=r"session must be an? (requests|aiohttp)"):
        driver.client(SITE, session=session)
