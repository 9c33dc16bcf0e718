"""Saved conversations."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ..commands import COMMAND


def saved_ids(capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert main(["history", "list"]) == 0
    return [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_nothing_is_saved_unless_asked(
    site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "Hi"]) == 0
    assert not (home / "data").exists()
    assert saved_ids(capsys) == []


def test_save_and_continue(site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "--save", "First"]) == 0
    assert main(["ask", "--site", site.url, "-c", "Second"]) == 0
    assert "message 3 of this conversation" in capsys.readouterr().out
    [id] = saved_ids(capsys)
    assert main(["ask", "--site", site.url, "--cid", id[:5], "Third"]) == 0
    assert "message 5" in capsys.readouterr().out
    folder = home / "data" / "conversations"
    assert [file.stat().st_mode & 0o777 for file in folder.iterdir()] == [0o600]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_continue_takes_the_latest_with_this_site(
    site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "--save", "First"]) == 0
    with LocalSite() as other:
        assert main(["ask", "--site", other.url, "--save", "Elsewhere"]) == 0
        ids = saved_ids(capsys)
        # One second later, whatever the resolution of the file system's clock.
        for age, id in enumerate(ids):
            os.utime(home / "data" / "conversations" / f"{id}.json", (1e9 - age, 1e9 - age))
        assert main(["ask", "--site", site.url, "-c", "Second"]) == 0
        assert "Second (1 word, message 3" in capsys.readouterr().out
        assert main(["ask", "--site", site.url, "--cid", ids[0], "Third"]) == 2
        assert f"That conversation is with {other.url}" in capsys.readouterr().err


def saved_records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    capsys.readouterr()
    assert main(["history", "list", "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_an_id_brings_its_site_and_its_chatbot(
    site: LocalSite, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["ask", "--site", site.url, "-b", "alpha", "--save", "First"]) == 0
    [saved] = saved_records(capsys)
    assert saved["bot"] == "alpha"
    with LocalSite() as other:
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", other.url)
        assert main(["ask", "--cid", saved["id"], "Second"]) == 0
        assert not other.app.submissions
    assert site.app.submissions[-1]["botId"] == "alpha"
    assert main(["ask", "--site", f"{site.url}/", "-b", "alpha", "-c", "Third"]) == 0
    assert "message 5" in capsys.readouterr().out
    assert main(["ask", "--site", site.url, "-c", "-b", "beta", "Fourth"]) == 2
    assert main(["ask", "--cid", saved["id"], "-b", "beta", "Fourth"]) == 2
    assert f"That conversation is with alpha at {site.url}" in capsys.readouterr().err
    assert len(site.app.submissions) == 3
    [after] = saved_records(capsys)
    assert (after["id"], after["bot"]) == (saved["id"], "alpha")


def test_an_id_brings_the_entry_of_its_site(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secrets in the environment stay with the site that is used if none is named."""
    monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", "abcd EFGH 1234")
    with LocalSite() as usual, LocalSite(users={"ann": "abcd EFGH 1234"}) as site:
        assert main(["config", "set", "shop", f"url={site.url}", "user=ann", "model=small"]) == 0
        assert main(["ask", "--save", "First"]) == 0
        [saved] = saved_records(capsys)
        assert main(["ask", "--cid", saved["id"], "Second"]) == 0
        assert site.app.submissions[-1]["model"] == "small"
        monkeypatch.setenv("CHATGPT4ONLINE_SITE", usual.url)
        assert main(["ask", "--cid", saved["id"], "Third"]) == 2
        assert "No secret of ann" in capsys.readouterr().err
        assert main(["ask", "--site", "shop", "--cid", saved["id"], "Third"]) == 0


def test_one_conversation_is_not_saved(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "save", "true"]) == 0
    assert main(["ask", "--site", site.url, "--no-save", "Hi"]) == 0
    assert main(["ask", "--demo", "Hi"]) == 0
    assert saved_ids(capsys) == []
    for option in ("--save", "-c", "--cid=1"):
        assert main(["ask", "--demo", option, "Hi"]) == 2
    assert "demo site are not saved" in capsys.readouterr().err
    assert main(["ask", "--site", site.url, "Hi"]) == 0
    assert main(["ask", "--site", site.url, "-c", "--no-save", "And you?"]) == 0
    [id] = saved_ids(capsys)
    assert main(["history", "show", id]) == 0
    assert "And you?" not in capsys.readouterr().out


def test_the_list_has_the_chatbots(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "-b", "alpha", "--save", "Hi"]) == 0
    assert main(["history", "list"]) == 0
    assert f"  alpha at {site.url}  Hi" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--json"], ["--no-stream"], ["--events"]])
def test_a_reply_that_cannot_be_printed_is_saved(
    flags: list[str], site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMAND, "ask", "--site", site.url, "--save", *flags, "one two three"]
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert (result.returncode, b"No space left" in result.stderr) == (1, True)
    [id] = saved_ids(capsys)
    assert main(["history", "show", id]) == 0
    assert "You said: one two three (3 words)" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_reply_that_cannot_be_saved_is_printed(
    flags: list[str], site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "data").write_text("not a folder")
    assert main(["ask", "--site", site.url, "--save", *flags, "Hi"]) == 1
    out, err = capsys.readouterr()
    assert "You said: Hi" in out
    assert err == "chatgpt4online: Cannot save the conversation: Not a directory.\n"


def test_a_failed_question_is_not_saved(capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(max_length=5) as site:
        assert main(["ask", "--site", site.url, "--save", "far too long"]) == 1
    assert saved_ids(capsys) == []


def test_show_export_and_delete(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "--save", "Hello there"]) == 0
    [id] = saved_ids(capsys)
    assert main(["history", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Hello there"
    assert main(["history", "show", id]) == 0
    assert capsys.readouterr().out.startswith("user:\nHello there\n")
    assert main(["history", "export", id]) == 0
    assert "**assistant:**\n\nYou said: Hello there" in capsys.readouterr().out
    assert main(["history", "export", "--json", id]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "chatgpt4online.conversation"
    assert main(["history", "delete", id]) == 0
    assert saved_ids(capsys) == []
    assert main(["history", "show", id]) == 2
    assert "there is none" in capsys.readouterr().err


def test_a_damaged_file_is_skipped(
    site: LocalSite, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "--save", "Hi"]) == 0
    [id] = saved_ids(capsys)
    folder = home / "data" / "conversations"
    record = json.loads((folder / f"{id}.json").read_text())
    damaged = [
        {**record, "site": "x"},
        {**record, "bot": 5},
        {**record, "title": None},
        {**record, "conversation": 5},
        {**record, "conversation": {"messages": [5]}},
        {**record, "conversation": {"messages": [{"role": "user"}]}},
        [],
    ]
    for number, other in enumerate(damaged):
        (folder / f"{number}.json").write_text(json.dumps(other))
    (folder / "half.json").write_text("{")
    (folder / "gone.json").symlink_to(folder / "nowhere")
    assert saved_ids(capsys) == [id]
    assert main(["history", "show", "0" if id[0] != "0" else "1"]) == 2
    assert "there is none" in capsys.readouterr().err


def test_one_way_to_continue(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--site", site.url, "--save", "Hi"]) == 0
    [id] = saved_ids(capsys)
    assert main(["ask", "--cid", id, "--continue", "And you?"]) == 2
    assert "Pass --continue or --cid, not both." in capsys.readouterr().err
    assert len(site.app.submissions) == 1


def test_save_by_configuration(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "save", "true"]) == 0
    assert main(["ask", "--site", site.url, "Hi"]) == 0
    assert len(saved_ids(capsys)) == 1
