"""The cells of docs/notebooks.rst, in an IPython shell of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from chatgpt4online import Message
from chatgpt4online.server import LocalSite, offline_bot

from .commands import heed_ctrl_c
from .loopback import WAIT_LIMIT

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "notebooks.rst").read_text(encoding="utf-8")
CELLS = [
    textwrap.dedent(block)
    for block in re.findall(r"\.\. code-block:: ipython\n\n((?:    .*\n|\n)+)", PAGE)
]
SHELL = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

shell = InteractiveShell.instance()
for line in sys.stdin:
    with shell.display_trap, capture_output() as captured:
        done = shell.run_cell(json.loads(line), store_history=False)
    error = done.error_before_exec or done.error_in_exec
    shown = [output.data for output in captured.outputs]
    answer = {"printed": captured.stdout, "shown": shown, "error": type(error).__name__}
    print(json.dumps(answer), flush=True)
"""


class Notebook:
    """A shell that runs cells."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, cell: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(cell) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        """Return what the cell has printed and shown, and the name of its error."""
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def run(self, cell: str) -> dict[str, Any]:
        """Run a cell that has no error."""
        self.start(cell)
        answer = self.finish()
        assert answer["error"] == "NoneType", answer
        return answer

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)


@contextmanager
def notebook(folder: Path) -> Iterator[Notebook]:
    with subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", SHELL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder)},
        preexec_fn=heed_ctrl_c,
    ) as process:
        try:
            yield Notebook(process)
        finally:
            process.kill()


def cells_for(site: LocalSite) -> list[str]:
    return [cell.replace("https://example.com", site.url) for cell in CELLS]


def markdown(answer: dict[str, Any]) -> list[str]:
    return [data["text/markdown"] for data in answer["shown"]]


def test_the_cells(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="the extra dask is not installed")
    with LocalSite() as site, notebook(tmp_path) as cells:
        answers = [cells.run(cell) for cell in cells_for(site)]
        ask, name, again, gather, stream, async_stream, many, table, missing, close = answers
    assert markdown(ask) == ["You said: What is AI Engine? (4 words)"]
    assert markdown(name) == ["You said: My name is Ann. (4 words)"]
    assert markdown(again) == [
        "You said: What is my name? (4 words, message 3 of this conversation)"
    ]
    assert gather["printed"].splitlines() == [
        "You said: What is PHP? (3 words)",
        "You said: What is CSS? (3 words)",
    ]
    for answer, topic in ((stream, "WordPress"), (async_stream, "plugins")):
        first, *updates = markdown(answer)
        assert first == ""
        assert len(updates) == len(updates[-1].split()) == 8
        assert updates[-1] == f"You said: Tell me about **{topic}** (4 words)"
    assert many["shown"][-1]["text/html"].count("6") >= 2
    assert "You said: What is 5? (3 words)" in table["shown"][0]["text/html"]
    assert (missing["error"], close["shown"]) == ("NoneType", [])


def test_interrupting_a_batch(tmp_path: Path) -> None:
    """The results that are there stay, and the others are asked for afterwards."""
    third, release = Event(), Event()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        if messages[-1].content == "What is 2?":
            third.set()
            assert release.wait(WAIT_LIMIT)
        yield from offline_bot(messages)

    with LocalSite(bot=bot) as site, notebook(tmp_path) as cells:
        first, *_, many, _, missing, _ = cells_for(site)
        cells.run(first)
        cells.start(many.replace("batch(client, rows)", "batch(client, rows, concurrency=1)"))
        assert third.wait(WAIT_LIMIT)
        cells.interrupt()
        release.set()
        assert cells.finish()["error"] == "KeyboardInterrupt"
        cells.run(missing)
        assert cells.run("print(*(result.row['id'] for result in results))")["printed"] == (
            "0 1 2 3 4 5\n"
        )
        assert markdown(cells.run("client.generate('Again')")) == ["You said: Again (1 word)"]
