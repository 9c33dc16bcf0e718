"""`batch`: many prompts, several at a time."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chatgpt4online import AsyncClient, BatchResult, Client, Message, RetryPolicy, UsageError, batch
from chatgpt4online.server import LocalSite

from .drivers import NO_BACKOFF, NO_RETRY
from .loopback import (
    CHUNKED,
    HELLO,
    WAIT_LIMIT,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    chunk,
    cut,
    end,
    live,
    reply_with,
    response,
    send,
    stall,
)


def numbered(taken: list[str]) -> Iterator[str]:
    """Yield prompts without end, and note which were taken."""
    for number in itertools.count():
        taken.append(f"Prompt {number}")
        yield taken[-1]


def by_prompt(handlers: dict[str, Handler]) -> Handler:
    """Return a submit handler that has a handler for each prompt."""
    return lambda connection, request: handlers[request.json["newMessage"]](connection, request)


def test_every_prompt_has_its_reply() -> None:
    prompts = [f"Prompt {number}" for number in range(20)]
    with LocalSite() as site, Client(site.url) as client:
        results = list(batch(client, prompts, concurrency=4))
        assert sorted(item["newMessage"] for item in site.app.submissions) == sorted(prompts)
    assert sorted(result.index for result in results) == list(range(20))
    for result in results:
        assert result.reply is not None
        assert result.row == prompts[result.index]
        assert result.reply.text == f"You said: {result.row} (2 words)"
        assert (result.error, result.outcome) == (None, "replied")


def test_no_more_calls_than_allowed_and_all_of_them_at_once() -> None:
    together = threading.Barrier(3)
    now = most = 0

    def submit(connection: Connection, request: Received) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        together.wait(WAIT_LIMIT)
        now -= 1
        HELLO(connection, request)

    with LoopbackServer(ai_site(submit)) as server, Client(server.url) as client:
        assert len(list(batch(client, ["Hi"] * 9, concurrency=3))) == 9
    assert most == 3


def test_prompts_are_taken_when_they_can_be_sent() -> None:
    taken: list[str] = []
    with LocalSite() as site, Client(site.url) as client:
        results = batch(client, numbered(taken), concurrency=3)
        assert taken == []
        for count in range(1, 10):
            next(results)
            assert len(taken) < count + 3
        results.close()


def test_a_row_can_have_options_of_its_own() -> None:
    rows: list[Any] = [
        {"prompt": "One", "model": "m1", "temperature": 0.5, "id": "secret", "instructions": None},
        {"prompt": [Message("user", "Two")], "params": {"envId": "e"}},
        "Three",
    ]
    with LocalSite() as site, Client(site.url) as client:
        results = list(batch(client, rows, concurrency=1, model="m0", instructions="Be brief."))
        one, two, three = site.app.submissions
    assert [result.row for result in results] == rows
    assert (one["model"], one["temperature"], one["instructions"]) == ("m1", 0.5, "Be brief.")
    assert "secret" not in str(one)
    assert (two["newMessage"], two["model"], two["envId"]) == ("Two", "m0", "e")
    assert (three["newMessage"], three["model"]) == ("Three", "m0")


WALL = response("<title>Just a moment...</title>", 403)
BROKEN = response("<b>Fatal error</b>", 500)
BUSY = response("", 503, "Retry-After: 0")
PARTIAL = CHUNKED + chunk(live("Hel"))
FAILED_EVENT = b'data: {"type":"error","data":"The model stopped."}\n\n'
APPROVAL = end("Let me look.", approval={"tool": "shell", "args": {}})
REFUSAL = response({"success": False, "message": "The model is busy."}, 500)


def test_an_async_client() -> None:
    with pytest.raises(UsageError, match="takes a Client"):
        next(batch(AsyncClient("http://127.0.0.1:1"), ["Hi"]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("submit", "outcome", "error"),
    [
        (send(BUSY), "failed", "Blocked"),
        (send(WALL), "failed", "Blocked"),
        (send(REFUSAL), "failed", "ReplyError"),
        (send(BROKEN), "unknown", "StatusError"),
        (send(response("<html>Fatal error</html>")), "unknown", "StatusError"),
        (send(response({"success": True})), "unknown", "ProtocolError"),
        (cut(), "unknown", "TransportError"),
        (send(PARTIAL + chunk(FAILED_EVENT)), "unknown", "ReplyError"),
        (send(CHUNKED + chunk(APPROVAL)), "unknown", "ApprovalRequired"),
        (cut(PARTIAL), "unknown", "IncompleteReply"),
        (stall(), "unknown", "ChatTimeout"),
    ],
)
def test_outcomes(submit: Handler, outcome: str, error: str) -> None:
    with (
        LoopbackServer(ai_site(submit)) as server,
        Client(server.url, retry=NO_RETRY) as client,
    ):
        timeout = 0.5 if error == "ChatTimeout" else None
        (result,) = batch(client, ["Hi"], timeout=timeout)
    assert (result.outcome, type(result.error).__name__) == (outcome, error)
    shown: dict[str, Any] = {"type": error, "message": str(result.error)}
    if getattr(result.error, "partial_text", ""):
        shown["partial_text"] = "Hel"
    assert result.as_dict() == {"outcome": outcome, "error": shown}


def test_what_was_not_sent_has_failed(dead_port: int) -> None:
    with Client(f"http://127.0.0.1:{dead_port}", retry=NO_RETRY) as client:
        results = list(batch(client, ["Hi", " ", {"id": 1}], ordered=True))
    assert [result.outcome for result in results] == ["failed"] * 3
    assert [type(result.error).__name__ for result in results] == [
        "ConnectError", "UsageError", "UsageError",
    ]  # fmt: skip


def test_a_result_as_a_dict_and_its_repr() -> None:
    with LocalSite() as site, Client(site.url) as client:
        (result,) = batch(client, ["A secret"])
    shown = result.as_dict()
    assert (shown["outcome"], shown["reply"]) == ("replied", "You said: A secret (2 words)")
    assert shown["usage"]["completion_tokens"] == 6
    assert repr(result) == "BatchResult(index=0, error=None)"


def test_a_failed_prompt_is_tried_again_and_does_not_end_the_batch() -> None:
    busy = itertools.chain([True], itertools.repeat(False))

    def flaky(connection: Connection, request: Received) -> None:
        (send(BUSY) if next(busy) else HELLO)(connection, request)

    submit = by_prompt({"a": flaky, "b": cut(), "c": HELLO})
    with LoopbackServer(ai_site(submit)) as server:
        with Client(server.url, retry=NO_BACKOFF) as client:
            results = batch(client, list("abc"), ordered=True)
            assert [result.outcome for result in results] == ["replied", "unknown", "replied"]
        prompts = sorted(request.json["newMessage"] for request in server.prompts)
    assert prompts == ["a", "a", "b", "c"]


@pytest.mark.parametrize("ordered", [True, False])
def test_order(ordered: bool) -> None:
    b_done = threading.Event()

    def late(connection: Connection, request: Received) -> None:
        assert b_done.wait(WAIT_LIMIT)
        HELLO(connection, request)

    submit = by_prompt({"a": late, "b": HELLO})
    with LoopbackServer(ai_site(submit)) as server, Client(server.url) as client:
        prompts = iter("ab")
        results = batch(client, prompts, ordered=ordered)
        if ordered:
            b_done.set()
        first = next(results)
        b_done.set()
        assert [first.row, next(results).row] == (["a", "b"] if ordered else ["b", "a"])
        assert list(results) == []


def test_few_results_wait_for_their_turn() -> None:
    """While the first reply is missing, only so many other rows are sent."""
    taken: list[str] = []
    release = threading.Event()
    ahead: list[int] = []

    def submit(connection: Connection, request: Received) -> None:
        if request.json["newMessage"] == "Prompt 0":
            assert release.wait(WAIT_LIMIT)
        elif request.json["newMessage"] == "Prompt 31":
            ahead.append(len(taken))
            release.set()
        HELLO(connection, request)

    with LoopbackServer(ai_site(submit)) as server, Client(server.url) as client:
        results = batch(client, numbered(taken), ordered=True)
        assert [next(results).index for _ in range(40)] == list(range(40))
        results.close()
    assert ahead == [32]


def test_per_minute() -> None:
    taken: list[str] = []
    with LocalSite() as site, Client(site.url) as client:
        results = batch(client, numbered(taken), concurrency=4, per_minute=1)
        assert next(results).outcome == "replied"
        assert taken == ["Prompt 0"]  # although there is room for three more
        results.close()


def test_all_wait_if_the_site_says_how_long(caplog: pytest.LogCaptureFixture) -> None:
    pausing = threading.Event()
    times = {}

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno == logging.INFO:  # it is going to try again
                pausing.set()

    def busy_once(connection: Connection, request: Received) -> None:
        if "a" in times:
            HELLO(connection, request)
        else:
            times["a"] = time.monotonic()
            connection.send(response("", 429, "Retry-After: 1"))

    def late(connection: Connection, request: Received) -> None:
        assert pausing.wait(WAIT_LIMIT)
        HELLO(connection, request)

    def note(connection: Connection, request: Received) -> None:
        times["c"] = time.monotonic()
        HELLO(connection, request)

    heard, logger = Heard(), logging.getLogger("chatgpt4online")
    caplog.set_level(logging.INFO, "chatgpt4online")
    logger.addHandler(heard)
    submit = by_prompt({"a": busy_once, "b": late, "c": note})
    try:
        with LoopbackServer(ai_site(submit)) as server, Client(server.url) as client:
            assert [item.outcome for item in batch(client, list("abc"))] == ["replied"] * 3
    finally:
        logger.removeHandler(heard)
    assert times["c"] - times["a"] >= 1


def test_closing_gives_up_the_calls_in_flight() -> None:
    given_up = threading.Event()

    def endless(connection: Connection, request: Received) -> None:
        connection.send(CHUNKED)
        try:
            while True:
                connection.send(chunk(live("more ")))
        finally:
            given_up.set()

    submit = by_prompt({"a": reply_with(live("Hello"), end()), "b": endless, "c": HELLO})
    with LoopbackServer(ai_site(submit)) as server, Client(server.url) as client:
        results = batch(client, ["a", "b", "c"], concurrency=2)
        assert next(results).row == "a"
        results.close()
        assert given_up.wait(WAIT_LIMIT)
        assert len(server.prompts) == 2
        assert not [item for item in threading.enumerate() if item.name == "chatgpt4online batch"]


def test_an_error_of_the_prompts_ends_the_batch() -> None:
    def broken() -> Iterator[str]:
        yield "Hi"
        raise LookupError("no more")

    with LocalSite() as site, Client(site.url) as client:
        with pytest.raises(LookupError, match="no more"):
            list(batch(client, broken()))


def test_a_wrong_keyword_is_a_type_error() -> None:
    with LocalSite() as site, Client(site.url) as client:
        with pytest.raises(TypeError, match="modle"):
            list(batch(client, ["Hi"], modle="m"))
        assert not site.app.submissions


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": 1.5},
        {"per_minute": 0},
        {"per_minute": "10"},
        {"per_minute": float("inf")},
    ],
)
def test_invalid_arguments(options: dict[str, Any]) -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(UsageError):
        batch(client, ["Hi"], **options)


@pytest.mark.parametrize("prompts", ["Hi there", {"prompt": "Hi"}])
def test_one_prompt_is_no_batch(prompts: Any) -> None:
    """Otherwise each of its characters would be a prompt."""
    with Client("http://127.0.0.1:1") as client, pytest.raises(UsageError, match="Pass a list"):
        batch(client, prompts)


def test_the_policy_of_the_client_decides_what_is_tried_again() -> None:
    policy = RetryPolicy(attempts=2, backoff=0, retry_if=lambda error: True)
    with LoopbackServer(ai_site(cut())) as server, Client(server.url, retry=policy) as client:
        (result,) = batch(client, ["Hi"])
        assert isinstance(result, BatchResult)
        assert "(2 tries)" in str(result.error)
        assert len(server.prompts) == 2
