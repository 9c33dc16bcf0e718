"""``chatgpt4online batch``: how it stops, and how it goes on."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from chatgpt4online import Message
from chatgpt4online.cli.batching.files import BatchFiles
from chatgpt4online.server import LocalSite
from chatgpt4online.server.bots import offline_bot

from ...commands import COMMAND, heed_ctrl_c
from ...loopback import (
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
from .batching import Batch, prompts_of

INTERRUPTED = "Interrupted"


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


def test_a_tail_that_a_power_failure_has_left(files: Batch, site: LocalSite) -> None:
    files.input.write_text("One\n")
    assert files.run(site.url) == 0
    files.output.write_bytes(files.output.read_bytes() + b"\0" * 50)
    files.input.write_text("One\nTwo\n")
    assert files.run(site.url, "--resume") == 0
    assert files.outcomes() == {1: "replied", 2: "replied"}


def test_a_last_line_whose_end_an_editor_has_removed(files: Batch, site: LocalSite) -> None:
    files.input.write_text("One\nTwo\n")
    assert files.run(site.url, "--ordered") == 0
    files.output.write_bytes(files.output.read_bytes().rstrip(b"\n"))
    files.input.write_text("One\nTwo\nThree\n")
    assert files.run(site.url, "--resume") == 0
    assert files.outcomes() == {1: "replied", 2: "replied", 3: "replied"}
    assert prompts_of(site) == ["One", "Three", "Two"]


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
    assert "25 questions in a row have got no reply. Go on with --retry-failed.\n" in said
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
    assert "in a row have got no reply. Go on with --retry-unknown, which may charge twice.\n" in (
        capsys.readouterr().err
    )
    assert set(files.outcomes().values()) == {"unknown"}


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
        read_until(process, b"Waiting for 2 replies. Press Ctrl-C again to give up.")
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
