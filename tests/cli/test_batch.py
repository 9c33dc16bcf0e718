"""``chatgpt4online batch``: what it reads, writes and goes on with."""

from __future__ import annotations

import json
import os
import pty
import random
import re
import resource
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.cli.batching.files import BatchFiles
from chatgpt4online.server import LocalSite
from chatgpt4online.server.bots import offline_bot

from ..commands import COMMAND, heed_ctrl_c, read_terminal
from ..loopback import (
    CHUNKED,
    HELLO,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    live,
    response,
    send,
    sequence,
)

INTERRUPTED = "Interrupted"


class Batch:
    """The files of a batch, and the command on them."""

    def __init__(self, folder: Path) -> None:
        self.input = folder / "prompts.txt"
        self.output = folder / "replies.jsonl"
        self.side = folder / "replies.jsonl.started"

    def arguments(self, url: str, *options: str) -> list[str]:
        return ["batch", str(self.input), "-o", str(self.output), "--site", url, *options]

    def run(self, url: str, *options: str) -> int:
        return main(self.arguments(url, *options))

    def rows(self) -> list[dict[str, Any]]:
        lines = self.output.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def outcomes(self) -> dict[int, str]:
        rows = self.rows()
        assert len({row["row"] for row in rows}) == len(rows)
        return {row["row"]: row["outcome"] for row in sorted(rows, key=lambda row: row["row"])}


@pytest.fixture
def files(tmp_path: Path) -> Batch:
    return Batch(tmp_path)


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite() as running:
        yield running


def prompts_of(site: LocalSite) -> list[str]:
    return sorted(item["newMessage"] for item in site.app.submissions)


JSON_LINES = """\
"What is one?"
{"prompt": "What is two?", "id": 7, "model": "m2", "label": "x"}

{"prompt": [{"role": "user", "content": "What is three?"}], "id": "c"}
"""
CSV = '\ufeffid,prompt,model\n,What is one?,\n7,"What is two?",Ford\nc,What is three?,\n'


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("p.jsonl", JSON_LINES, [None, 7, "c"]),
        ("p.NDJSON", JSON_LINES.replace("\n", "\r\n"), [None, 7, "c"]),
        ("p.csv", CSV, [None, "7", "c"]),
        ("p.txt", "What is one?\n\nWhat is two?\r\nWhat is three?", [None] * 3),
    ],
)
def test_formats(name: str, text: str, ids: list[Any], files: Batch, site: LocalSite) -> None:
    files.input = files.input.with_name(name)
    files.input.write_bytes(text.encode())
    assert files.run(site.url, "--ordered", "-m", "m1") == 0
    words = ["one", "two", "three"]
    assert [(row["row"], row.get("id"), row["reply"]) for row in files.rows()] == [
        (number, ids[number - 1], f"You said: What is {words[number - 1]}? (3 words)")
        for number in (1, 2, 3)
    ]
    models = {item["newMessage"]: item["model"] for item in site.app.submissions}
    by_row = name.endswith(("jsonl", "NDJSON"))
    assert models["What is two?"] == ("m2" if by_row else "m1")
    assert models["What is one?"] == "m1"


def test_stdin(files: Batch, site: LocalSite) -> None:
    command = [*COMMAND, "batch", "-", "--format", "jsonl", "-o", str(files.output)]
    done = subprocess.run(
        [*command, "--site", site.url],
        input='"Как дела?"\n'.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    summary = b"chatgpt4online: 1 question: 1 replied.\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", summary)
    assert files.rows()[0]["reply"] == "You said: Как дела? (2 words)"
    assert "Как" in files.output.read_text(encoding="utf-8")


def test_the_format_of_stdin_is_not_guessed(
    files: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input = Path("-")
    assert files.run("http://127.0.0.1:1") == 2
    complaint = "Say what stdin has: --format jsonl, --format csv or --format lines.\n"
    assert capsys.readouterr().err == f"chatgpt4online: {complaint}"


def test_lines_can_be_sent_as_they_are(files: Batch, site: LocalSite) -> None:
    files.input.write_text("[One]\n{Two}\n")
    assert files.run(site.url, "--format", "lines") == 0
    assert prompts_of(site) == ["[One]", "{Two}"]


def test_failed_rows_keep_their_error(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input = files.input.with_suffix(".jsonl")
    lines = [b'"One"', b"{", b'{"question": "Two"}', b'"caf\xe9"', b'{"prompt": " ", "id": "e"}']
    files.input.write_bytes(b"\n".join([*lines, b'"Six"']))
    assert files.run(site.url, "--ordered") == 1
    summary = "6 questions: 2 replied, 4 failed."
    assert capsys.readouterr().err == (
        f"chatgpt4online: {summary}\nchatgpt4online: The last error: The prompt is empty.\n"
    )
    one, *failed, six = files.rows()
    assert (one["outcome"], six["outcome"]) == ("replied", "replied")
    messages = [
        "The row is not valid JSON.",
        "The row is neither a string nor an object with prompt.",
        "The row is not UTF-8.",
        "The prompt is empty.",
    ]
    for number, (row, message) in enumerate(zip(failed, messages, strict=True), 2):
        assert (row["row"], row["outcome"]) == (number, "failed")
        assert row["error"] == {"type": "UsageError", "message": message}
    assert failed[-1]["id"] == "e"
    assert prompts_of(site) == ["One", "Six"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("p.csv", b"question\nHi\n", "names no column prompt"),
        ("p.csv", b"prompt\n" + b"x" * 200_000, "broken after line 1: field larger than"),
        ("missing.txt", None, "No such file"),
        ("p.json", b'["One"]', "p.json has: --format jsonl, --format csv or --format lines"),
        ("p.tsv", b"prompt\tid\nHi\t7\n", "p.tsv has: --format"),
        ("p.txt", b' \n {"prompt": "Hi"}\n', "looks like JSON. Pass --format jsonl, or"),
        ("p", b'["One"]', "looks like JSON"),
        ("p", b"\x7fELF\x02\xff\0\n", "is not text. Pass --format lines"),
    ],
)
def test_inputs_that_cannot_be_read(
    name: str,
    content: bytes | None,
    complaint: str,
    files: Batch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files.input = files.input.with_name(name)
    if content is not None:
        files.input.write_bytes(content)
    assert files.run("http://127.0.0.1:1") == 2
    assert complaint in capsys.readouterr().err
    assert not files.output.exists()
    assert not files.side.exists()


def test_an_output_is_not_overwritten(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\n")
    files.output.write_text("mine\n")
    assert files.run(site.url) == 2
    assert f"{files.output} exists. Go on with it (--resume)" in capsys.readouterr().err
    assert files.run(site.url, "--resume") == 2
    assert f"{files.side} is empty" in capsys.readouterr().err
    files.side.write_text("1 0badcafe\n")
    assert files.run(site.url, "--resume") == 2
    assert f"{files.output}, line 1, is not what this command" in capsys.readouterr().err
    files.side.write_text("mine\n")
    assert files.run(site.url, "--resume") == 2
    assert f"{files.side} is not what this command has written" in capsys.readouterr().err
    files.output.unlink()
    assert files.run(site.url) == 2
    assert f"{files.side} exists" in capsys.readouterr().err
    assert not files.output.exists()
    assert not site.app.submissions


@pytest.mark.parametrize(
    ("output", "complaint"),
    [
        ("missing/replies.jsonl", "missing/replies.jsonl: No such file"),
        (".", "is a directory"),
        ("-", "The replies need a file, because resuming reads it."),
        ("/dev/null", "The replies need a file"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--resume"]])
def test_outputs_that_cannot_be(
    output: str,
    complaint: str,
    options: list[str],
    files: Batch,
    site: LocalSite,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(files.input.parent)
    files.input.write_text("One\n")
    arguments = ["batch", str(files.input), "-o", output, "--site", site.url]
    assert main([*arguments, *options]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert "Go on" not in said
    assert not site.app.submissions
    assert [path.name for path in files.input.parent.iterdir()] == [files.input.name]


def test_resuming_sends_what_is_new(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\nTwo\n")
    assert files.run(site.url, "--resume") == 0  # there is nothing yet
    files.input.write_text("One\nTwo\nThree\n")
    assert files.run(site.url, "--resume", "--ordered") == 0
    assert prompts_of(site) == ["One", "Three", "Two"]
    assert files.outcomes() == {1: "replied", 2: "replied", 3: "replied"}
    assert capsys.readouterr().err.endswith("3 questions: 3 replied.\n")


def test_another_input_is_refused(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\nTwo\n")
    assert files.run(site.url) == 0
    files.input.write_text("One\nToo\nThree\n")
    assert files.run(site.url, "--resume") == 2
    assert "Row 2 of the input is not the row that was sent" in capsys.readouterr().err
    assert prompts_of(site) == ["One", "Two"]


def test_lines_that_were_cut_off(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input = files.input.with_suffix(".jsonl")
    files.input.write_text('"One"\n{"prompt": "Two", "id": 2}\n"Three"\n"Four"\n')
    assert files.run(site.url, "--ordered") == 0
    one, two, *_ = files.output.read_bytes().splitlines(keepends=True)
    files.output.write_bytes(one + two[:-30])
    files.side.write_bytes(b"".join(files.side.read_bytes().splitlines(keepends=True)[:3])[:-4])
    assert files.run(site.url, "--resume") == 1
    assert files.outcomes() == {1: "replied", 2: "unknown", 3: "replied", 4: "replied"}
    (unknown,) = (row for row in files.rows() if row["row"] == 2)
    assert (unknown["id"], unknown["error"]["type"]) == (2, INTERRUPTED)
    assert "4 questions: 3 replied, 1 unknown." in capsys.readouterr().err


def test_a_first_line_that_was_cut_off(files: Batch, site: LocalSite) -> None:
    """A row is sent once its line in the side file is complete."""
    files.input.write_text("One\n")
    files.output.write_text('{"row": 1')
    files.side.write_text("1 0bad")
    assert files.run(site.url, "--resume") == 0
    assert files.outcomes() == {1: "replied"}


def test_asking_again(files: Batch) -> None:
    files.input.write_text("One\nTwo\nThree\n")
    busy = send(response("", 503, "Retry-After: 0"))
    submit = sequence(busy, cut(CHUNKED + chunk(live("Hel"))), HELLO)
    with LoopbackServer(ai_site(submit)) as server:
        assert files.run(server.url, "-n", "1", "--retries", "0") == 1
        assert files.outcomes() == {1: "failed", 2: "unknown", 3: "replied"}
        assert files.rows()[1]["error"]["partial_text"] == "Hel"
        assert files.run(server.url, "--resume") == 1
        assert len(server.prompts) == 3
        assert files.run(server.url, "--retry-failed") == 1
        assert files.outcomes() == {1: "replied", 2: "unknown", 3: "replied"}
        assert files.run(server.url, "--retry-unknown", "--ordered") == 0
        assert [row["row"] for row in files.rows()] == [1, 2, 3]
        prompts = [request.json["newMessage"] for request in server.prompts]
    assert prompts == ["One", "Two", "Three", "One", "Two"]


def test_a_row_in_flight_can_be_asked_again(files: Batch, site: LocalSite) -> None:
    files.input.write_text("One\nTwo\n")
    assert files.run(site.url) == 0
    files.output.write_bytes(b"")
    assert files.run(site.url, "--retry-unknown") == 0
    assert prompts_of(site) == ["One", "One", "Two", "Two"]
    assert files.outcomes() == {1: "replied", 2: "replied"}


def test_retries(files: Batch) -> None:
    files.input.write_text("One\n")
    busy = send(response("", 503, "Retry-After: 0"))
    with LoopbackServer(ai_site(sequence(busy, HELLO))) as server:
        assert files.run(server.url, "--retries", "1") == 0
        assert len(server.prompts) == 2


def test_it_stops_if_nothing_gets_through(
    files: Batch, dead_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\n" * 60)
    assert files.run(f"http://127.0.0.1:{dead_port}", "--retries", "0") == 1
    said = capsys.readouterr().err
    assert "25 questions on end have got no reply. Go on with --retry-failed.\n" in said
    assert "\nchatgpt4online: The last error: Could not connect" in said
    outcomes = files.outcomes()
    assert 25 <= len(outcomes) < 60
    assert set(outcomes.values()) == {"failed"}


def test_it_stops_if_the_outcomes_are_unknown(
    files: Batch, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\n" * 60)
    with LoopbackServer(ai_site(cut(CHUNKED + chunk(live("Hel"))))) as server:
        assert files.run(server.url) == 1
    assert "on end have got no reply. Go on with --retry-unknown, which may charge twice.\n" in (
        capsys.readouterr().err
    )
    assert set(files.outcomes().values()) == {"unknown"}


def test_the_last_error_of_a_few_rows(
    files: Batch, dead_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\nTwo\n")
    assert files.run(f"http://127.0.0.1:{dead_port}", "--retries", "0") == 1
    said = capsys.readouterr().err
    assert said.startswith(
        "chatgpt4online: 2 questions: 0 replied, 2 failed.\n"
        f"chatgpt4online: The last error: Could not connect to http://127.0.0.1:{dead_port}"
    )


def test_one_process_at_a_time(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\n")
    with BatchFiles(str(files.output), resume=False):
        assert files.run(site.url, "--resume") == 2
    assert "Another process is at work on this batch" in capsys.readouterr().err
    assert files.run(site.url, "--resume") == 0


def test_a_full_disk(files: Batch, site: LocalSite) -> None:
    files.input.write_text("".join(f"Prompt {number}\n" for number in range(40)))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    done = subprocess.run(
        [*COMMAND, *files.arguments(site.url)],
        capture_output=True,
        preexec_fn=limit,
        check=False,
        timeout=60,
    )
    message = f"chatgpt4online: Cannot write {files.output}: File too large.\n"
    assert (done.returncode, done.stderr.decode()) == (1, message)
    files.run(site.url, "--resume")
    assert list(files.outcomes()) == list(range(1, 41))
    assert len(site.app.submissions) <= 40
    assert max(Counter(prompts_of(site)).values()) == 1


def test_kill_and_resume(files: Batch) -> None:
    """The site has the process killed while it replies to a prompt, three times."""
    count = 60
    files.input.write_text("".join(f"Prompt {number}\n" for number in range(1, count + 1)))
    asked: Counter[str] = Counter()
    kill: dict[int, Callable[[], None]] = {}

    async def bot(messages: Sequence[Message]) -> Iterable[str]:  # prompts are counted one by one
        asked[messages[-1].content] += 1
        kill.pop(asked.total(), lambda: None)()
        return offline_bot(messages)

    with LocalSite(bot=bot) as site:
        command = [*COMMAND, *files.arguments(site.url, "-n", "4", "--resume")]
        for low, high in ((1, 10), (20, 30), (35, 45)):
            point = random.randint(low, high)
            ready = threading.Event()
            processes: list[subprocess.Popen[bytes]] = []

            def shoot(
                ready: threading.Event = ready,
                processes: list[subprocess.Popen[bytes]] = processes,
            ) -> None:
                assert ready.wait(WAIT_LIMIT)
                processes[0].kill()

            kill[point] = shoot
            with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
                processes.append(process)
                ready.set()
                assert process.wait(WAIT_LIMIT) == -signal.SIGKILL
        assert subprocess.run(command, check=False, timeout=60).returncode == 1
    assert list(files.outcomes()) == list(range(1, count + 1))
    assert set(asked.values()) == {1}
    for row in files.rows():
        prompt = f"Prompt {row['row']}"
        if row["outcome"] == "replied":
            assert asked[prompt] == 1
            assert row["reply"] == f"You said: {prompt} (2 words)"
        else:
            assert (row["outcome"], row["error"]["type"]) == ("unknown", INTERRUPTED)
    unknown = Counter(row["outcome"] for row in files.rows())["unknown"]
    assert 3 <= unknown <= 3 * 4  # the prompt at which it was killed, and those beside it


def start(files: Batch, url: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *files.arguments(url, *options)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_ctrl_c,
    )


def read_until(process: subprocess.Popen[bytes], text: bytes) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError("it has ended")


@pytest.mark.parametrize("twice", [False, True])
def test_ctrl_c(twice: bool, files: Batch) -> None:
    """It waits for the replies on their way, but not if it is pressed again."""
    files.input.write_text("One\nTwo\nThree\n")
    both, release = threading.Barrier(3), threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        both.wait(WAIT_LIMIT)
        assert release.wait(WAIT_LIMIT)
        HELLO(connection, request)

    with LoopbackServer(ai_site(submit)) as server, start(files, server.url) as process:
        both.wait(WAIT_LIMIT)
        process.send_signal(signal.SIGINT)
        read_until(process, b"Waiting for 2 replies. Press Ctrl-C again to give them up.")
        if twice:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_LIMIT)
        release.set()
        assert process.wait(WAIT_LIMIT) == (-signal.SIGINT if twice else 130)  # shells say 130
        assert process.stderr is not None
        said = process.stderr.read()
        assert len(server.prompts) == 2
    if twice:
        assert (said, files.rows()) == (b"", [])
    else:
        assert b"Interrupted. Go on with --resume.\n" in said
        assert files.outcomes() == {1: "replied", 2: "replied"}
    with LoopbackServer(ai_site(HELLO)) as server:
        assert files.run(server.url, "--resume") == int(twice)
        assert [request.json["newMessage"] for request in server.prompts] == ["Three"]
    outcome = "unknown" if twice else "replied"
    assert files.outcomes() == {1: outcome, 2: outcome, 3: "replied"}


def test_ctrl_c_while_nothing_is_on_its_way(files: Batch, site: LocalSite) -> None:
    files.input = Path("-")
    with start(files, site.url, "-n", "1", "--format", "lines") as process:
        assert process.stdin is not None
        process.stdin.write(b"One\nTwo\n")
        process.stdin.flush()
        while not (files.output.exists() and len(files.output.read_bytes().splitlines()) == 2):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_LIMIT) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"chatgpt4online: Interrupted.\n"


def test_progress_on_a_terminal(files: Batch, site: LocalSite) -> None:
    files.input.write_text("One\nTwo\n \nThree\n{}\n" + "x" * 600)
    parent, child = pty.openpty()
    done = subprocess.run(
        [*COMMAND, *files.arguments(site.url)],
        stderr=child,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        check=False,
        timeout=60,
    )
    os.close(child)
    shown = read_terminal(parent)
    assert done.returncode == 1
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "5/5" in text
    assert "1 failed" in text
    assert "5 questions: 4 replied, 1 failed." in text
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")  # the cursor is back


@pytest.mark.parametrize("line", ["batch q", "batch -o r"])
def test_files_are_completed(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CHATGPT4ONLINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"chatgpt4online {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(line.split())))
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("file,")
