"""Shell completion."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from chatgpt4online.cli import main
from chatgpt4online.cli.store import Saved, Store


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
    assert completions <= complete(line, word, monkeypatch, capsys)


@pytest.mark.parametrize("words", ["ask --site", "config default", "config remove", "config set"])
def test_names_of_sites(
    words: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("shop", "shoes", "other"):
        assert main(["config", "set", name, "url=http://a.example"]) == 0
    assert complete(f"chatgpt4online {words} sho", "3", monkeypatch, capsys) == {"shop", "shoes"}
    (home / "config.toml").write_text("[")
    assert complete(f"chatgpt4online {words} sho", "3", monkeypatch, capsys) == set()


@pytest.mark.parametrize(
    "words", ["chat --cid", "history show", "history export", "history delete"]
)
def test_ids_of_conversations(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for id in ("a1b2", "a1c3", "d4e5"):
        text = '{"messages": []}'
        Store().save(Saved(id, "http://a.example", None, "Hi", text))
    assert complete(f"chatgpt4online {words} a1", "3", monkeypatch, capsys) == {"a1b2", "a1c3"}


def complete(
    line: str,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> set[str]:
    """Return what a shell shows for a word of a line."""
    monkeypatch.setenv("_CHATGPT4ONLINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", word)
    assert main([]) == 0
    monkeypatch.delenv("_CHATGPT4ONLINE_COMPLETE")
    return {item.partition(",")[2] for item in capsys.readouterr().out.split()}
