"""What README.rst says is true: its examples run, its tables match the code."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import chatgpt4online
from chatgpt4online import Client, Limits, RetryPolicy, Timeout, errors
from chatgpt4online.server import LocalSite

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.rst").read_text(encoding="utf-8")
EXAMPLES = [
    textwrap.dedent(block)
    for block in re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", README)
]
# What each example prints, in the order of the README.
PRINTED = [
    "You said: Hello there (2 words)\nYou said: What is AI Engine? (4 words) Usage(",
    "You said: Hello there (2 words)\nYou said: What is AI Engine? (4 words) Usage(",
    "You said: Hello there (2 words)\n",
    "You said: What is my name? (4 words, message 3 of this conversation)\n",
    "about the reply: status Starting stream...\ntext: You\ntext:  said:\n",
    "No whole reply: The site refused what was sent: Sorry, your query has been rejected. (The",
    "You said: What is my name? (4 words, message 4 of this conversation)\n"
    "Another one: You said: What is my name? (4 words, message 4 of this conversation)\n"
    "5 messages, from the chatbot's own first sentence on\n",
    "Tell me more -> You said: Tell me more (3 words, message 3 of this conversation)\n",
    "status Starting stream... {}\nYou said: Hello there (2 words)\n",
    "You said: What is in it? (4 words)\n9 of 9\nYou said: And the colours? (3 words)\n"
    "2 files, 1 deleted\n",
    "You said: Hello there (2 words)\ntoken ['Default']\nYou said: Hello there (2 words)\n"
    "You said: Hello model (2 words)\n",
    "Hello there 2 messages\nYou said: And now? (2 words, message 3 of this conversation)\n",
    "START_SESSION True\ndefault Hi! How can I help you? 512 True chat\n",
    "You said: Hello there (2 words)\n",
    "You said: Привет! Как дела? (3 words)\n",
    "You wrote 11 characters.\n",
]


def test_every_example_has_its_output_here() -> None:
    assert len(EXAMPLES) == len(PRINTED)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example(number: int, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG....."[:9])
    with LocalSite(users={"ann": "abcd EFGH 1234"}, token="secret-token") as site:
        example = EXAMPLES[number].replace("https://example.com", site.url)
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-W", "error", "-c", example],
            capture_output=True,
            encoding="utf-8",
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(PRINTED[number])


def test_the_options_are_those_of_the_client() -> None:
    table = README[README.index("``Client`` and ``AsyncClient`` take") :].split("=======  ===")[1]
    named = re.findall(r"^``(\w+)`` ", table, re.MULTILINE)
    assert named == list(inspect.signature(Client).parameters)


def test_the_defaults_are_those_of_the_code() -> None:
    text = " ".join(README.split())
    for value in (Timeout(), RetryPolicy()):
        assert f"``{value!r}``" in text
    mib = 1024 * 1024
    limits = Limits()
    assert (
        f"``Limits(line={limits.line // mib} MiB, reply={limits.reply // mib} MiB, "
        f"page={limits.page // mib} MiB)``"
    ) in text


def test_the_error_tree_is_that_of_the_code() -> None:
    tree = README[README.index("    ChatError\n") : README.index("The command\n")]
    parents: list[str] = []
    shown = {}
    for line in tree.splitlines():
        found = re.match(r"^    ((?:[│ ]   ?)*)(?:[├└] )?(\w+)", line)
        if found:
            depth = line.index(found[2])
            parents = [*parents[: {4: 0, 6: 1, 10: 2}[depth]], found[2]]
            shown[found[2]] = parents[-2] if len(parents) > 1 else "Exception"
    real = {
        name: kind.__mro__[1].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind)
    }
    assert shown == real


def test_every_public_name_is_told_of() -> None:
    helpers = {
        "Action", "AsyncConversation", "AsyncReplyStream", "Block", "Chatbot", "Conversation",
        "Discussion", "Event", "Reply", "ReplyStream", "Shortcut", "StoredFile", "Usage",
    }  # fmt: skip
    for name in set(chatgpt4online.__all__) - helpers:
        assert re.search(rf"\b{name}\b", README), name


@pytest.mark.parametrize(
    "name", ["README.rst", "CHANGELOG.rst", "SECURITY.rst", "docs/faults.rst", "docs/speed.rst"]
)
def test_the_markup_is_valid(name: str) -> None:
    core = pytest.importorskip("docutils.core", reason="docutils is in the extra dev")
    text = (ROOT / name).read_text(encoding="utf-8")
    settings = {"report_level": 1, "halt_level": 1, "syntax_highlight": "none"}
    core.publish_string(text, writer="html5", settings_overrides=settings)
