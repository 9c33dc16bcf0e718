"""The provider for g4f, used by both of its clients.

g4f is not in the extra test: it is large and under the GPL. It patches asyncio's event loops and
keeps files in the home directory, so it runs in processes of its own here.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online.server import LocalSite

from .loopback import LoopbackServer, ai_site, end, live, reply_with

pytestmark = pytest.mark.skipif(find_spec("g4f") is None, reason="g4f is installed by its users")

ROOT = Path(__file__).parent.parent
REPLY = "You said: Hello there (2 words)"
PASSWORD, TOKEN = "abcd EFGH 1234", "secret-token"
SETUP = """
import asyncio
from g4f import errors
from g4f.client import AsyncClient, Client
from chatgpt4online.g4f_provider import AIEngine

client = Client(provider=AIEngine)
create = client.chat.completions.create
async_create = AsyncClient(provider=AIEngine).chat.completions.create
printed = []

def text(answer):
    return answer.choices[0].message.content

def pieces(chunks):
    return [chunk.choices[0].delta.content for chunk in chunks]

def error(**arguments):
    try:
        create(**arguments)
    except errors.G4FError as error:
        return type(error).__name__, type(error.__cause__).__name__, str(error)
"""


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite(users={"ann": PASSWORD}, token=TOKEN) as running:
        yield running


def run_python(code: str, site_url: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-W", "error", "-c", code],
        env={
            "CHATGPT4ONLINE_SITE": site_url,
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            # Whatever else g4f might want from the network.
            "HTTP_PROXY": "http://127.0.0.1:1",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "NO_PROXY": "127.0.0.1",
        },
        cwd=home,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def run_g4f(code: str, site_url: str, home: Path) -> Any:
    """Run code that appends to `printed`, and return what it has appended."""
    code = f"{SETUP}\n{textwrap.dedent(code)}\nprint(printed)"
    return ast.literal_eval(run_python(code, site_url, home))


def test_the_documented_example(site: LocalSite, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "frameworks.rst").read_text(encoding="utf-8")
    section = re.split(r"^g4f\n---\n", page, flags=re.MULTILINE)[1]
    block = re.search(r"\.\. code-block:: python3\n\n((?:    .*\n|\n)+)", section)
    assert block is not None
    code = textwrap.dedent(block[1]).replace("https://example.com", site.url)
    printed = run_python(code, "", tmp_path)
    assert printed == f"{REPLY}\n{REPLY.replace('there', 'again')}\n"


def test_both_clients(site: LocalSite, tmp_path: Path) -> None:
    code = """
    printed.append(text(create("Hello there")))
    printed.append(pieces(create("Hello there", stream=True)))

    async def main():
        answer = await async_create("Hello there")
        printed.append((text(answer), answer.usage.completion_tokens, answer.usage.total_tokens))
        chunks = async_create("Hello there", stream=True, stream_timeout=60)
        printed.append(pieces([chunk async for chunk in chunks]))
        chunks = async_create("Hello there", stream=True)
        printed.append(pieces([await anext(chunks)]))
        await chunks.aclose()

    asyncio.run(main())
    """
    streamed = ["You", " said:", " Hello", " there", " (2", " words)", None]
    assert run_g4f(code, site.url, tmp_path) == [REPLY, streamed, (REPLY, 6, 6), streamed, ["You"]]
    assert [item["stream"] for item in site.app.submissions] == [False, True, False, True, True]
    assert "model" not in site.app.submissions[0]


def test_what_is_sent(site: LocalSite, tmp_path: Path) -> None:
    code = """
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "My name is Ann."},
        {"role": "assistant", "content": "Hello Ann!"},
        {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
    ]
    create(
        messages, "gpt-4o", temperature=0.5, max_tokens=50, timeout=60, bot_id="default",
        api_key="sk-other", stream=False,
    )
    create("What is this?", image=b"12345678", image_name="a.png", auth=("ann", "abcd EFGH 1234"))
    create("And this?", image="data:image/gif;base64,MTIz", image_name="b.gif")
    create("Hello there", token="secret-token")
    """
    assert run_g4f(code, site.url, tmp_path) == []
    first, second, third, last = site.app.submissions
    assert [item["content"] for item in first["messages"]] == [
        "Be brief.", "My name is Ann.", "Hello Ann!",
    ]  # fmt: skip
    assert first["newMessage"] == "What is my name?"
    names = ("model", "temperature", "maxTokens", "botId")
    assert [first[name] for name in names] == ["gpt-4o", 0.5, 50, "default"]
    assert "sk-other" not in str(site.app.submissions)
    files = site.app.files.uploads
    assert (files[second["newFileId"]]["filename"], files[second["newFileId"]]["size"]) == (
        "a.png",
        8,
    )
    assert (files[third["newFileId"]]["filename"], files[third["newFileId"]]["size"]) == (
        "b.gif",
        3,
    )
    assert last["message"] == "Hello there"


def test_errors(site: LocalSite, tmp_path: Path, dead_port: int) -> None:
    code = f"""
    printed.append(error(messages="x" * 600))
    printed.append(error(messages="Hi", auth=("ann", "wrong")))
    printed.append(error(messages="Hi", base_url="http://127.0.0.1:{dead_port}"))
    printed.append(error(messages="Hi", base_url=""))
    """
    assert [item[:2] for item in run_g4f(code, site.url, tmp_path)] == [
        ("BadRequestError", "PromptTooLong"),
        ("MissingAuthError", "AuthenticationError"),
        ("ResponseError", "ConnectError"),
        ("BadRequestError", "UsageError"),
    ]


def test_a_usage_limit(tmp_path: Path) -> None:
    with LocalSite(max_prompts=0) as site:
        code = 'printed.append(error(messages="Hi"))'
        [(kind, cause, _)] = run_g4f(code, site.url, tmp_path)
    assert (kind, cause) == ("RateLimitError", "LimitReached")


def test_images(tmp_path: Path) -> None:
    url = "https://example.com/cat.png"
    with LoopbackServer(ai_site(reply_with(live("A cat"), end("A cat", images=[url])))) as server:
        code = (
            'printed.append("".join(filter(None, map(str, pieces(create("A cat", stream=True))))))'
        )
        [shown] = run_g4f(code, server.url, tmp_path)
    assert shown.startswith("A cat")
    assert url in shown
