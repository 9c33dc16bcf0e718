"""`chatgpt4online check`: what goes wrong, and what a terminal shows."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ...commands import COMMAND, heed_ctrl_c
from ...loopback import (
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    stall,
)
from .checking import HOURS, shop, write


def test_an_error_of_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write(
        tmp_path,
        f"""
    [[case]]
    name = "long"
    prompt = "{"x" * 30}"
    [[case.then]]
    prompt = "And then?"
    [[case]]
    name = "short"
    prompt = "Hi"
    """,
    )
    with LocalSite(max_length=20) as site:
        assert main(["check", "--site", site.url, cases]) == 1
        assert [submission["newMessage"] for submission in site.app.submissions] == ["Hi"]
    out = capsys.readouterr().out
    assert re.search(r"FAILED  long   0 of 1\n        The site rejected .*\npassed", out)


def test_a_site_that_is_not_there(
    dead_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{dead_port}"
    assert main(["check", "--site", url, write(tmp_path, HOURS)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"chatgpt4online: Could not connect to {url}")
    assert "hours" not in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--site", "http://ann:secret@127.0.0.1:9"], "must not contain a user name or password"),
        (["--site", "http://127.0.0.1:9", "--against", "shop"], "no site 'shop'"),
        (["--demo", "--repeat", "0"], "--repeat"),
        (["--demo", "--html", "nowhere/report.html"], "There is no folder nowhere."),
        (["--demo", "--junit", "nowhere/report.xml"], "There is no folder nowhere."),
        (["--demo", "--html", "."], "is a directory"),
        (["--demo", "-k", "no such case"], "No case has"),
    ],
)
def test_mistakes(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments, write(tmp_path, HOURS)]) == 2
    out, err = capsys.readouterr()
    assert complaint in err
    assert "secret" not in out + err


def test_a_mistake_in_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--demo", write(tmp_path, HOURS + "regex = '('")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "cases.toml, case 'hours': regex is not a valid regular expression" in err


def test_a_report_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalSite(bot=shop()) as site:
        arguments = ["--site", site.url, "--junit", "/dev/full"]
        assert main(["check", *arguments, write(tmp_path, HOURS)]) == 1
    out, err = capsys.readouterr()
    assert "1 case passed." in out
    assert err == "chatgpt4online: Cannot write /dev/full: No space left on device.\n"


def test_ctrl_c(tmp_path: Path) -> None:
    arrived = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        arrived.set()
        stall()(connection, request)

    with (
        LoopbackServer(ai_site(submit)) as server,
        subprocess.Popen(
            [*COMMAND, "check", "--site", server.url, "--repeat", "9", write(tmp_path, HOURS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=heed_ctrl_c,
        ) as process,
    ):
        assert arrived.wait(WAIT_LIMIT)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_LIMIT)
        assert process.returncode == 130
    assert out.startswith(b"Checking 127.0.0.1")
    assert err == b"chatgpt4online: Interrupted.\n"


def test_a_full_disk_ends_the_check(tmp_path: Path) -> None:
    with LocalSite(bot=shop()) as site, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "check", "--site", site.url, write(tmp_path, HOURS)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "chatgpt4online: The output cannot be written: No space left on device.\n"
    )


def test_on_a_terminal(tmp_path: Path) -> None:
    """The status is in colour, and escape sequences of a reply have no effect."""

    def hostile(messages: Sequence[Message]) -> Iterator[str]:
        yield "\x1b]0;title\x07[bold]markup[/bold]"

    parent, child = pty.openpty()
    with LocalSite(bot=hostile) as site:
        done = subprocess.run(
            [*COMMAND, "check", "--site", site.url, write(tmp_path, HOURS)],
            stdout=child,
            check=False,
            timeout=60,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "NO_COLOR": ""},
        )
    os.close(child)
    shown = os.read(parent, 65536)
    os.close(parent)
    assert done.returncode == 1
    assert b"\x1b[1;31mFAILED\x1b[0m  hours" in shown
    assert "> ␛]0;title␇[bold]markup[/bold]".encode() in shown
    assert b"\x1b]" not in shown
