"""Shell completion."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from chatgpt4online.cli import main
from chatgpt4online.cli.configuration import read_config
from chatgpt4online.cli.store import Saved, Store

from .. import commands

ROOT = Path(__file__).parents[2]

SET_UP = {
    "bash": {".bashrc": "PS1='> '\nsource <(chatgpt4online completion bash)\n"},
    "zsh": {
        ".zshrc": "PS1='> '\nautoload -U compinit\ncompinit -u -D\n"
        "source <(chatgpt4online completion zsh)\n"
    },
    "fish": {
        ".config/fish/config.fish": "set fish_greeting\nfunction fish_prompt; echo '> '; end\n",
        ".config/fish/completions/chatgpt4online.fish": "chatgpt4online completion fish | source\n",
    },
}
"""The files that set a shell up, as the help of ``completion`` says."""


@pytest.mark.parametrize("shell", SET_UP)
def test_in_a_shell(shell: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    program = home / "bin" / "chatgpt4online"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(commands.COMMAND)} "$@"\n')
    program.chmod(0o755)
    for name, text in SET_UP[shell].items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    (home / "my notes.txt").touch()
    for name in ("shop", "other"):
        assert main(["config", "set", name, "url=http://a.example"]) == 0
    for name in ("ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(commands, "COMMAND", [shell, "-i"])
    monkeypatch.chdir(home)
    with commands.TerminalProcess() as terminal:
        terminal.expect_prompt()
        terminal.type("chatgpt4online conf\t")
        terminal.expect("> chatgpt4online config")
        terminal.type("default ot\t")
        terminal.expect("> chatgpt4online config default other")
        terminal.type("\r")
        terminal.expect_prompt()
        terminal.type("chatgpt4online ask --file my\t")
        terminal.expect(r"> chatgpt4online ask --file my\ notes.txt")
        terminal.type("\x15exit\r")
        assert terminal.end() == 0
    assert read_config().default == "other"


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_code_needs_no_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"_CHATGPT4ONLINE_COMPLETE={shell}_complete" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    "words",
    [
        "ask --site", "serve --site", "check --against",
        "config default", "config remove", "config set",
    ],
)  # fmt: skip
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
