"""The configuration file."""

from __future__ import annotations

from pathlib import Path

import keyring
import keyring.backends.fail
import pytest

from chatgpt4online.cli import main
from chatgpt4online.cli.configuration import read_config
from chatgpt4online.server import LocalSite

from ..commands import Terminal


def test_a_site_by_name(site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "set", "shop", f"url={site.url}", "bot=support", "model=small"]) == 0
    assert main(["ask", "--site", "shop", "Hi"]) == 0
    body = site.app.submissions[-1]
    assert (body["botId"], body["model"]) == ("support", "small")
    # The first site is the default, and options override the file.
    assert main(["ask", "-b", "sales", "-m", "large", "Hi"]) == 0
    body = site.app.submissions[-1]
    assert (body["botId"], body["model"]) == ("sales", "large")
    assert main(["config", "path"]) == 0
    assert str(home / "config.toml") in capsys.readouterr().out


def test_the_environment_overrides_the_default(
    site: LocalSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["config", "set", "shop", "url=http://127.0.0.1:1"]) == 0
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", site.url)
    assert main(["ask", "Hi"]) == 0
    assert main(["config", "set", "local", f"url={site.url}"]) == 0
    monkeypatch.setenv("CHATGPT4ONLINE_SITE", "local")
    assert main(["ask", "Hi"]) == 0


def test_comments_are_kept(home: Path) -> None:
    file = home / "config.toml"
    file.write_text('# mine\ndefault = "a"\n\n[sites.a]\nurl = "http://a.example" # here\n')
    assert main(["config", "set", "b", "url=http://b.example", "timeout=30"]) == 0
    assert main(["config", "default", "b"]) == 0
    assert main(["config", "set", "b", "timeout="]) == 0
    text = file.read_text()
    assert "# mine" in text and "# here" in text
    assert 'default = "b"' in text
    assert "timeout" not in text
    assert main(["config", "remove", "b"]) == 0
    assert "default" not in file.read_text()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sites = 1", "sites must be tables"),
        ("[sites]\na = 1", "expected a table with url"),
        ("[sites.a]", "url is missing"),
        ("[sites.a]\nurl = 1", "url must be a string"),
        ('[sites.a]\nurl = "x"\ntimeout = true', "timeout must be a number"),
        ('[sites.a]\nurl = "x"\ntoken = "secret"', "token does not belong in this file"),
        ('[sites.a]\nurl = "x"\npublic_api = "secret"', "public_api must be true or false"),
        ('[sites.a]\nurl = "x"\npassword = "secret"', "password does not belong in this file"),
        ('[sites.a]\nurl = "x"\nbots = "y"', "unknown key 'bots'"),
        ('[sites.a]\nurl = "example"', "site a: The site must be a full URL"),
        ('[sites.a]\nurl = "http://ann:secret@x.example"', "must not contain a user name or"),
        ('[sites.a]\nurl = "http://a.example"\nproxy = "junk"', "proxy must be an http://"),
        ('[sites.a]\nurl = "http://a.example"\nproxy = "http://u:secret@b"', "HTTP_PROXY"),
        ('[sites.a]\nurl = "http://a.example"\ntimeout = 0', "timeout must be a positive"),
        ('[sites.a]\nurl = "http://a.example"\ntimeout = nan', "timeout must be a positive"),
        (
            '[sites.a]\nurl = "http://a.example"\nuser = "x"\npublic_api = true',
            "exclude each other",
        ),
        ('[sites.""]\nurl = "http://a.example"', "a site has no name"),
        ('default = "b"', "default site 'b' is not in the file"),
        ("save = 1", "save must be true or false"),
        ("[", "is not valid TOML"),
    ],
)
def test_invalid_files(
    text: str, complaint: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = home / "config.toml"
    file.write_text(text)
    assert main(["ask", "--demo", "Hi"]) == 2
    error = capsys.readouterr().err
    assert str(file) in error
    assert complaint in error
    assert "secret" not in error.replace("config secret", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["set", "a", "url"], "Expected KEY=VALUE"),
        (["set", "a", "bot=x"], "url is missing"),
        (["set", "a", "url=http://a.example", "password=secret"], "password does not belong"),
        (["set", "a", "url=http://a.example", "timeout=soon"], "timeout must be a number"),
        (["set", "a", "url=http://ann:hunter2@a.example"], "must not contain a user name"),
        (["set", "a", "url=http://a.example", "proxy=http://u:pw@b"], "does not belong in"),
        (["set", "a", "url=example"], "must be a full URL"),
        (["set", "a", "url=http://a.example", "timeout=-5"], "must be a positive number"),
        (["set", "", "url=http://a.example"], "has no name"),
        (["set", "\udcff", "url=http://a.example"], "must be UTF-8"),
        (["default", "a"], "not in the file"),
        (["remove", "a"], "has no site 'a'"),
        (["secret", "a"], "First run: chatgpt4online config set a url=URL user=NAME"),
    ],
)
def test_invalid_changes(
    arguments: list[str], complaint: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", *arguments]) == 2
    assert complaint in capsys.readouterr().err
    assert not (home / "config.toml").exists()


def test_nobody_else_can_read_the_file(home: Path) -> None:
    file = home / "config.toml"
    file.write_text("")
    file.chmod(0o644)
    assert main(["config", "set", "a", "url=http://a.example"]) == 0
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_link_to_the_file_stays(home: Path) -> None:
    (home / "mine.toml").write_text("# mine\n")
    (home / "config.toml").symlink_to("mine.toml")
    assert main(["config", "set", "a", "url=http://a.example"]) == 0
    assert (home / "config.toml").is_symlink()
    assert (home / "mine.toml").read_text().startswith("# mine\n")
    assert read_config().default == "a"


@pytest.mark.parametrize(
    "text", ["sites = {}", 'sites = {a = {url = "http://a.example"}}', "sites.a.url='http://a.b'"]
)
def test_sites_in_one_line(text: str, home: Path) -> None:
    (home / "config.toml").write_text(text)
    assert main(["config", "set", "b", "url=http://b.example", "timeout=5"]) == 0
    assert main(["config", "default", "b"]) == 0


def test_the_name_of_a_site_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "set", "url=http://a.example", "bot=support"]) == 2
    assert "Name the site first: chatgpt4online config set NAME url=" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "complaint"), [("", "Nothing was typed."), (None, "Interrupted.")]
)
def test_no_secret_is_typed(
    answer: str | None,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def getpass(question: str) -> str:
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", getpass)
    assert main(["config", "set", "a", "url=https://a.example", "user=ann"]) == 0
    for command in (["config", "secret", "a"], ["ask", "--site", "a", "Hi"]):
        assert main(command) == (2 if answer == "" else 130)
        assert complaint in capsys.readouterr().err


def test_a_secret_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "set", "a", "url=https://a.example", "user=ann"]) == 0
    assert main(["config", "secret", "a"]) == 2
    assert "can only be typed on a terminal" in capsys.readouterr().err


def test_a_keyring_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", asked.append)
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        assert main(["config", "set", "a", "url=https://a.example", "user=ann"]) == 0
        assert main(["config", "secret", "a"]) == 2
    finally:
        keyring.set_keyring(before)
    error = capsys.readouterr().err
    assert "The keyring cannot be used: " in error
    assert ".." not in error
    assert asked == []


def test_a_site_that_is_not_in_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "set", "shop", "url=http://a.example"]) == 0
    assert main(["ask", "--site", "shpo", "Hi"]) == 2
    assert "has no site 'shpo' (it has shop)" in capsys.readouterr().err


def test_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 0
    assert "no file yet" in capsys.readouterr().out
    assert main(["config", "set", "shop", "url=http://a.example"]) == 0
    assert main(["config", "show"]) == 0
    assert capsys.readouterr().out == (home / "config.toml").read_text()
