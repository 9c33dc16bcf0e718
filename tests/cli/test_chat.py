"""``chat``, in a terminal."""

from __future__ import annotations

import base64
import json
import re
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ..commands import TerminalProcess

ENTER, ALT_ENTER, CTRL_C, CTRL_R = "\r", "\x1b\r", "\x03", "\x12"


def said(site: LocalSite) -> list[str]:
    return [str(item["newMessage"]) for item in site.app.submissions]


def test_a_conversation(site: LocalSite) -> None:
    with TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("Hello there")
        chat.expect("You said: Hello there (2 words)")
        chat.send("And now?")
        chat.expect("message 3 of this conversation")
        assert chat.leave() == 0


def test_several_lines_and_a_paste(site: LocalSite) -> None:
    with TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("one" + ALT_ENTER + "two")
        chat.expect("You said")
        chat.send("\x1b[200~three\nfour\nfive\x1b[201~")
        chat.expect("message 3")
        assert chat.leave() == 0
    assert said(site) == ["one\ntwo", "three\nfour\nfive"]


@pytest.mark.parametrize("flags", [[], ["--plain"]])
def test_ctrl_c_stops_the_reply_and_retry_sends_it_again(flags: list[str]) -> None:
    stopped = threading.Event()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "First piece. \n\n"
        while not stopped.is_set() and messages[-1].content == "Go":
            yield "word "
        yield "The end."

    with (
        LocalSite(bot=bot, pace=0.01) as site,
        TerminalProcess("chat", "--site", site.url, *flags) as chat,
    ):
        chat.send("Go")
        chat.expect("First piece.")
        chat.type(CTRL_C)
        chat.expect("Stopped. /retry")
        assert chat.text.count("First piece.") == 1
        stopped.set()
        chat.send("/retry")
        chat.expect("The end.")
        assert chat.leave() == 0
        assert said(site) == ["Go", "Go"]
        # What was stopped did not enter the history.
        assert [item["role"] for item in site.app.submissions[1]["messages"]].count("user") == 0


def test_retry_asks_for_another_reply(site: LocalSite) -> None:
    with TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("Hello")
        chat.expect("(1 word)")
        chat.send("/retry")
        chat.expect("/retry\nYou said")
        assert chat.leave() == 0
    assert said(site) == ["Hello", "Hello"]


@pytest.mark.parametrize("flags", [[], ["--plain"]])
def test_another_reply_is_shown_as_it_arrives(flags: list[str]) -> None:
    """If it is stopped, the reply before stays."""
    shown = threading.Event()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        if len(site.app.submissions) == 1:
            yield "The first reply."
            return
        yield f"Another one after {len(messages) - 1}.\n\n"
        while not shown.is_set():
            yield "word "
        yield "The end."

    with (
        LocalSite(bot=bot, pace=0.01) as site,
        TerminalProcess("chat", "--site", site.url, *flags) as chat,
    ):
        chat.send("Hello")
        chat.expect("The first reply.")
        chat.send("/retry")
        chat.expect("Another one after 0.")
        chat.type(CTRL_C)
        chat.expect("Stopped. /retry")
        chat.send("/retry")
        chat.expect("word")
        shown.set()
        chat.expect("The end.")
        chat.send("And now?")
        chat.expect("after 2.")
        assert chat.leave() == 0
        assert said(site) == ["Hello", "Hello", "Hello", "And now?"]
        history = [item["content"] for item in site.app.submissions[-1]["messages"]]
    assert history[0] == "Hello"
    assert history[1].startswith("Another one")


def test_what_cannot_be_retried(site: LocalSite, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("notes")
    with TerminalProcess("chat", "--site", site.url) as chat:
        type_lines(
            chat,
            ("/retry", "There is no message to send again."),
            (f"/file {file}", "1 to send"),
            ("with a file", "You said: with a file"),
            ("/retry", "A message that had files cannot be sent again."),
        )
    assert said(site) == ["with a file"]


def test_a_failed_turn_keeps_the_session() -> None:
    with LocalSite(max_length=10) as site, TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("far too long for this site")
        chat.expect("chatgpt4online: ")
        chat.send("short")
        chat.expect("You said: short")
        assert chat.leave() == 0


def test_commands(site: LocalSite, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("notes")
    with TerminalProcess("chat", "--site", site.url) as chat:
        for line, answer in (
            ("/help", "Leave, like Ctrl-D."),
            ("/nonsense", "There is no command /nonsense"),
            ("/copy", "There is no reply to copy"),
            (f"/file {tmp_path}/none", "No such file"),
            (f"/file {file}", "1 to send"),
            ("/model small", "/model small"),
            ("/system Be brief", "/system Be brief"),
            ("Hello", "You said: Hello"),
            ("/copy", "> /copy"),
            ("/new", "/new"),
            ("Hello again", "(2 words)"),
        ):
            chat.send(line)
            chat.expect(answer)
        assert chat.leave() == 0
    copied = base64.b64encode(b"You said: Hello (1 word)")
    assert b"\x1b]52;c;" + copied in chat.output
    first, second = site.app.submissions
    assert (first["model"], first["instructions"]) == ("small", "Be brief")
    assert first["newFileIds"] if "newFileIds" in first else first["newFileId"]
    assert first["chatId"] != second["chatId"]


def test_the_commands_are_those_in_the_docs(site: LocalSite) -> None:
    docs = (Path(__file__).parents[2] / "docs" / "command.rst").read_text(encoding="utf-8")
    shown = re.search(r"    > /help\n((?:    .+\n)+)", docs)
    assert shown is not None
    with TerminalProcess("chat", "--site", site.url, columns=100) as chat:
        chat.send("/help")
        chat.expect("Leave, like Ctrl-D.")
        assert textwrap.dedent(shown[1]).strip() in chat.text
        assert chat.leave() == 0


def type_lines(chat: TerminalProcess, *lines: tuple[str, str]) -> None:
    """Type each line at a prompt and wait for its answer; then leave."""
    for line, answer in lines:
        chat.send(line)
        chat.expect(answer)
    assert chat.leave() == 0


def test_a_refused_file_does_not_stay(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("notes")
    with LocalSite(uploads=False) as site, TerminalProcess("chat", "--site", site.url) as chat:
        type_lines(
            chat,
            (f"/file {file}", "1 to send"),
            ("with a file", "chatgpt4online: "),
            ("without one", "You said: without one"),
            (f"/file {file}", "1 to send"),
            ("/file", "No file goes with"),
            ("none of them", "You said: none of them"),
            (f"/file {file}", "1 to send"),
            ("/new", "/new"),
            ("once more", "You said: once more"),
        )
    assert said(site) == ["without one", "none of them", "once more"]


def test_a_file_that_has_gone(site: LocalSite, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("notes")
    with TerminalProcess("chat", "--site", site.url, "-f", str(file)) as chat:
        chat.expect_prompt()
        file.unlink()
        type_lines(chat, ("Hi", "chatgpt4online: "), ("Hello", "You said: Hello"))


def test_saving_before_the_first_message(site: LocalSite, home: Path) -> None:
    with TerminalProcess("chat", "--site", site.url) as chat:
        type_lines(chat, ("/save", "after the first reply."), ("Hi", "You said: Hi"))
    [file] = (home / "data" / "conversations").glob("*.json")
    assert f"It will be saved as {file.stem} after the first reply." in chat.text


def test_loading_what_was_said_to_another_chatbot(
    site: LocalSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--site", site.url, "-b", "alpha", "--save", "Hi"]) == 0
    assert main(["history", "list"]) == 0
    id = capsys.readouterr().out.splitlines()[-1].split()[0]
    with TerminalProcess("chat", "--site", site.url) as chat:
        type_lines(chat, (f"/load {id}", "conversation is with alpha at"), ("Hello", "(1 word)"))
    with TerminalProcess("chat", "--demo") as chat:
        type_lines(chat, ("/save", "site are not saved"), (f"/load {id}", f"/load {id}"))
    assert chat.text.count("site are not saved") == 2


def test_saving_and_loading(
    site: LocalSite, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    with TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("The first question")
        chat.expect("You said")
        chat.send("/save")
        chat.expect("It is saved as ")
        assert chat.leave() == 0
    [file] = (home / "data" / "conversations").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    with TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("/load")
        chat.expect(f"{file.stem}  The first question")
        chat.send(f"/load {file.stem[:4]}")
        chat.expect("assistant: You said: The first question")
        chat.expect_prompt()
        chat.type(CTRL_R)
        chat.expect("I-search backward:")
        chat.type("first")
        chat.expect("> The first question")
        chat.type(ENTER)
        chat.expect_gone("I-search")
        chat.type(ENTER)
        chat.expect("message 3")
        assert chat.leave() == 0
    assert main(["history", "export", "--json", file.stem]) == 0
    assert len(json.loads(capsys.readouterr().out)["messages"]) == 4


def test_markdown_survives_a_narrower_window() -> None:
    resized = threading.Event()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "# Title\n\n"
        resized.wait()
        yield "- **one**\n- two\n\n" + "word " * 30

    with LocalSite(bot=bot) as site, TerminalProcess("chat", "--site", site.url) as chat:
        chat.send("Go")
        chat.expect("Title")
        chat.resize(24, 40)
        resized.set()
        chat.expect("• two")
        assert chat.leave() == 0
    assert "**" not in chat.text
    assert re.search(r"word( word){5,7}\n", chat.text)


def test_without_a_terminal(site: LocalSite, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chat", "--site", site.url]) == 2
    assert "chat needs a terminal" in capsys.readouterr().err
