"""``ask``."""

from __future__ import annotations

import io
import json
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ..commands import COMMAND, Terminal, heed_ctrl_c
from ..loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    live,
)


def test_ask(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "Привет! Как дела?"]) == 0
    assert capsys.readouterr() == ("You said: Привет! Как дела? (3 words)\n", "")
    assert site.app.submissions[0]["stream"] is True


def test_demo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert main(["ask", "--demo", "Hi"]) == 0
    out, err = capsys.readouterr()
    assert out == "You said: Hi (1 word)\n"
    assert re.fullmatch(r"chatgpt4online: Asking the demo site at http://[0-9.:]+\.\n", err)


def test_no_stream(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "--no-stream", "--bot", "b1", "Hi"]) == 0
    assert capsys.readouterr().out == "You said: Hi (1 word)\n"
    assert site.app.submissions[0]["stream"] is False
    assert site.app.submissions[0]["botId"] == "b1"


def test_json(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "--json", "Привет"]) == 0
    out = capsys.readouterr().out
    assert "Привет" in out
    reply = json.loads(out)
    assert reply["text"] == "You said: Привет (1 word)"
    assert reply["usage"]["completion_tokens"] == 5
    assert set(reply) == {
        "text", "images", "actions", "shortcuts", "blocks", "usage", "response_id", "chat_id",
    }  # fmt: skip


@pytest.mark.parametrize("tty", [True, False])
def test_prompt_from_stdin(
    tty: bool,
    site: LocalSite,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    monkeypatch.setattr("sys.stdin", (Terminal if tty else io.StringIO)("\nHi\nthere\n"))
    assert main(["ask"]) == 0
    out, err = capsys.readouterr()
    assert out == "You said: Hi there (2 words)\n".replace("Hi there", "Hi\nthere")
    assert err == ("chatgpt4online: Type your question, then press Ctrl-D.\n" if tty else "")


def ask_demo(*arguments: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, "ask", "--demo", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("dash", [["-"], []])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf_8_from_stdin(dash: list[str], mark: bytes) -> None:
    result = ask_demo(*dash, stdin=mark + "Привет\n".encode())
    assert (result.returncode, result.stdout.decode()) == (0, "You said: Привет (1 word)\n")


@pytest.mark.parametrize("question", [b"caf\xe9", "Hi".encode("utf-16")])
def test_a_question_that_is_not_utf_8(question: bytes) -> None:
    complaint = b"chatgpt4online: The question is not UTF-8.\n"
    for result in (ask_demo(stdin=question), ask_demo(b"caf\xe9")):
        assert (result.returncode, result.stdout, result.stderr) == (2, b"", complaint)


def test_error(dead_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", f"http://127.0.0.1:{dead_port}", "Hi"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"chatgpt4online: Could not connect to http://127.0.0.1:{dead_port}: ")


def test_incomplete_reply(capsys: pytest.CaptureFixture[str]) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hel")) + chunk(live("lo")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server:
        assert main(["ask", "--site", server.url, "Hi"]) == 1
    out, err = capsys.readouterr()
    assert out == "Hello\n"
    assert "ended after 5 characters" in err


def test_ctrl_c(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("chatgpt4online.sync.conversation.Conversation.stream", interrupt)
    assert main(["ask", "--site", "http://127.0.0.1:1", "Hi"]) == 130
    assert capsys.readouterr() == ("", "chatgpt4online: Interrupted.\n")


def test_ctrl_c_in_demo() -> None:
    with subprocess.Popen(
        [*COMMAND, "ask", "--demo", "word " * 80],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(3) == b"You"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=WAIT_LIMIT)
    assert process.returncode == 130
    assert len(err.splitlines()) == 2
    assert err.endswith(b"chatgpt4online: Interrupted.\n")


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        (">&-", 1, "stdout is closed"),
        (">/dev/full", 1, "No space left on device"),
        ("2>&-", 0, ""),
        ("<&-", 0, "Asking the demo site"),
        ("<&- --no-prompt", 2, "No question is given"),
    ],
)
def test_closed_or_full_streams(redirection: str, code: int, message: str) -> None:
    prompt = [] if "--no-prompt" in redirection else ["Hi"]
    command = shlex.join([*COMMAND, "ask", "--demo", *prompt])
    result = subprocess.run(
        ["sh", "-c", f"{command} {redirection.removesuffix(' --no-prompt')}"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == code
    assert message in result.stderr.decode()
    assert b"Traceback" not in result.stderr
    assert result.stdout == (b"" if code else b"You said: Hi (1 word)\n")


def test_filtered_reply_with_image(capsys: pytest.CaptureFixture[str]) -> None:
    def submit(connection: Connection, request: Received) -> None:
        body = live("raw") + end("[filtered]", images=["data:image/png;base64,x"])
        connection.send(CHUNKED + chunk(body) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server:
        assert main(["ask", "--site", server.url, "Hi"]) == 0
        out, err = capsys.readouterr()
        assert out == "raw\n"
        assert "Use --no-stream to print the final text" in err
        assert "Images in the reply: 1. Use --json to print them" in err
        assert main(["ask", "--site", server.url, "--no-stream", "Hi"]) == 0
        assert capsys.readouterr().out == "[filtered]\n"


@pytest.mark.parametrize("flags", [[], ["--no-stream"]])
def test_an_empty_reply(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(end("")) + chunk(b""))

    with LoopbackServer(ai_site(submit)) as server:
        assert main(["ask", "--site", server.url, *flags, "Hi"]) == 0
    assert capsys.readouterr().err == "chatgpt4online: The reply is empty.\n"


def test_ctrl_c_during_reply() -> None:
    disconnected = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED + chunk(live("Hello")))
        connection.wait_closed()
        disconnected.set()

    with (
        LoopbackServer(ai_site(submit)) as server,
        subprocess.Popen(
            [*COMMAND, "ask", "--site", server.url, "Hi"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=heed_ctrl_c,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.read(5) == b"Hello"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_LIMIT)
        assert (out, err) == (b"\n", b"chatgpt4online: Interrupted.\n")
        assert process.returncode == 130
        assert disconnected.wait(WAIT_LIMIT)


def test_broken_pipe() -> None:
    def bot(messages: Sequence[Message]) -> Iterator[str]:
        while not finished.is_set():
            yield "x" * 1000

    finished = threading.Event()
    with (
        LocalSite(bot=bot) as site,
        subprocess.Popen(
            [*COMMAND, "ask", "--site", site.url, "Hi"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"x"
        process.stdout.close()
        assert process.wait(WAIT_LIMIT) == 1
        finished.set()
        assert process.stderr.read() == b""
