"""The programs in examples/ run, and print what they should."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from chatgpt4online.server import LocalSite

from .commands import COMMAND
from .loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    live,
    stall,
)

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples"
PLUGINS = ["-p", "no:cacheprovider", "-p", "chatgpt4online.testing.plugin"]
PYTHON = [sys.executable, "-X", "utf8", "-W", "error"]


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite() as site:
        yield site


def environment(site: str) -> dict[str, str]:
    return {**os.environ, "CHATGPT4ONLINE_SITE": site, "PYTHONPATH": str(ROOT)}


def run(
    name: str,
    *arguments: str,
    site: str,
    folder: Path,
    typed: str = "",
    more: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PYTHON, str(FOLDER / name), *arguments],
        input=typed,
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=folder,
        env={**environment(site), **(more or {})},
        timeout=60,
    )


def printed(name: str, *arguments: str, site: str, folder: Path, typed: str = "") -> str:
    """Return what an example prints; it must end well and say nothing on stderr."""
    done = run(name, *arguments, site=site, folder=folder, typed=typed)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_ask(site: LocalSite, tmp_path: Path) -> None:
    reply = printed("ask.py", "Hello", "there", site=site.url, folder=tmp_path)
    assert reply == "You said: Hello there (2 words)\n"
    refused = run("ask.py", "x" * 600, site=site.url, folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("No reply: The message has 600 characters")


def test_stream(site: LocalSite, tmp_path: Path) -> None:
    done = run("stream.py", "Hello there", site=site.url, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, "You said: Hello there (2 words)\n")
    assert done.stderr == "[status] Starting stream...\n"


def test_conversation(site: LocalSite, tmp_path: Path) -> None:
    first = printed("conversation.py", "I am Ann.", site=site.url, folder=tmp_path)
    assert first == "You said: I am Ann. (3 words)\n(2 messages in conversation.json)\n"
    second = printed("conversation.py", "Who am I?", site=site.url, folder=tmp_path)
    assert second == (
        "You said: Who am I? (3 words, message 3 of this conversation)\n"
        "(4 messages in conversation.json)\n"
    )


def test_files(site: LocalSite, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"Nine letters")
    done = run("files.py", "notes.txt", site=site.url, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "12 of 12 bytes\n")
    assert done.stdout == "You said: What is this? (3 words)\nYou said: Who is it for? (4 words)\n"


def test_batch(site: LocalSite, tmp_path: Path) -> None:
    (tmp_path / "questions.txt").write_text("Hello there\nGrüße\n", encoding="utf-8")
    first, second = printed(
        "batch.py", "questions.txt", site=site.url, folder=tmp_path
    ).splitlines()
    assert first.startswith('{"question": "Hello there", ')
    assert '"reply": "You said: Hello there (2 words)"' in first
    assert '"reply": "You said: Grüße (1 word)"' in second


def test_dask_bag(site: LocalSite, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    assert printed("dask_bag.py", site=site.url, folder=tmp_path).splitlines() == [
        f"What is {n} times {n}? -> You said: What is {n} times {n}? (5 words)" for n in range(1, 9)
    ]


def test_chat_room(site: LocalSite, tmp_path: Path) -> None:
    typed = "ann: Hello\nbob: Hi\nann: It is me\nbob:\nbob: Me too\n"
    lines = printed("chat_room.py", site=site.url, folder=tmp_path, typed=typed).splitlines()
    assert lines[:3] == [
        "bot to ann: You said: Hello (1 word)",
        "bot to bob: You said: Hi (1 word)",
        "bot to ann: You said: It is me (3 words, message 3 of this conversation)",
    ]
    assert lines[3].startswith("bot to bob: Sorry, ")
    assert lines[4] == "bot to bob: You said: Me too (2 words, message 3 of this conversation)"


def test_own_site(tmp_path: Path) -> None:
    with started([*PYTHON, str(FOLDER / "own_site.py")], "", tmp_path) as process:
        assert process.stdout is not None and process.stdin is not None
        address = process.stdout.readline().removeprefix("export CHATGPT4ONLINE_SITE=").strip()
        reply = printed("ask.py", "Hello there", site=address, folder=tmp_path)
        assert reply == "You shouted: HELLO THERE\n"
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(WAIT_LIMIT) == 0


@pytest.mark.parametrize("name", ["fastapi_service:app", "django_view:application"])
def test_a_web_service(name: str, site: LocalSite, tmp_path: Path) -> None:
    command = [*PYTHON, "-m", "uvicorn", "--app-dir", str(FOLDER), "--port", "0", name]
    with started(command, site.url, tmp_path) as process:
        address = first_address(process)
        assert fetch(f"{address}/ask?question=Hello+there") == (
            200, "You said: Hello there (2 words)",
        )  # fmt: skip
        status, text = fetch(f"{address}/ask?question={'x' * 600}")
        assert (status, "The message has 600 characters" in text) == (400, True)
        process.terminate()
        assert process.stdout is not None
        assert "Traceback" not in process.stdout.read()


@pytest.mark.parametrize("name", ["fastapi_service:app", "django_view:application"])
def test_a_visitor_who_leaves(name: str, tmp_path: Path) -> None:
    """The connection to the site is closed, although the site is silent."""
    closed = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        stall(CHUNKED + chunk(live("Hello")))(connection, request)
        closed.set()

    command = [*PYTHON, "-m", "uvicorn", "--app-dir", str(FOLDER), "--port", "0", name]
    with (
        LoopbackServer(ai_site(submit)) as server,
        started(command, server.url, tmp_path) as process,
        urllib.request.urlopen(
            f"{first_address(process)}/ask?question=Hi", timeout=WAIT_LIMIT
        ) as answer,
    ):
        assert answer.read(5) == b"Hello"
        answer.close()
        assert closed.wait(WAIT_LIMIT)


def test_openai_client(site: LocalSite, tmp_path: Path) -> None:
    with started([*COMMAND, "serve", "--port", "0", "--site", site.url], "", tmp_path) as process:
        address = first_address(process)
        more = {"OPENAI_BASE_URL": f"{address}/v1", "OPENAI_API_KEY": "none"}
        done = run("openai_client.py", "Hello there", site="", folder=tmp_path, more=more)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "You said: Hello there (2 words)\n"


def test_the_tests_of_a_bot_pass(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PYTHON, "-m", "pytest", "-q", *PLUGINS, str(FOLDER / "test_bot.py")],
        capture_output=True,
        encoding="utf-8",
        check=False,
        cwd=tmp_path,
        env=environment(""),
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "3 passed" in done.stdout


def test_the_list_names_every_example() -> None:
    listed = re.findall(r"^- `(\w+\.py) <", (FOLDER / "README.rst").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.py"))


@contextmanager
def started(command: list[str], site: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that runs until the end of the block; its stdout has its stderr, too."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        cwd=folder,
        env={**environment(site), "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_address(process: subprocess.Popen[str]) -> str:
    """Wait until a program says at which address it serves."""
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError("".join(said))


def fetch(url: str) -> tuple[int, str]:
    """Return the status and the text of a page."""
    try:
        with urllib.request.urlopen(url, timeout=WAIT_LIMIT) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
