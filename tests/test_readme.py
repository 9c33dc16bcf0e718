"""What the documents say is true: the examples run, the tables match the code."""

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
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(
        [*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst"), *ROOT.glob("examples/*.rst")]
    )
}
USAGE = DOCUMENTS["docs/usage.rst"]
SPHINX_PAGES = {
    f"docs/{name}.rst"
    for name in ("changelog", "examples", "glossary", "index", "reference", "security")
}
"""Pages with directives of Sphinx, which tests/test_docs_site.py builds."""
EXAMPLES = {
    f"{name} {number}": textwrap.dedent(block)
    for name, text in DOCUMENTS.items()
    for number, block in enumerate(
        re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text), 1
    )
}
# How the output of each example begins, in the order of its document.
PRINTED = {
    f"{name} {number}": output
    for name, outputs in {
        "README.rst": [
            "You said: What is AI Engine? (4 words)\nYou said: Hello there (2 words)",
            "You said: What is AI Engine? (4 words)\nYou said: Hello there (2 words)",
        ],
        "docs/batch.rst": [
            "0 replied You said: What is AI Engine? (4 words)\n"
            "1 replied You said: Who made it? (3 words)\n"
            "2 failed The message has 600 characters; the site accepts 512.\n",
            "".join(
                f"{number} replied You said: What is {number}? (3 words)\n" for number in range(4)
            ),
            "replied: You said: What is 0? (3 words)\n",
            "export CHATGPT4ONLINE_SITE=http://127.0.0.1:",
            "What is 0? -> You said: What is 0? (3 words)\n",
        ],
        "docs/errors.rst": [
            "No complete reply: The message has 600 characters; the site accepts 512.",
            "Could not connect to http://127.0.0.1:9: Connection refused.\nConnectionRefusedError(",
            "You said: Hello there (2 words)\n",
            "You said: Hello there (2 words)\nYou said: Hello again (2 words)\n",
            "You said: Hello there (2 words)\n",
            "DEBUG POST http://127.0.0.1:",
        ],
        "docs/frameworks.rst": [
            "",
            "You said: Hello there (2 words)\nYou said: Hello again (2 words)\n",
        ],
        "docs/moving.rst": [
            "You said: Hello there (2 words)\n",
            "You said: Hello there (2 words)\n",
        ],
        "docs/quickstart.rst": [
            "AI Engine: http://127.0.0.1:",
            "You said: What is AI Engine? (4 words)\nYou said: Hello there (2 words)\n",
            "You said: What is AI Engine? (4 words)\nYou said: Hello there (2 words)\n",
        ],
        "docs/testing.rst": [
            *[""] * 6,  # tests, which tests/testing/test_page.py runs
            "Hello! Bye!\n",
            "Hello!\n429\n",
            "Hello!\n",
        ],
        "docs/usage.rst": [
            "You said: Hello there (2 words)\n",
            "You said: What is my name? (4 words, message 3 of this conversation)\n",
            "You ... You said: Hello there (2 words)\n",
            "activity: status Starting stream...\ntext: You\ntext:  said:\n",
            "You said: Hello there (2 words)\n",
            "status Starting stream... {}\nYou said: Hello there (2 words)\n",
            "You said: Hello there (2 words)\n"
            "text, images, actions, shortcuts, blocks, usage, response_id, chat_id, raw\n",
            "Tell me more -> You said: Tell me more (3 words, message 3 of this conversation)\n",
            "You said: What is my name? (4 words, message 4 of this conversation)\n"
            "Again: You said: What is my name? (4 words, message 4 of this conversation)\n"
            "5 messages, including the chatbot's start sentence\n",
            "You said: What is in this picture? (5 words)\n9 of 9\n"
            "You said: And the colours? (3 words)\n2 files, 1 deleted\n",
            "You said: Hello there (2 words)\n",
            "Hello there 2 messages\n"
            "You said: And now? (2 words, message 3 of this conversation)\n",
            "token ['Default']\nYou said: Hello there (2 words)\nYou said: Hello model (2 words)\n",
            "START_SESSION True\ndefault Hi! How can I help you? 512 True chat\n",
            "You said: Hello there (2 words)\n",
            "POST /wp-json/mwai/v1/start_session 200\n"
            "POST /wp-json/mwai-ui/v1/chats/submit 200\nYou said: Hello there (2 words)\n",
            "You wrote 11 characters.\n",
            "1 You said: Hello there (2 words)\n"
            "2 You said: Hello there (2 words, message 3 of this conversation)\n",
            "You said: Привет! Как дела? (3 words)\n",
        ],
    }.items()
    for number, output in enumerate(outputs, 1)
}


def test_every_example_has_its_output_here() -> None:
    assert list(EXAMPLES) == list(PRINTED)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name: str, tmp_path: Path) -> None:
    if "distributed" in EXAMPLES[name]:
        pytest.importorskip("distributed", reason="the extra dask is not installed")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG....."[:9])
    with LocalSite(users={"ann": "abcd EFGH 1234"}, token="secret-token") as site:
        example = EXAMPLES[name].replace("https://example.com", site.url)
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-W", "error", "-c", example],
            input="\n",
            capture_output=True,
            encoding="utf-8",
            check=False,
            cwd=tmp_path,
            # On a busy machine, Dask complains of workers that are slow to end.
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "DASK_LOGGING__DISTRIBUTED": "critical",
            },
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(PRINTED[name])


def test_the_options_are_those_of_the_client() -> None:
    table = USAGE[USAGE.index("``Client`` and ``AsyncClient`` take") :].split("=======  ===")[1]
    named = re.findall(r"^``(\w+)`` ", table, re.MULTILINE)
    assert named == list(inspect.signature(Client).parameters)


def test_the_defaults_are_those_of_the_code() -> None:
    text = " ".join(USAGE.split())
    for value in (Timeout(), RetryPolicy()):
        assert f"``{value!r}``" in text
    mib = 1024 * 1024
    limits = Limits()
    assert (
        f"``Limits(line={limits.line // mib} MiB, reply={limits.reply // mib} MiB, "
        f"page={limits.page // mib} MiB)``"
    ) in text


def test_the_error_tree_is_that_of_the_code() -> None:
    tree = re.search(r"^    ChatError\n(?:    .+\n)+", DOCUMENTS["docs/errors.rst"], re.MULTILINE)
    assert tree is not None
    parents: list[str] = []
    shown = {}
    for line in tree[0].splitlines():
        found = re.match(r"^    ((?:[│ ]   ?)*)(?:[├└] )?(\w+)", line)
        if found:
            depth = line.index(found[2])
            parents = [*parents[: {4: 0, 6: 1, 10: 2, 14: 3}[depth]], found[2]]
            shown[found[2]] = parents[-2] if len(parents) > 1 else "Exception"
    real = {
        name: kind.__mro__[1].__name__
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and kind.__module__ == errors.__name__
    }
    assert shown == real


def test_every_public_name_is_documented() -> None:
    helpers = {"AsyncConversation", "AsyncReplyStream", "Conversation", "Event", "ReplyStream"}
    text = "".join(DOCUMENTS.values())
    for name in set(chatgpt4online.__all__) - helpers:
        assert re.search(rf"\b{name}\b", text), name


def test_the_links_between_documents_lead_somewhere() -> None:
    for name, text in DOCUMENTS.items():
        pictures = re.findall(r"^\.\. (?:image|figure):: (\S+)", text, re.MULTILINE)
        for target in [*re.findall(r"<([^<>:#\s]+)(?:#\w+)?>`_", text), *pictures]:
            assert (ROOT / name).parent.joinpath(target).is_file(), (name, target)


def test_the_files_that_documents_name_exist() -> None:
    for name, text in DOCUMENTS.items():
        for path in re.findall(r"``((?:examples|tests|docs|fuzz)/[\w/.]+)``", text):
            assert (ROOT / path).exists(), (name, path)


@pytest.mark.parametrize("name", sorted(DOCUMENTS.keys() - SPHINX_PAGES))
def test_the_markup_is_valid(name: str) -> None:
    core = pytest.importorskip("docutils.core", reason="docutils is in the extra dev")
    settings = {"report_level": 1, "halt_level": 1, "syntax_highlight": "none"}
    core.publish_string(DOCUMENTS[name], writer="html5", settings_overrides=settings)
