"""The commands that docs/batch.rst shows, in its order and in a terminal."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from threading import Event

import pytest

from chatgpt4online import Message
from chatgpt4online.server import offline_bot

from ..commands import TerminalProcess
from ..loopback import (
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    end,
    live,
    reply_with,
)

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "batch.rst").read_text(encoding="utf-8")
CTRL_C = "^C"


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"\.\. code-block:: {kind}\n\n((?:    .*\n|\n)+)", PAGE)
    return [textwrap.dedent(block).strip("\n") for block in found]


class PatientSite:
    """A site that repeats prompts, and holds back the replies to some of them.

    Attributes:
        asked: How often each prompt has come.
    """

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.hold()

    def hold(self, *prompts: str) -> None:
        """Hold back the replies to these prompts from now on."""
        self._held = {prompt: Event() for prompt in prompts}
        self._arrived = {prompt: Event() for prompt in prompts}

    def wait_for(self, prompt: str) -> None:
        assert self._arrived[prompt].wait(WAIT_LIMIT), prompt

    def release(self, prompt: str) -> None:
        self._held[prompt].set()

    def submit(self, connection: Connection, request: Received) -> None:
        prompt = request.json["newMessage"]
        self.asked[prompt] += 1
        if prompt in self._held:
            self._arrived[prompt].set()
            assert self._held[prompt].wait(WAIT_LIMIT)
        reply = "".join(offline_bot([Message("user", prompt)]))
        reply_with(live(reply), end(reply))(connection, request)


def interrupt(terminal: TerminalProcess, site: PatientSite, total: int, presses: int) -> None:
    """Press Ctrl-C after two replies, as the page says."""
    for done, prompt in enumerate(("What is PHP?", "What is AI?"), 1):
        site.release(prompt)
        terminal.expect(f" {done}/{total} ")
    on_their_way = ("What is CSS?", "What is SQL?")
    for prompt in on_their_way:
        site.wait_for(prompt)
    terminal.type("\x03")
    terminal.expect("Waiting for 2 replies.")
    if presses == 2:
        terminal.type("\x03")
        return
    for done, prompt in enumerate(on_their_way, 3):
        site.release(prompt)
        terminal.expect(f" {done}/{total} ")


def run(line: str, presses: int, site: PatientSite) -> str:
    """Return what a line of the page prints."""
    if not line.startswith("chatgpt4online "):
        return subprocess.run(
            ["sh", "-c", line], capture_output=True, encoding="utf-8", check=True, timeout=60
        ).stdout
    _, *arguments = shlex.split(line)
    if presses:
        site.hold(*(f"What is {name}?" for name in ("AI", "PHP", "CSS", "SQL")))
    with TerminalProcess(*arguments, columns=100) as terminal:
        if presses:
            total = len(Path(arguments[1]).read_text(encoding="utf-8").splitlines())
            interrupt(terminal, site, total, presses)
        terminal.end()
        if presses == 2:
            for prompt in ("What is CSS?", "What is SQL?"):
                site.release(prompt)
    site.hold()
    return terminal.text


def without_times(output: str) -> tuple[list[str], list[str]]:
    """Return the lines other than bars, and how far the last bar is."""
    lines = [line.replace(CTRL_C, "").rstrip() for line in output.splitlines()]
    others = [line for line in lines if line and not line.startswith("━")]
    return others, re.findall(r"^━+[╸╺]?━* (\d+/\d+(?: \d \w+)?) ", output, re.MULTILINE)[-1:]


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    site = PatientSite()
    with LoopbackServer(ai_site(site.submit)) as server:
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", server.url)
        for example in "\n".join(blocks("console")).split("$ ")[1:]:
            line, _, shown = example.partition("\n")
            printed = run(line, shown.count(CTRL_C), site)
            assert without_times(printed) == without_times(shown), line
    # In six.jsonl, in again.jsonl, and for two of them by --retry-unknown.
    assert site.asked["What is AI?"] == site.asked["What is SSH?"] == 2
    assert site.asked["What is CSS?"] == site.asked["What is SQL?"] == 3

    (program,) = blocks("python3")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    _, reading = PAGE.split(".. code-block:: python3")
    printed_text = re.search(r"It prints::\n\n((?:    .+\n)+)", reading)
    assert printed_text is not None
    assert done.stdout == textwrap.dedent(printed_text[1])
