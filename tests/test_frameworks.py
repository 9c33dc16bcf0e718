"""The examples of docs/frameworks.rst, used as a web server or a worker uses them."""

from __future__ import annotations

import asyncio
import re
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django.conf
import pytest
from django.test import AsyncRequestFactory
from fastapi.testclient import TestClient
from werkzeug.serving import make_server

import chatgpt4online.testing.site  # noqa: F401 - pytester forgets what is first imported there
from chatgpt4online.errors import (
    ChatError,
    ChatTimeout,
    IncompleteReply,
    LimitReached,
    QueryRejected,
    RateLimited,
    UsageError,
)
from chatgpt4online.testing import ScriptedSite

from .loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    live,
)
from .testing import INI

PAGE = (Path(__file__).parent.parent / "docs" / "frameworks.rst").read_text(encoding="utf-8")
TOO_LONG = "x" * 21
BROKEN_OFF = "Hello\n[The reply broke off"
REPLY = "You said: Hello there (2 words)"


@pytest.fixture
def site(make_ai_engine_site: Callable[..., ScriptedSite]) -> ScriptedSite:
    return make_ai_engine_site(max_length=20)


@pytest.fixture(autouse=True)
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module that the services of the page import."""
    (tmp_path / "answers.py").write_text(examples("Errors in a web service")[0], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "answers", raising=False)


def examples(title: str) -> list[str]:
    """Return the Python examples below a title."""
    section = re.split(r"^(.+)\n-+\n", PAGE, flags=re.MULTILINE)
    text = section[section.index(title) + 1]
    blocks = re.findall(r"\.\. code-block:: python3?\n\n((?:    .*\n|\n)+)", text)
    return [textwrap.dedent(block) for block in blocks]


def names_of(title: str, site: ScriptedSite | LoopbackServer) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(examples(title)[0].replace("https://example.com", site.url), names)
    return names


def test_fastapi(site: ScriptedSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    with TestClient(names_of("FastAPI", site)["app"]) as browser:
        answer = browser.get("/ask", params={"question": "Hello there"})
        assert (answer.status_code, answer.text) == (200, REPLY)
        answer = browser.get("/ask", params={"question": TOO_LONG})
        assert answer.status_code == 400
        assert "rejected" in answer.json()["detail"]


def test_the_test_of_the_fastapi_service(pytester: pytest.Pytester) -> None:
    module, test = examples("FastAPI")
    answers, *_ = examples("Errors in a web service")
    pytester.makeini(INI)
    pytester.makepyfile(answers=answers, service=module, test_service=test)
    pytester.syspathinsert()
    pytester.runpytest("-p", "chatgpt4online.testing.plugin").assert_outcomes(passed=1)


def test_the_error_that_the_page_warns_of(
    ai_engine_site: ScriptedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", ai_engine_site.url)
    module = examples("FastAPI")[0].replace("pieces(stream)", "stream")
    names: dict[str, Any] = {}
    exec(module, names)
    ai_engine_site.fail("cut", after="Hello")
    with (
        TestClient(names["app"]) as browser,
        pytest.raises(RuntimeError, match="Caught handled exception, but response already started"),
    ):
        browser.get("/ask?question=Hi")


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (QueryRejected("No."), 400, {}),
        (UsageError("The prompt is empty."), 400, {}),
        (LimitReached("Enough."), 429, {}),
        (RateLimited("Later.", status=429, retry_after=1.5), 429, {"Retry-After": "2"}),
        (ChatTimeout("Too late."), 504, {}),
        (IncompleteReply("Cut."), 502, {}),
    ],
)
def test_how_errors_are_explained(error: ChatError, status: int, headers: dict[str, str]) -> None:
    names: dict[str, Any] = {}
    exec(examples("Errors in a web service")[0], names)
    assert names["explain"](error) == (status, headers)


def test_django(site: ScriptedSite) -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure()

    async def run() -> None:
        names = names_of("Django", site)
        requests = AsyncRequestFactory()
        async with names["client"]:
            response = await names["ask"](requests.get("/ask?question=Hello+there"))
            assert b"".join([piece async for piece in response]).decode() == REPLY
            site.fail("cut", after="Hello")
            response = await names["ask"](requests.get("/ask?question=Hello+there"))
            assert BROKEN_OFF in b"".join([piece async for piece in response]).decode()
            assert (await names["ask"](requests.get("/ask"))).status_code == 400
            response = await names["ask"](requests.get(f"/ask?question={TOO_LONG}"))
            assert response.status_code == 400

    asyncio.run(run())


def test_flask(site: ScriptedSite) -> None:
    names = names_of("Flask", site)
    browser = names["app"].test_client()
    with names["client"]:
        answer = browser.get("/ask?question=Hello+there")
        assert (answer.status_code, answer.text) == (200, REPLY)
        site.fail("cut", after="Hello")
        assert BROKEN_OFF in browser.get("/ask?question=Hello+there").text
        answer = browser.get(f"/ask?question={TOO_LONG}")
        assert answer.status_code == 400
        assert "rejected" in answer.json["detail"]


def test_a_visitor_of_flask_who_leaves() -> None:
    """The next piece cannot be written, which closes the connection to the site."""
    left, closed = threading.Event(), threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        assert left.wait(WAIT_LIMIT)
        try:
            while True:
                connection.send(chunk(live(" there" * 10_000)))
        except OSError:
            closed.set()

    with LoopbackServer(ai_site(submit)) as server:
        names = names_of("Flask", server)
        web = make_server("127.0.0.1", 0, names["app"], threaded=True)
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            with (
                names["client"],
                urllib.request.urlopen(
                    f"http://127.0.0.1:{web.server_port}/ask?question=Hi", timeout=WAIT_LIMIT
                ) as answer,
            ):
                assert answer.read(5) == b"Hello"
                answer.close()
                left.set()
                assert closed.wait(WAIT_LIMIT)
        finally:
            web.shutdown()
            thread.join()
            web.server_close()


def test_task_queue(site: ScriptedSite, capsys: pytest.CaptureFixture[str]) -> None:
    names_of("Task queues", site)
    assert capsys.readouterr().out.splitlines() == [REPLY, REPLY.replace("there", "again")]
