"""`chatgpt4online check`: running cases with one or two chatbots."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import textwrap
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chatgpt4online import Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite

from ...loopback import (
    CHUNKED,
    WAIT_LIMIT,
    Connection,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    end,
)
from .checking import HOURS, PRICES, Bot, shop, write


def now_and_then(every: int) -> Bot:
    """Return a bot of which each so many-th reply is wrong."""
    numbers = itertools.count(1)

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "No idea." if next(numbers) % every == 0 else "From 10 to 4."

    return bot


def without_times(text: str) -> str:
    return re.sub(r"\d+\.\d s", "_ s", text)


def site_name(out: str) -> str:
    found = re.search(r"127\.0\.0\.1:\d+", out)
    assert found is not None
    return found[0]


def test_the_example_of_the_docs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sundays = itertools.count()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        if "Sunday" in messages[-1].content:
            known = next(sundays) < 2
            yield (
                "On Sunday from 10."
                if known
                else ("We are open on Sunday, but I do not know from when.")
            )
        else:
            yield '{"item": "red shirt"}' if "JSON" in messages[-1].content else "Not on Monday."

    docs = (Path(__file__).parents[3] / "docs" / "command.rst").read_text(encoding="utf-8")
    blocks = re.search(r"code-block:: toml\n((?:    .*\n|\n)+)Save.*::\n((?:    .*\n|\n)+)", docs)
    assert blocks is not None
    command, _, shown = textwrap.dedent(blocks[2]).strip().partition("\n")
    with LocalSite(bot=bot) as site:
        cases = write(tmp_path, textwrap.dedent(blocks[1]))
        arguments = command.replace("https://example.com", site.url).replace("cases.toml", cases)
        assert main(shlex.split(arguments)[2:]) == 1
    out = capsys.readouterr().out
    assert without_times(out.replace(site_name(out), "example.com")) == without_times(shown) + "\n"


def test_the_example_for_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "command.rst").read_text(encoding="utf-8")
    found = re.search(
        r"``demo\.toml``(?s:.*?)code-block:: toml\n((?:    .*\n|\n)+)::\n((?:    .*\n|\n)+)", docs
    )
    assert found is not None
    cases, shown = (textwrap.dedent(block).strip() for block in found.groups())
    command, _, expected = shown.partition("\n")
    arguments = command.replace("demo.toml", write(tmp_path, cases))
    assert main(shlex.split(arguments)[2:]) == 0
    printed = capsys.readouterr()
    address = re.compile(r"127\.0\.0\.1:\d+")
    outputs = [
        address.sub("_", without_times(text)) for text in (expected, printed.err + printed.out)
    ]
    assert outputs[0] + "\n" == outputs[1]


def test_all_cases_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop()) as site:
        assert main(["check", "--site", site.url, write(tmp_path, HOURS + PRICES)]) == 0
    assert site.app.submissions[0]["newMessage"] == "When are you open?"
    out, err = capsys.readouterr()
    assert (without_times(out), err) == (
        f"Checking {site_name(out)}\n\n"
        "passed  hours   1 of 1  _ s\n"
        "passed  prices  1 of 1  _ s\n\n"
        "2 cases passed.\n",
        "",
    )


def test_a_case_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop(changed=True)) as site:
        assert main(["check", "--site", site.url, "-b", "b1", write(tmp_path, HOURS + PRICES)]) == 1
    out = without_times(capsys.readouterr().out)
    assert out == (
        f"Checking b1 at {site_name(out)}\n\n"
        "passed  hours   1 of 1  _ s\n"
        "FAILED  prices  0 of 1  _ s\n"
        '        The reply does not match "\\\\d+ euros".\n'
        "        > I do not know prices.\n\n"
        "1 of 2 cases failed.\n"
    )


def test_the_change_of_a_bot_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write(tmp_path, HOURS + PRICES)
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


def test_two_bots_of_a_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop()) as site:
        arguments = ["--site", site.url, "-b", "old", "--against-bot", "new"]
        assert main(["check", *arguments, "--repeat", "3", write(tmp_path, HOURS)]) == 0
        asked = [submission["botId"] for submission in site.app.submissions]
    assert sorted(asked) == ["new"] * 3 + ["old"] * 3
    assert re.match(r"A: old at 127.0.0.1:\d+\nB: new at 127.0.0.1", capsys.readouterr().out)


def test_two_entries_of_the_configuration_file(
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
        assert main(["check", *arguments, write(tmp_path, HOURS)]) == 0
        asked = {
            (sent["model"], sent.get("instructions"), sent["botId"])
            for sent in site.app.submissions
        }
    assert asked == {("m2", "Be brief.", "default"), ("m1", None, "b2")}
    out = capsys.readouterr().out
    assert re.match(r"A: 127.0.0.1:\d+, m2\nB: b2 at 127.0.0.1:\d+, m1\n", out)


def test_parameters_hold_for_all_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They override the site's entry; what a case says itself overrides them."""
    own = "model = 'm3'\nsystem = 'Be kind.'\nparams = {maxTokens = 5}\n"
    cases = write(tmp_path, f"{HOURS}{PRICES}{own}")
    with LocalSite(bot=shop()) as site:
        (tmp_path / "config.toml").write_text(
            f"[sites.a]\nurl = '{site.url}'\nmodel = 'm1'\nsystem = 'Be brief.'\n"
        )
        options = ["-m", "m2", "-s", "", "-p", "maxTokens", "9", "-p", "scope", "x"]
        arguments = ["--site", site.url, "--against", "a", *options, "-n", "1"]
        assert main(["check", *arguments, cases]) == 0
        names = ("model", "instructions", "maxTokens", "scope")
        hours, prices = (
            [
                [sent.get(name) for name in names]
                for sent in site.app.submissions
                if sent["newMessage"] == prompt
            ]
            for prompt in ("When are you open?", "How much is a ticket?")
        )
    assert hours == [["m2", None, 9, "x"]] * 2
    assert prices == [["m3", "Be kind.", 5, "x"]] * 2
    assert re.match(r"A: 127.0.0.1:\d+, m2\nB: 127.0.0.1:\d+, m2\n", capsys.readouterr().out)


def test_a_conversation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = write(
        tmp_path,
        """
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
    """,
    )
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
    counts: str, code: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalSite(bot=now_and_then(5)) as site:
        assert main(["check", "--site", site.url, write(tmp_path, HOURS + counts)]) == code
        chats = [submission["chatId"] for submission in site.app.submissions]
    assert len(set(chats)) == len(chats)
    out = capsys.readouterr().out
    assert line in out
    total = len(chats)
    assert (f"{total // 5} of {total}: The reply does not contain" in out) == (code == 1)


def test_another_number_of_repeats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=now_and_then(5)) as site:
        cases = write(tmp_path, HOURS + "repeat = 5\npass = 4")
        assert main(["check", "--site", site.url, "--repeat", "10", cases]) == 0
    assert "passed  hours  8 of 10" in capsys.readouterr().out


def test_chosen_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with LocalSite(bot=shop(changed=True)) as site:
        cases = write(tmp_path, HOURS + PRICES)
        assert main(["check", "--site", site.url, "-k", "HOUR", cases]) == 0
        assert "1 case passed." in capsys.readouterr().out
        assert len(site.app.submissions) == 1
        assert main(["check", "--site", site.url, "-k", "place", cases]) == 2
    assert capsys.readouterr().err == "chatgpt4online: No case has 'place' in its name.\n"


@pytest.mark.parametrize(("option", "concurrency"), [("--concurrency", 1), ("-n", 3)])
def test_concurrency(option: str, concurrency: int, tmp_path: Path) -> None:
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

    arguments = [option, str(concurrency), "--repeat", "6", write(tmp_path, HOURS)]
    with LoopbackServer(ai_site(submit)) as server:
        assert main(["check", "--site", server.url, *arguments]) == 0
        assert len(server.prompts) == 6
    assert most == concurrency


def test_json_is_asked_of_the_whole_reply(tmp_path: Path) -> None:
    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "```json\n" + json.dumps({"open": True, "until": 16}) + "\n```"

    with LocalSite(bot=bot) as site:
        for expected, code in (("{ open = true }", 0), ("{ open = false }", 1)):
            cases = write(tmp_path, f'[[case]]\nname = "a"\nprompt = "A"\njson = {expected}')
            assert main(["check", "--site", site.url, cases]) == code


def test_a_password_in_the_environment_is_not_for_the_second_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalSite(bot=shop(), users={"ann": "abcd 1234"}) as first, LocalSite() as second:
        config = f'[sites.a]\nurl = "{first.url}"\nuser = "ann"\n'
        config += f'[sites.b]\nurl = "{second.url}"\nuser = "ann"\n'
        (tmp_path / "config.toml").write_text(config)
        monkeypatch.setenv("CHATGPT4ONLINE_PASSWORD", "abcd 1234")
        cases = write(tmp_path, HOURS)
        assert main(["check", "--site", "a", cases]) == 0
        assert main(["check", "--site", "a", "--against", "b", cases]) == 2
        assert f"No secret of ann at {second.url} is given" in capsys.readouterr().err
        assert not second.app.submissions
