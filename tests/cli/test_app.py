"""What all commands have in common: how they are found, their help, and their errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import chatgpt4online
from chatgpt4online.cli import main
from chatgpt4online.cli.app import COMMANDS
from chatgpt4online.server import LocalSite

from ..commands import COMMAND, Terminal


@pytest.mark.parametrize(
    "arguments", [["ask", "Hi"], ["ask", "--demo", " "], ["ask", "--site", "x", "Hi"]]
)
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "chatgpt4online: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["aks"], "Did you mean 'ask'? To ask it: chatgpt4online ask aks\n"),
        (["chta", "--demo"], "Did you mean 'chat'? To ask it: chatgpt4online ask chta --demo\n"),
        (["ask", "--demo", "--site", "x", "Hi"], "not both"),
        (["ask", "--jsn", "Hi"], "--json"),
        (["ask", "--no-str", "Hi"], "No such option"),
        (["ask", "--demo", "--json", "--events", "Hi"], "not both"),
        (["--bad"], "No such option"),
    ],
)
def test_invalid_arguments(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint", "command"),
    [
        (["ask", "--demo", "--jsn", "Hi"], "No such option", "ask"),
        (
            ["check", "--repeat", "0"],
            "Invalid value for '--repeat': 0 is not in the range",
            "check",
        ),
        (["config", "set"], "Missing argument", "config set"),
    ],
)
def test_a_mistake_in_the_arguments_is_told_like_other_errors(
    arguments: list[str], complaint: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said, advice = capsys.readouterr().err.splitlines()
    assert said.startswith(f"chatgpt4online: {complaint}")
    assert advice == f"Try: chatgpt4online {command} --help"


def test_without_arguments_it_shows_its_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    assert main([]) == 2
    assert "Commands:\n  ask" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["task", "list", "for", "today"], ["cat pictures"]])
def test_a_question_that_begins_like_a_command(
    words: list[str], site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    assert main(words) == 0
    assert site.app.submissions[0]["newMessage"] == " ".join(words)


def test_help_is_no_question(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    assert main(["help"]) == 0
    assert "Commands:\n  ask" in capsys.readouterr().out
    assert not site.app.submissions


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["--version"]])
def test_a_help_that_cannot_be_printed(arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    complaint = b"chatgpt4online: The output cannot be written: No space left on device.\n"
    assert (result.returncode, result.stderr) == (1, complaint)


def test_without_the_packages_it_needs() -> None:
    code = (
        "import sys; sys.modules['click'] = None; from chatgpt4online.cli import main;"
        "sys.exit(main(['ask', 'Hi']))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 2
    assert 'pip install "chatgpt4online[cli]"' in result.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chatgpt4online {chatgpt4online.__version__}\n"


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)])
def test_the_help_is_the_one_in_the_docs(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*arguments, "--help"]) == 0
    docs = (Path(__file__).parents[2] / "docs" / "command.rst").read_text(encoding="utf-8")
    lines = [f"    {line}".rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "\n".join(lines) in docs
