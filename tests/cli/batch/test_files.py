"""``chatgpt4online batch``: what it reads, writes and shows."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ...commands import COMMAND, read_terminal
from .batching import Batch, prompts_of

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


def test_a_file_of_something_else_is_left_as_it_is(
    files: Batch, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    files.input.write_text("One\n")
    files.output.write_text("mine, without a line end")
    assert files.run(site.url, "--resume") == 2
    assert f"{files.side} is empty" in capsys.readouterr().err
    assert not files.side.exists()
    files.side.write_text("1 0badcafe\n")
    files.output.write_text("mine\nwithout a line end")
    assert files.run(site.url, "--resume") == 2
    assert files.output.read_text() == "mine\nwithout a line end"
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
