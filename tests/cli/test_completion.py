"""Shell completion."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from chatgpt4online.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_code_is_what_the_shell_can_read(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    assert "_CHATGPT4ONLINE_COMPLETE" in code
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=code.encode(), check=True, timeout=60)


@pytest.mark.parametrize(
    ("line", "word", "completions"),
    [
        ("chatgpt4online c", "1", {"chat", "config", "completion"}),
        ("chatgpt4online ask --no", "2", {"--no-stream"}),
    ],
)
def test_completions(
    line: str,
    word: str,
    completions: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_CHATGPT4ONLINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", word)
    assert main([]) == 0
    shown = {item.partition(",")[2] for item in capsys.readouterr().out.splitlines()}
    assert completions <= shown
