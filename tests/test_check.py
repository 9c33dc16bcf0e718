"""`chatgpt4online check`: running cases with one or two chatbots."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from .commands import COMMAND
from .loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
    stall,
)

Bot = Callable[[Sequence[Message]], Iterator[str]]
Write = Callable[[str], str]

HOURS = """
[[case]]
name = "hours"
prompt = "When are you open?"
contains = "10"
"""
PRICES = """
[[case]]
name = "prices"
prompt = "How much is a ticket?"
regex = '\\d+ euros'
"""


def shop(changed: bool = False) -> Bot:
    """Return a bot; the changed one does not tell prices."""

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        if "ticket" in messages[-1].content:
            yield "I do not know prices." if changed else "A ticket is 16 euros."
        else:
            yield "We are open from 10 to 4."

    return bot


def now_and_then(every: int) -> Bot:
    """Return a bot of which each so many-th reply is wrong."""
    numbers = itertools.count(1)

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "No idea." if next(numbers) % every == 0 else "From 10 to 4."

    return bot


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> str:
        path = tmp_path / "cases.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d s", "_ s", text)


def test_all_cases_pass(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop()) as site:
        assert main(["check", "--site", site.url, write(HOURS + PRICES)]) == 0
    assert site.app.submissions[0]["newMessage"] == "When are you open?"
    out, err = capsys.readouterr()
    assert (without_times(out), err) == (
        f"Checking {site_name(out)}\n\n"
        "passed  hours   1 of 1  _ s\n"
        "passed  prices  1 of 1  _ s\n\n"
        "2 cases passed.\n",
        "",
    )


def site_name(out: str) -> str:
    found = re.search(r"127\.0\.0\.1:\d+", out)
    assert found is not None
    return found[0]


def test_a_case_fails(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop(changed=True)) as site:
        assert main(["check", "--site", site.url, "-b", "b1", write(HOURS + PRICES)]) == 1
    out = without_times(capsys.readouterr().out)
    assert out == (
        f"Checking b1 at {site_name(out)}\n\n"
        "passed  hours   1 of 1  _ s\n"
        "FAILED  prices  0 of 1  _ s\n"
        '        The reply does not match "\\\\d+ euros".\n'
        "        > I do not know prices.\n\n"
        "1 of 2 cases failed.\n"
    )


def test_the_change_of_a_bot_is_found(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write(HOURS + PRICES)
    with LocalSite(bot=shop()) as old, LocalSite(bot=shop(changed=True)) as new:
        assert main(["check", "--site", new.url, "--against", old.url, cases]) == 1
        worse = without_times(capsys.readouterr().out)
        assert main(["check", "--site", old.url, "--against", new.url, cases]) == 0
        better = without_times(capsys.readouterr().out)
        old_name, new_name = (site.url.removeprefix("http://") for site in (old, new))
    assert worse.startswith(f"A: {new_name}\nB: {old_name}\n")
    assert re.search(r"^passed  hours   1 of 1  _ s +1 of 1  _ s$", worse, re.MULTILINE)
    assert re.search(r"^FAILED  prices  0 of 1  _ s +1 of 1  _ s +worse$", worse, re.MULTILINE)
    assert worse.endswith("\n1 of 2 cases failed.\nA is worse than B: prices.\n")
    assert re.search(r"^passed  prices  1 of 1  _ s +0 of 1  _ s +better$", better, re.MULTILINE)
    assert better.endswith("\n2 cases passed.\nA is better than B: prices.\n")


def test_two_bots_of_a_site(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop()) as site:
        arguments = ["--site", site.url, "-b", "old", "--against-bot", "new"]
        assert main(["check", *arguments, "--repeat", "3", write(HOURS)]) == 0
        asked = [submission["botId"] for submission in site.app.submissions]
    assert sorted(asked) == ["new"] * 3 + ["old"] * 3
    assert re.match(r"A: old at 127.0.0.1:\d+\nB: new at 127.0.0.1", capsys.readouterr().out)


def test_two_entries_of_the_configuration_file(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LocalSite(bot=shop(), token="t0ken") as site:
        config = tmp_path / "config.toml"
        config.write_text(
            f"[sites.old]\nurl = '{site.url}'\nmodel = 'm1'\nbot = 'b1'\n"
            f"[sites.new]\nurl = '{site.url}'\nmodel = 'm2'\nsystem = 'Be brief.'\n"
        )
        monkeypatch.setenv("CHATGPT4ONLINE_CONFIG", str(config))
        arguments = ["--site", "new", "--against", "old", "--against-bot", "b2"]
        assert main(["check", *arguments, write(HOURS)]) == 0
        asked = {
            (sent["model"], sent.get("instructions"), sent["botId"])
            for sent in site.app.submissions
        }
    assert asked == {("m2", "Be brief.", "default"), ("m1", None, "b2")}
    out = capsys.readouterr().out
    assert re.match(r"A: 127.0.0.1:\d+, m2\nB: b2 at 127.0.0.1:\d+, m1\n", out)


def test_a_conversation(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write("""
    [[case]]
    name = "talk"
    prompt = "My name is Ann."
    contains = "4 words"
    [[case.then]]
    prompt = "What is my name?"
    contains = "of this conversation"
    [[case.then]]
    prompt = "Really?"
    not = "Really?"
    """)
    with LocalSite() as site:
        assert main(["check", "--site", site.url, cases]) == 1
        assert len({submission["chatId"] for submission in site.app.submissions}) == 1
    out = capsys.readouterr().out
    assert '        Follow-up 2: The reply contains "Really?".\n' in out
    assert out.count("Follow-up") == 1


@pytest.mark.parametrize(
    ("counts", "code", "line"),
    [
        ("repeat = 5\npass = 4", 0, "passed  hours  4 of 5"),
        ("repeat = 5", 1, "FAILED  hours  4 of 5"),
        ("repeat = 10\npass = 9", 1, "FAILED  hours  8 of 10"),
    ],
)
def test_repeats(
    counts: str, code: int, line: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalSite(bot=now_and_then(5)) as site:
        assert main(["check", "--site", site.url, write(HOURS + counts)]) == code
        chats = [submission["chatId"] for submission in site.app.submissions]
    assert len(set(chats)) == len(chats)
    out = capsys.readouterr().out
    assert line in out
    total = len(chats)
    assert (f"{total // 5} of {total}: The reply does not contain" in out) == (code == 1)


def test_another_number_of_repeats(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=now_and_then(5)) as site:
        cases = write(HOURS + "repeat = 5\npass = 4")
        assert main(["check", "--site", site.url, "--repeat", "10", cases]) == 0
    assert "passed  hours  8 of 10" in capsys.readouterr().out


def test_chosen_cases(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop(changed=True)) as site:
        cases = write(HOURS + PRICES)
        assert main(["check", "--site", site.url, "-k", "HOUR", cases]) == 0
        assert "1 case passed." in capsys.readouterr().out
        assert len(site.app.submissions) == 1
        assert main(["check", "--site", site.url, "-k", "place", cases]) == 2
    assert capsys.readouterr().err == "chatgpt4online: No case has 'place' in its name.\n"


def test_an_error_of_the_site(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write(f"""
    [[case]]
    name = "long"
    prompt = "{"x" * 30}"
    [[case.then]]
    prompt = "And then?"
    [[case]]
    name = "short"
    prompt = "Hi"
    """)
    with LocalSite(max_length=20) as site:
        assert main(["check", "--site", site.url, cases]) == 1
        assert [submission["newMessage"] for submission in site.app.submissions] == ["Hi"]
    out = capsys.readouterr().out
    assert re.search(r"FAILED  long   0 of 1\n        The site rejected .*\npassed", out)


def test_a_site_that_is_not_there(
    dead_port: int, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{dead_port}"
    assert main(["check", "--site", url, write(HOURS)]) == 1
    out, err = capsys.readouterr()
    assert err.startswith(f"chatgpt4online: Could not connect to {url}")
    assert "hours" not in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--site", "http://ann:secret@127.0.0.1:9"], "must not contain a user name or password"),
        (["--site", "http://127.0.0.1:9", "--against", "shop"], "no site 'shop'"),
        (["--demo", "--repeat", "0"], "--repeat"),
        (["--demo", "--html", "nowhere/report.html"], "There is no folder nowhere."),
        (["--demo", "--junit", "nowhere/report.xml"], "There is no folder nowhere."),
        (["--demo", "--html", "."], "is a directory"),
        (["--demo", "-k", "no such case"], "No case has"),
    ],
)
def test_mistakes(
    arguments: list[str], complaint: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments, write(HOURS)]) == 2
    out, err = capsys.readouterr()
    assert complaint in err
    assert "secret" not in out + err


def test_a_mistake_in_the_file(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--demo", write(HOURS + "regex = '('")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "cases.toml, case 'hours': regex is not a valid regular expression" in err


def test_a_report_that_cannot_be_written(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop()) as site:
        arguments = ["--site", site.url, "--junit", "/dev/full"]
        assert main(["check", *arguments, write(HOURS)]) == 1
    out, err = capsys.readouterr()
    assert "1 case passed." in out
    assert err == "chatgpt4online: Cannot write /dev/full: No space left on device.\n"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency(concurrency: int, write: Write) -> None:
    """The site answers no prompt before so many have arrived, and counts those that wait."""
    together = threading.Barrier(concurrency)
    lock = threading.Lock()
    waiting, most = 0, 0

    def submit(connection: Connection, request: Received) -> None:
        nonlocal waiting, most
        with lock:
            waiting += 1
            most = max(most, waiting)
        together.wait(WAIT_LIMIT)
        with lock:
            waiting -= 1
        connection.send(CHUNKED + chunk(end("From 10")) + chunk(b""))

    arguments = ["--concurrency", str(concurrency), "--repeat", "6", write(HOURS)]
    with LoopbackServer(ai_site(submit)) as server:
        assert main(["check", "--site", server.url, *arguments]) == 0
        assert len(server.prompts) == 6
    assert most == concurrency


def _default_sigint_handler() -> None:
    # Children of a background job inherit its ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c(write: Write) -> None:
    arrived = threading.Event()

    def submit(connection: Connection, request: Received) -> None:
        arrived.set()
        stall()(connection, request)

    with (
        LoopbackServer(ai_site(submit)) as server,
        subprocess.Popen(
            [*COMMAND, "check", "--site", server.url, "--repeat", "9", write(HOURS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_default_sigint_handler,
        ) as process,
    ):
        assert arrived.wait(WAIT_LIMIT)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_LIMIT)
        assert process.returncode == 130
    assert out.startswith(b"Checking 127.0.0.1")
    assert err == b"chatgpt4online: Interrupted.\n"


def test_a_full_disk_ends_the_check(write: Write) -> None:
    with LocalSite(bot=shop()) as site, open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "check", "--site", site.url, write(HOURS)],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "chatgpt4online: The output cannot be written: No space left on device.\n"
    )


def test_on_a_terminal(write: Write) -> None:
    """The status is in colour, and escape sequences of a reply have no effect."""

    def hostile(messages: Sequence[Message]) -> Iterator[str]:
        yield "\x1b]0;title\x07[bold]markup[/bold]"

    parent, child = pty.openpty()
    with LocalSite(bot=hostile) as site:
        done = subprocess.run(
            [*COMMAND, "check", "--site", site.url, write(HOURS)],
            stdout=child,
            check=False,
            timeout=60,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        )
    os.close(child)
    shown = os.read(parent, 65536)
    os.close(parent)
    assert done.returncode == 1
    assert b"\x1b[1;31mFAILED\x1b[0m  hours" in shown
    assert "> ␛]0;title␇[bold]markup[/bold]".encode() in shown
    assert b"\x1b]" not in shown


def test_json_is_asked_of_the_whole_reply(write: Write) -> None:
    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "```json\n" + json.dumps({"open": True, "until": 16}) + "\n```"

    with LocalSite(bot=bot) as site:
        for expected, code in (("{ open = true }", 0), ("{ open = false }", 1)):
            cases = write(f'[[case]]\nname = "a"\nprompt = "A"\njson = {expected}')
            assert main(["check", "--site", site.url, cases]) == code
