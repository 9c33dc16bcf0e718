"""The examples of docs/frameworks.rst, used as a web server or a worker uses them."""

from __future__ import annotations

import asyncio
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django.conf
import pytest
from django.test import AsyncRequestFactory
from fastapi.testclient import TestClient

from chatgpt4online.testing import ScriptedSite

PAGE = (Path(__file__).parent.parent / "docs" / "frameworks.rst").read_text(encoding="utf-8")
TOO_LONG = "x" * 21
REPLY = "You said: Hello there (2 words)"


@pytest.fixture
def site(make_ai_engine_site: Callable[..., ScriptedSite]) -> ScriptedSite:
    return make_ai_engine_site(max_length=20)


def example(title: str, site: ScriptedSite) -> str:
    """Return the example below a title, for a local site."""
    section = re.split(rf"^{title}\n-+\n", PAGE, flags=re.MULTILINE)[1]
    block = re.search(r"\.\. code-block:: \w+\n\n((?:    .*\n|\n)+)", section)
    assert block is not None
    return textwrap.dedent(block[1]).replace("https://example.com", site.url)


def names_of(title: str, site: ScriptedSite) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example"}
    exec(example(title, site), names)
    return names


def test_fastapi(site: ScriptedSite) -> None:
    with TestClient(names_of("FastAPI", site)["app"]) as browser:
        answer = browser.get("/ask", params={"question": "Hello there"})
        assert (answer.status_code, answer.text) == (200, REPLY)
        answer = browser.get("/ask", params={"question": TOO_LONG})
        assert answer.status_code == 400
        assert "rejected" in answer.json()["detail"]


def test_django(site: ScriptedSite) -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure()

    async def run() -> None:
        names = names_of("Django", site)
        requests = AsyncRequestFactory()
        async with names["client"]:
            response = await names["ask"](requests.get("/ask?question=Hello+there"))
            assert b"".join([piece async for piece in response]).decode() == REPLY
            response = await names["ask"](requests.get("/ask?question=Hello+there"))
            await asyncio.to_thread(response.close)  # the visitor has left
            response = await names["ask"](requests.get(f"/ask?question={TOO_LONG}"))
            assert response.status_code == 400

    asyncio.run(run())


def test_flask(site: ScriptedSite) -> None:
    names = names_of("Flask", site)
    browser = names["app"].test_client()
    with names["client"]:
        answer = browser.get("/ask?question=Hello+there")
        assert (answer.status_code, answer.text) == (200, REPLY)
        answer = browser.get(f"/ask?question={TOO_LONG}")
        assert answer.status_code == 400
        assert "rejected" in answer.json["detail"]


def test_task_queue(site: ScriptedSite, capsys: pytest.CaptureFixture[str]) -> None:
    names_of("Task queues", site)
    assert capsys.readouterr().out.splitlines() == [REPLY, REPLY.replace("there", "again")]
