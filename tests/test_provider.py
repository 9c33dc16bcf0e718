"""`Chatgpt4Online`, the interface of the original provider."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from chatgpt4online import Chatgpt4Online, ConnectError, UsageError
from chatgpt4online.server import LocalSite

MESSAGES = [{"role": "user", "content": "Привет! Как дела?"}]
REPLY = "You said: Привет! Как дела? (3 words)"

# The documented example, with another import and without a site.
SCRIPT = """
import asyncio
from chatgpt4online import Chatgpt4Online

async def main():
    messages = [{"role": "user", "content": "Привет! Как дела?"}]
    provider = Chatgpt4Online(model="gpt-4", messages=messages, proxy=None)
    async for response in provider.create_async_generator():
        print(response)

if __name__ == "__main__":
    asyncio.run(main())
"""


def collect(generator: Any) -> list[Any]:
    async def run() -> list[Any]:
        return [text async for text in generator]

    return asyncio.run(run())


def run_script(site: str) -> str:
    result = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", SCRIPT],
        env={"CHATGPT4ONLINE_SITE": site},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    assert result.stderr == ""
    return result.stdout


def test_original_example() -> None:
    with LocalSite() as site:
        assert run_script(site.url) == REPLY + "\n"


def test_original_example_prints_none_on_failure(dead_port: int) -> None:
    assert run_script(f"http://127.0.0.1:{dead_port}") == "None\n"


def test_instance() -> None:
    with LocalSite() as site:
        provider = Chatgpt4Online(messages=MESSAGES, site=site.url)
        assert collect(provider.create_async_generator()) == [REPLY]
        assert provider.generate() == REPLY
        nonce = asyncio.run(provider.get_nonce({"Accept-Language": "en"}))
        assert len(nonce) == 10
    assert "model" not in site.app.submissions[0]
    assert (provider.model, provider.models) == ("gpt-4", ["gpt-4"])


def test_instance_returns_none_on_failure(dead_port: int) -> None:
    provider = Chatgpt4Online("gpt-4", MESSAGES, site=f"http://127.0.0.1:{dead_port}")
    assert collect(provider.create_async_generator()) == [None]
    assert provider.generate() is None


def test_class_methods(dead_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalSite() as site:
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
        texts = collect(
            Chatgpt4Online.create_async_generator(
                "gpt-4", MESSAGES, proxy=None, timeout=5, api_key="k", stream=True
            )
        )
        assert texts == [REPLY]
        assert len(asyncio.run(Chatgpt4Online.get_nonce({}))) == 10
    assert "api_key" not in site.app.submissions[0]
    with pytest.raises(ConnectError):
        collect(
            Chatgpt4Online.create_async_generator(
                model="gpt-4", messages=MESSAGES, site=f"http://127.0.0.1:{dead_port}"
            )
        )


def test_usage_errors_are_raised() -> None:
    for provider in (Chatgpt4Online(messages=MESSAGES), Chatgpt4Online(site="http://127.0.0.1:1")):
        with pytest.raises(UsageError):
            collect(provider.create_async_generator())
        with pytest.raises(UsageError):
            provider.generate()
