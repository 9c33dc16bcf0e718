"""The command ``serve``, and how a server ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests
from openai import APIError

from chatgpt4online import Client, IncompleteReply, Message
from chatgpt4online.cli import main
from chatgpt4online.server import LocalSite
from chatgpt4online.server.sources import BotSource

from ..commands import COMMAND, heed_ctrl_c
from ..loopback import WAIT_LIMIT
from .servers import handing_out, running, upstream
from .test_openai_clients import HELLO, SAID, client


@contextlib.contextmanager
def serving(*options: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command. Yields its process and its address."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        # A test may run where SIGINT is ignored, as it is in the background of a shell.
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            second = process.stdout.readline()
            url = first.removeprefix("AI Engine: ").strip()
            assert second == f"OpenAI:    {url}/v1\n"
            yield process, url
        finally:
            if process.poll() is None:
                process.kill()


def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """End a process by a signal and return what it has written to stderr."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=WAIT_LIMIT)
    assert process.returncode == 0
    return errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_offline_bot(number: signal.Signals) -> None:
    with serving("--era", "1.x") as (process, url):
        with Client(url) as asking:
            assert "Hello there" in asking.generate("Hello there").text
            assert asking.open_session() is None
        with client(url) as ai:
            ai.chat.completions.create(model="default", messages=HELLO)
        log = end(process, number)
    assert "POST /v1/chat/completions 200" in log
    assert "Hello there" not in log


def test_an_upstream_with_its_key() -> None:
    with running(api_key="k") as behind:
        options = ("--upstream", behind, "--model", "default")
        with serving(*options, OPENAI_API_KEY="k") as (process, url):
            with client(url) as ai:
                answer = ai.chat.completions.create(model="default", messages=HELLO)
                assert answer.choices[0].message.content == SAID
            end(process, signal.SIGTERM)


def test_a_site_with_a_limit_and_a_key() -> None:
    with LocalSite() as site:
        options = ("--site", site.url, "--bot", "shop", "--rate", "1")
        with serving(*options, CHATGPT4ONLINE_API_KEY="k") as (process, url):
            with client(url, "k", max_retries=0) as ai:
                assert [model.id for model in ai.models.list()] == ["shop"]
                ai.chat.completions.create(model="shop", messages=HELLO)
                with pytest.raises(APIError, match="Too many prompts"):
                    ai.chat.completions.create(model="shop", messages=HELLO)
            assert requests.get(f"{url}/v1/models", timeout=20).status_code == 401
            log = end(process, signal.SIGTERM)
        assert "k" not in log.split()
    assert [body["botId"] for body in site.app.submissions] == ["shop"]


def test_a_running_reply_may_end() -> None:
    stopped = threading.Event()

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        yield "One"
        assert stopped.wait(WAIT_LIMIT)
        yield " two"

    with running(lambda: BotSource(bot)) as behind, serving("--site", behind) as (process, url):
        with Client(url) as asking, asking.stream("Hi") as stream:
            assert next(stream) == "One"
            process.send_signal(signal.SIGTERM)
            wait_until_it_listens_no_more(url)
            stopped.set()
            assert list(stream) == [" two"]
        assert process.wait(WAIT_LIMIT) == 0


def test_a_second_ctrl_c_ends_replies_at_once() -> None:
    with LocalSite(bot=endless_bot) as site, serving("--site", site.url) as (process, url):
        with Client(url) as asking, asking.stream("Hi") as stream:
            assert next(stream) == "One"
            process.send_signal(signal.SIGINT)
            wait_until_it_listens_no_more(url)
            process.send_signal(signal.SIGINT)
            with pytest.raises(IncompleteReply):
                list(stream)
        assert process.wait(WAIT_LIMIT) == 130


def endless_bot(messages: Sequence[Message]) -> Iterator[str]:
    while True:
        yield "One"


def wait_until_it_listens_no_more(url: str) -> None:
    with contextlib.suppress(requests.ConnectionError):
        while True:
            requests.get(f"{url}/healthz", timeout=20)


def test_a_reply_that_does_not_end_is_cut() -> None:
    with handing_out() as (control, server):
        control.hand_out("One")
        control.wait_for_leaving()
        with contextlib.ExitStack() as asking:
            with running(upstream(server.url), drain=0.01) as url:
                stream = asking.enter_context(Client(url)).stream("Hi")
                assert next(stream) == "One"
            with stream, pytest.raises(IncompleteReply):
                next(stream)
        assert control.left.wait(WAIT_LIMIT)


MISTAKES = {
    ("--upstream", "http://127.0.0.1:1"): "Pass --upstream and --model together.",
    ("--model", "small"): "Pass --upstream and --model together.",
    ("--upstream", "http://a", "--model", "b", "--site", "http://c"): "not both",
    ("--upstream", "localhost:11434", "--model", "b"): "must be a URL",
    ("--bot", "shop"): "--bot is a chatbot of a --site.",
    ("--site", "nowhere"): "no site 'nowhere'",
    ("--host", "0.0.0.0"): "needs an API key",
}


@pytest.mark.parametrize("options", MISTAKES)
def test_a_mistake(options: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0", *options]) == 2
    assert MISTAKES[options] in capsys.readouterr().err


def test_data_is_kept_and_locked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def ask(text: str) -> str:
        with running(data=tmp_path) as url, Client(url) as asking:
            assert main(["serve", "--port", "0", "--data", str(tmp_path)]) == 2
            return asking.conversation("a chat").generate(text).text

    assert ask("One") == "You said: One (1 word)"
    assert "is in use by another process" in capsys.readouterr().err
    assert ask("Two") == "You said: Two (1 word, message 3 of this conversation)"
