"""What ``ask`` sends: piped input, files, parameters, and who asks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ..commands import COMMAND, Terminal, TerminalProcess

PASSWORD = "abcd EFGH 1234"


def ask(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, check=False, timeout=60
    )


def sent(site: LocalSite) -> dict[str, object]:
    return site.app.submissions[-1]


def test_piped_input_follows_the_question(site: LocalSite) -> None:
    assert ask("ask", "--site", site.url, "Sum", "up:", stdin=b"a\nb\n").returncode == 0
    assert sent(site)["newMessage"] == "Sum up:\n\na\nb"


@pytest.mark.parametrize("before", [[], ["-m", "small"]])
def test_a_question_without_a_command(
    before: list[str], site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    assert ask(*before, "Hello there", stdin=b"").returncode == 0
    assert sent(site)["newMessage"] == "Hello there"


def test_piped_input_alone(site: LocalSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    assert ask(stdin=b"Hello there\n").returncode == 0
    assert sent(site)["newMessage"] == "Hello there"


def test_parameters(site: LocalSite) -> None:
    named = ["-s", "Be brief", "-m", "small"]
    others = ["-p", "maxTokens", "500", "-p", "scope", "x"]
    assert main(["ask", "--site", site.url, *named, *others, "Hi"]) == 0
    body = sent(site)
    assert (body["instructions"], body["model"]) == ("Be brief", "small")
    assert (body["maxTokens"], body["scope"]) == (500, "x")


@pytest.mark.parametrize("pair", ["maxTokens=5", "system=a b"])
def test_a_parameter_with_an_equals_sign(
    pair: str, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "-p", pair, "hi", "there"]) == 2
    advice = {"maxTokens=5": "Write -p maxTokens 5.", "system=a b": "Write -p system 'a b'."}
    assert advice[pair] in capsys.readouterr().err
    assert not site.app.submissions


@pytest.mark.parametrize("command", ["ask", "batch", "check"])
def test_a_parameter_that_cannot_be_sent(
    command: str, site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a mistake of the command line, not of a question."""
    (home / "cases.toml").write_text('[[case]]\nname = "a"\nprompt = "Hi"\n')
    (home / "questions.txt").write_text("Hi\n")
    arguments = {
        "ask": ["Hi"],
        "batch": [str(home / "questions.txt"), "-o", str(home / "replies.jsonl")],
        "check": [str(home / "cases.toml")],
    }
    given = ["--site", site.url, "-p", "stream", "false", *arguments[command]]
    assert main([command, *given]) == 2
    assert "must not contain stream" in capsys.readouterr().err
    assert not site.app.submissions


def test_options_override_the_file(
    site: LocalSite, capsys: pytest.CaptureFixture[str], dead_port: int
) -> None:
    entry = [f"url={site.url}", "bot=alpha", "user=ann", f"proxy=http://127.0.0.1:{dead_port}"]
    assert main(["config", "set", "shop", *entry, "model=small", "system=Be brief"]) == 0
    assert main(["ask", "--user", "", "--proxy", "", "-b", "", "-m", "", "-s", "", "Hi"]) == 0
    body = sent(site)
    assert body["botId"] in (None, "default")
    assert not {"model", "instructions"} & body.keys()
    assert main(["ask", "--site", "", "Hi"]) == 2
    assert "No site is given" in capsys.readouterr().err
    assert len(site.app.submissions) == 1


def test_user_and_public_api_override_each_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", PASSWORD)
    with LocalSite(users={"ann": PASSWORD}) as site:  # which has no public API
        assert main(["config", "set", "api", f"url={site.url}", "public_api=true"]) == 0
        assert main(["ask", "--user", "ann", "Hi"]) == 0
        assert main(["ask", "--user", "ann", "--public-api", "Hi"]) == 2
    assert "not both" in capsys.readouterr().err
    monkeypatch.setenv("CHATGPT4ONLINE_TOKEN", "secret-token")
    with LocalSite(token="secret-token") as site:
        assert main(["config", "set", "ann", f"url={site.url}", "user=ann"]) == 0
        assert main(["ask", "--site", "ann", "--public-api", "Hi"]) == 0


@pytest.mark.parametrize("seconds", ["0", "-5", "nan"])
def test_an_impossible_timeout(
    seconds: str, site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "--timeout", seconds, "Hi"]) == 2
    assert not site.app.submissions


def test_files(site: LocalSite, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    files = ["-f", str(tmp_path / "a.txt"), "-f", str(tmp_path / "b.txt")]
    assert main(["ask", "--site", f"{site.url}/", *files, "Hi"]) == 0
    ids = sent(site)["newFileIds"]
    assert isinstance(ids, list)
    assert len(ids) == 2


def test_a_large_file_shows_its_progress(site: LocalSite, tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    file.write_bytes(b"x" * 3 * 2**20)
    with TerminalProcess("ask", "--site", site.url, "-f", str(file), "Hi") as terminal:
        assert terminal.end() == 0
        assert b"large.txt" in terminal.output
        assert "You said: Hi" in terminal.text


def test_a_file_that_does_not_exist(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "-f", "nowhere.txt", "Hi"]) == 2
    assert "'nowhere.txt' does not exist" in capsys.readouterr().err
    assert not site.app.submissions


def test_events(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "--events", "Hi"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["type"] for event in events] == ["activity", *["text"] * 5, "end"]
    assert "".join(event.get("text", "") for event in events[1:-1]) == events[-1]["reply"]["text"]


def test_verbose(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "-v", "Hi"]) == 0
    assert capsys.readouterr().err == "[status] Starting stream...\n"


def test_user(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalSite(users={"ann": PASSWORD}) as site:
        arguments = ["ask", "--site", site.url, "--user", "ann", "Hi"]
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert "set CHATGPT4ONLINE_PASSWORD" in error
        assert f"chatgpt4online config set NAME url={site.url} user=ann" in error
        monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", PASSWORD)
        assert main(arguments) == 0
        monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", "wrong")
        assert main(arguments) == 1
        assert "wrong" not in capsys.readouterr().err.replace("wrong user", "")


def test_a_password_over_plain_http(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", PASSWORD)
    assert main(["ask", "--site", "http://a.example", "--user", "ann", "Hi"]) == 2
    assert "over plain http, where others can read it. Use https.\n" in capsys.readouterr().err


def test_the_password_is_asked_for_on_a_terminal() -> None:
    with (
        LocalSite(users={"ann": PASSWORD}) as site,
        TerminalProcess("ask", "--site", site.url, "--user", "ann", "Hi") as terminal,
    ):
        terminal.expect("Application password of ann:")
        terminal.type(PASSWORD + "\r")
        assert terminal.end() == 0
        assert "You said: Hi" in terminal.text
        assert PASSWORD not in terminal.text


def test_token(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CHATGPT4ONLINE_TOKEN", "secret-token")
    with LocalSite(token="secret-token") as site:
        assert main(["ask", "--site", site.url, "--public-api", "Hi"]) == 0
    assert capsys.readouterr().out.startswith("You said: Hi")


def test_a_token_on_the_command_line_is_not_sent(
    site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "--token", "secret-token", "Hi"]) == 2
    assert "No such option" in capsys.readouterr().err
    assert not site.app.submissions


class OneKeyring(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password


def test_a_keyring_has_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(OneKeyring())
    monkeypatch.setattr("getpass.getpass", lambda question: PASSWORD)
    monkeypatch.setattr("sys.stdin", Terminal())
    try:
        with LocalSite(users={"ann": PASSWORD}) as site:
            assert main(["config", "set", "shop", f"url={site.url}", "user=ann"]) == 0
            assert main(["config", "secret", "shop"]) == 0
            assert main(["ask", "--site", "shop", "Hi"]) == 0
    finally:
        keyring.set_keyring(before)


def test_help_needs_no_other_command(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys; from chatgpt4online.cli import main; main(['--help']);"
        "names = {'requests', 'aiohttp', 'rich', 'prompt_toolkit', 'tomlkit'};"
        "print(sorted(names & set(sys.modules)))"
    )
    result = subprocess.run(
        [*COMMAND[:-2], "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.endswith("[]\n")
