"""The plugin for llm, as its command runs it and as Python code uses it."""

from __future__ import annotations

import asyncio
import configparser
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import AuthenticationError, PromptTooLong
from chatgpt4online.server import LocalSite

from .loopback import LoopbackServer, ai_site, end, live, reply_with

llm = pytest.importorskip("llm", reason="llm is in the extra llm")

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "frameworks.rst").read_text(encoding="utf-8")
PNG = b"\x89PNG\r\n\x1a\n....."
PASSWORD, TOKEN = "abcd EFGH 1234", "secret-token"
CONFIG = """
default = "shop"
[sites.shop]
url = "{0}"
[sites.ann]
url = "{0}"
user = "ann"
[sites.api]
url = "{0}"
public_api = true
[sites.brief]
url = "{0}"
model = "small"
system = "Be brief."
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSite]:
    """A local site, and a configuration file with four ways to use it."""
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path / "llm"))
    monkeypatch.setenv("CHATGPT4ONLINE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for name in ("CHATGPT4ONLINE_PASSWORD", "CHATGPT4ONLINE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with LocalSite(users={"ann": PASSWORD}, token=TOKEN) as running:
        (tmp_path / "config.toml").write_text(CONFIG.format(running.url))
        yield running


# The command, which finds the plugin by its entry point.


@pytest.fixture
def entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install what setup.cfg says about llm, for the processes that a test starts."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    folder = tmp_path / "installed" / "chatgpt4online-0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: chatgpt4online\nVersion: 0\n")
    (folder / "entry_points.txt").write_text(f"[llm]\n{config['options.entry_points']['llm']}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder.parent), str(ROOT)]))


def run_llm(
    arguments: Sequence[str], cwd: Path, stdin: str = "", warnings: str = "error"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-W", warnings, "-m", "llm", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


def documented_commands() -> list[list[str]]:
    section = re.split(r"^llm\n---\n", PAGE, flags=re.MULTILINE)[1]
    commands = [
        shlex.split(line) for line in re.findall(r"^    \$ llm (.+)$", section, re.MULTILINE)
    ]
    return [command for command in commands if command[0] not in ("install", "keys")]


@pytest.mark.usefixtures("entry_point")
def test_the_documented_commands(site: LocalSite, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(PNG)
    printed = []
    for command in documented_commands():
        done = run_llm(command, tmp_path, "Hi\nthere\nexit\n" if command[0] == "chat" else "")
        assert (done.returncode, done.stderr) == (0, "")
        printed.append(done.stdout.strip())
    assert printed[:-1] == [
        "You said: Do you ship to Norway? (5 words)",
        "You said: And to Sweden? (3 words, message 3 of this conversation)",
        "You said: Do you have this in blue? (6 words)",
        "You said: Hello there (2 words)",
    ]
    assert "> You said: Hi (1 word)\n" in printed[-1]
    assert "> You said: there (1 word, message 3 of this conversation)\n" in printed[-1]
    assert [item["filename"] for item in site.app.files.uploads.values()] == ["picture.png"]
    sent = site.app.submissions
    assert (sent[3]["instructions"], sent[3]["temperature"]) == ("Be brief", 0.2)


@pytest.mark.usefixtures("entry_point")
def test_the_command_shows_errors(site: LocalSite, tmp_path: Path) -> None:
    done = run_llm(["-m", "ai-engine/shop", "x" * 600], tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: The message has 600 characters; the site accepts 512.\n"


@pytest.mark.usefixtures("entry_point", "site")
def test_a_broken_configuration_file_does_not_break_llm(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("sites = [")
    done = run_llm(["--help"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    done = run_llm(["-m", "ai-engine/shop", "Hello"], tmp_path, warnings="default")
    assert done.returncode == 1
    assert done.stderr.count("config.toml is not valid TOML") == 1
    assert done.stderr.endswith("Error: 'Unknown model: ai-engine/shop'\n")


def test_the_plugin_loads_no_http_library(site: LocalSite) -> None:
    code = """
import sys, llm
before = set(sys.modules)
from chatgpt4online import llm_plugin
llm_plugin.register_models(lambda model, async_model: print(model.model_id, async_model.model_id))
new = set(sys.modules) - before
print(*sorted(new & {"requests", "aiohttp", "urllib3", "tenacity", "click", "rich", "keyring"}))
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names = ["ai-engine", "ai-engine/shop", "ai-engine/ann", "ai-engine/api", "ai-engine/brief"]
    assert done.stdout.splitlines() == [*(f"{name} {name}" for name in names), ""]


# The models.


def models() -> dict[str, tuple[Any, Any]]:
    """Return the models that the plugin registers: for each name the sync one and the async one."""
    from chatgpt4online import llm_plugin

    found: dict[str, tuple[Any, Any]] = {}

    def register(model: Any, async_model: Any) -> None:
        assert model.model_id == async_model.model_id
        found[model.model_id] = (model, async_model)

    llm_plugin.register_models(register)
    return found


class Model:
    """A sync or an async model, used in the same way."""

    def __init__(self, name: str, *, is_async: bool) -> None:
        self.conversation = models()[name][is_async].conversation()
        self._is_async = is_async

    def ask(self, *arguments: Any, **options: Any) -> tuple[list[str], Any]:
        """Prompt the model, and return the pieces of its reply and the usage."""
        response = self.conversation.prompt(*arguments, **options)
        if not self._is_async:
            return list(response), response.usage()

        async def run() -> tuple[list[str], Any]:
            return [piece async for piece in response], await response.usage()

        return asyncio.run(run())


BOTH = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@BOTH
def test_streaming(site: LocalSite, is_async: bool) -> None:
    pieces, usage = Model("ai-engine/shop", is_async=is_async).ask("Hello there")
    assert pieces == ["You", " said:", " Hello", " there", " (2", " words)"]
    assert (usage.input, usage.output) == (0, 6)
    assert site.app.submissions[0]["stream"] is True


@BOTH
def test_without_streaming(site: LocalSite, is_async: bool) -> None:
    pieces, usage = Model("ai-engine/shop", is_async=is_async).ask("Hello there", stream=False)
    assert pieces == ["You said: Hello there (2 words)"]
    assert usage.output == 6
    assert site.app.submissions[0]["stream"] is False


@BOTH
def test_a_conversation(site: LocalSite, is_async: bool) -> None:
    model = Model("ai-engine/shop", is_async=is_async)
    model.ask("My name is Ann.", system="Be kind.")
    model.ask("What is my name?")
    first, second = site.app.submissions
    assert first["messages"] == []
    assert [(item["role"], item["content"]) for item in second["messages"]] == [
        ("user", "My name is Ann."),
        ("assistant", "You said: My name is Ann. (4 words)"),
    ]
    assert second["newMessage"] == "What is my name?"
    assert first["instructions"] == second["instructions"] == "Be kind."


@BOTH
def test_a_conversation_that_another_model_began(site: LocalSite, is_async: bool) -> None:
    call = llm.parts.ToolCallPart(name="clock", arguments={}, tool_call_id="1")
    result = llm.parts.ToolResultPart(name="clock", output="12:00", tool_call_id="1")
    history = [
        llm.user("What time is it?"),
        llm.assistant(call),
        llm.tool_message(result),
        llm.assistant("Noon."),
    ]
    Model("ai-engine/shop", is_async=is_async).ask("Thanks", messages=history)
    sent = site.app.submissions[0]["messages"]
    assert [item["content"] for item in sent] == ["What time is it?", "Noon."]


@BOTH
def test_attachments_go_with_their_own_prompt(
    site: LocalSite, is_async: bool, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\n")
    model = Model("ai-engine/shop", is_async=is_async)
    model.ask("", attachments=[llm.Attachment(content=PNG)])
    model.ask("And this?", attachments=[llm.Attachment(path=str(tmp_path / "a.pdf"))])
    model.ask("Thanks")
    files = [(item["filename"], item["type"]) for item in site.app.files.uploads.values()]
    assert files == [("attachment.png", "image/png"), ("a.pdf", "application/pdf")]
    sent = site.app.submissions
    assert ["newFileId" in item for item in sent] == [True, True, False]
    assert [[message["role"] for message in item["messages"]] for item in sent] == [
        [], ["assistant"], ["assistant", "user", "assistant"],
    ]  # fmt: skip


@BOTH
def test_options(site: LocalSite, is_async: bool) -> None:
    Model("ai-engine/brief", is_async=is_async).ask("Hi")
    Model("ai-engine/brief", is_async=is_async).ask(
        "Hi", system="Be kind.", model="large", temperature=0.5, max_tokens=20
    )
    names = ("model", "instructions", "temperature", "maxTokens")
    sent = [[item.get(name) for name in names] for item in site.app.submissions]
    assert sent == [["small", "Be brief.", None, None], ["large", "Be kind.", 0.5, 20]]


@BOTH
def test_keys(site: LocalSite, is_async: bool, tmp_path: Path) -> None:
    for name in ("ai-engine/ann", "ai-engine/api"):
        with pytest.raises(llm.ModelError, match=r"No secret of .* is given: set CHATGPT4ONLINE_"):
            Model(name, is_async=is_async).ask("Hi")
    keys = {"ai-engine/ann": PASSWORD, "ai-engine/api": TOKEN}
    (tmp_path / "llm" / "keys.json").write_text(json.dumps(keys))
    for name in keys:
        assert Model(name, is_async=is_async).ask("Hi", stream=False)[0] == [
            "You said: Hi (1 word)"
        ]
    (tmp_path / "llm" / "keys.json").write_text(json.dumps(dict.fromkeys(keys, "wrong")))
    with pytest.raises(llm.ModelError) as caught:
        Model("ai-engine/ann", is_async=is_async).ask("Hi")
    assert isinstance(caught.value.__cause__, AuthenticationError)


def test_a_password_from_the_environment(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", PASSWORD)
    Model("ai-engine/ann", is_async=False).ask("Hi")
    assert len(site.app.submissions) == 1


@BOTH
def test_errors(site: LocalSite, is_async: bool) -> None:
    with pytest.raises(llm.ModelError, match="the site accepts 512") as caught:
        Model("ai-engine", is_async=is_async).ask("x" * 600)
    assert isinstance(caught.value.__cause__, PromptTooLong)


@BOTH
def test_images(is_async: bool, site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://example.com/cat.png"
    with LoopbackServer(ai_site(reply_with(live("A cat"), end("A cat", images=[url])))) as server:
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", server.url)
        pieces, usage = Model("ai-engine", is_async=is_async).ask("Draw a cat")
    assert "".join(pieces) == f"A cat\n\n![]({url})"
    assert usage.input is None


def test_no_site(site: LocalSite, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    assert list(models()) == ["ai-engine"]
    with pytest.raises(llm.ModelError, match="No site is given: set CHATGPT4ONLINE_SITE, or"):
        Model("ai-engine", is_async=False).ask("Hi")


def test_a_broken_configuration_file(site: LocalSite, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("sites = [")
    with pytest.warns(UserWarning, match=r"models ai-engine/... are missing. .* not valid TOML"):
        assert list(models()) == ["ai-engine"]
        with pytest.raises(llm.ModelError, match=r"config\.toml is not valid TOML"):
            Model("ai-engine", is_async=False).ask("Hi")


def test_missing_packages(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatgpt4online.llm_plugin.find_spec", lambda name: None)
    assert list(models()) == ["ai-engine"]
    with pytest.raises(llm.ModelError, match=r'llm install "chatgpt4online\[llm\]"'):
        Model("ai-engine", is_async=False).ask("Hi")
