"""What passes through a server, and through several: pieces, errors, limits and cuts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from openai import (
    APIError,
    APIStatusError,
    BadRequestError,
    InternalServerError,
    RateLimitError,
)

from chatgpt4online import AsyncClient, Client, Message, errors
from chatgpt4online.models import ActivityEvent
from chatgpt4online.protocol.site import Era
from chatgpt4online.server import LocalSite
from chatgpt4online.server.sources import BotSource, LimitedSource

from ..drivers import NO_RETRY
from ..loopback import CHUNKED, WAIT_LIMIT, Handler, LoopbackServer, cut, send
from .servers import (
    event,
    handing_out,
    piece,
    refused,
    running,
    site,
    streamed,
    upstream,
)
from .test_openai_clients import HELLO, client

QUOTA = ("No quota.", "insufficient_quota")


def test_a_reply_streams_through_two_servers_piece_by_piece() -> None:
    """Each piece is handed out only once the one before has come through all of it."""
    with (
        handing_out() as (control, server),
        running(upstream(server.url)) as back,
        running(site(back)) as front,
        Client(front) as asking,
    ):
        control.hand_out("One")
        with asking.stream("Hello there") as stream:
            assert next(stream) == "One"
            for text in (" two", " three"):
                control.hand_out(text)
                assert next(stream) == text
            control.finish()
            assert list(stream) == []
            assert stream.reply.text == "One two three"


def test_a_reply_streams_through_openais_dialect_piece_by_piece() -> None:
    with (
        handing_out() as (control, server),
        running(upstream(server.url)) as back,
        running(site(back)) as front,
        client(front) as ai,
    ):
        control.hand_out("One")
        with ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks:
            texts = (chunk.choices[0].delta.content for chunk in chunks)
            assert [next(texts), next(texts)] == ["", "One"]
            control.hand_out(" two")
            assert next(texts) == " two"
            control.finish()
            assert list(texts) == [None]


@pytest.mark.parametrize("era", Era)
def test_every_era_in_front_of_every_era(era: Era) -> None:
    for behind in Era:
        with LocalSite(era=behind) as local, running(site(local.url), era=era) as front:
            with Client(front) as asking:
                chat = asking.conversation()
                for _ in range(2):
                    assert chat.generate("Hi").text.startswith("You said: Hi (1 word")
        ids = {body["chatId"] for body in local.app.submissions}
        assert ids == {chat.chat_id}


def test_the_reply_is_the_sites_own() -> None:
    with LocalSite() as local, running(site(local.url)) as front:
        with Client(local.url) as asking:
            theirs = asking.generate("Hi")
        with Client(front) as asking:
            ours = asking.generate("Hi")
            kinds = [type(item) for item in asking.stream("Hi").events()]
        assert (ours.usage, ours.shortcuts) == (theirs.usage, theirs.shortcuts)
        assert kinds[:2] == [ActivityEvent, ActivityEvent]  # the status of each site


# What an upstream answers, and what that is for a client of AI Engine and of OpenAI's API.
REFUSALS: dict[str, tuple[Handler, type[Exception], type[APIStatusError], int, str]] = {
    "key": (
        refused(401, "Incorrect API key: sk-secret"),
        errors.ReplyError, InternalServerError, 502, "refused the API key",
    ),
    "bad request": (
        refused(400, "No such thing."),
        errors.QueryRejected, BadRequestError, 400, "No such thing.",
    ),
    "too long": (
        refused(400, "Too long.", "context_length_exceeded"),
        errors.QueryRejected, BadRequestError, 400, "Too long.",
    ),
    "quota": (refused(429, *QUOTA), errors.LimitReached, RateLimitError, 429, "No quota."),
    "rate": (
        refused(429, "Slow down.", None, "Retry-After: 7"),
        errors.RateLimited, RateLimitError, 429, "Slow down.",
    ),
    "no model": (
        refused(404, "No such model."),
        errors.ReplyError, InternalServerError, 502, "No such model.",
    ),
    "broken": (
        send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"),
        errors.ReplyError, InternalServerError, 502, "HTTP status 500",
    ),
    "no answer": (cut(), errors.ReplyError, InternalServerError, 502, "No answer"),
    "no stream": (streamed(), errors.IncompleteReply, InternalServerError, 502, "broke off"),
    "no JSON": (
        streamed(b"data: <html>\n\n"),
        errors.ReplyError, InternalServerError, 502, "something else",
    ),
}  # fmt: skip


def ask(front: str, *, stream: bool = True) -> str:
    """Ask by a client of its own, which no earlier answer makes wait."""
    with Client(front, retry=NO_RETRY) as asking:
        return asking.generate("Hi", stream=stream).text


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal(name: str) -> None:
    handler, ours, theirs, status, text = REFUSALS[name]
    with (
        LoopbackServer(handler) as server,
        running(upstream(server.url)) as front,
        client(front, max_retries=0 if name == "rate" else 2) as ai,
    ):
        for stream in (True, False):
            expected = ours
            if ours is errors.IncompleteReply and not stream:
                expected = errors.ReplyError
            with pytest.raises(expected) as caught:
                ask(front, stream=stream)
            assert type(caught.value) is expected
            if expected is not errors.IncompleteReply:
                assert text in str(caught.value)
            with pytest.raises(theirs, match=text) as other:
                ai.chat.completions.create(model="default", messages=HELLO, stream=stream)
            assert other.value.status_code == status
            assert "sk-secret" not in f"{caught.value} {other.value}"
            if name == "rate":
                assert isinstance(caught.value, errors.RateLimited)
                assert caught.value.retry_after == 7
            should_retry = other.value.response.headers["x-should-retry"]
            assert should_retry == ("true" if name == "rate" else "false")
    assert len(server.requests) == 4  # the openai package does not try again


def ask_both(front: str) -> tuple[errors.ChatError, str, APIError]:
    """Return how a stream fails in both dialects, and the text that had come in the second."""
    text = ""
    with Client(front, retry=NO_RETRY) as asking, client(front) as ai:
        with pytest.raises(errors.ChatError) as ours:
            asking.generate("Hi")
        with pytest.raises(APIError) as theirs:
            with ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks:
                for chunk in chunks:
                    text += chunk.choices[0].delta.content or ""
    return ours.value, text, theirs.value


@pytest.mark.parametrize("complete", [True, False], ids=["without its end", "cut"])
def test_a_reply_that_breaks_off(complete: bool) -> None:
    handler = streamed(piece("One"), piece(" two"), complete=complete)
    with LoopbackServer(handler) as server, running(upstream(server.url)) as back:
        with running(site(back)) as front:
            for url in (back, front):
                ours, text, theirs = ask_both(url)
                assert isinstance(ours, errors.IncompleteReply)
                assert (ours.partial_text, text) == ("One two", "One two")
                assert theirs.code == "incomplete_reply"


def test_an_error_in_a_stream() -> None:
    error = event({"error": {"message": "It broke.", "code": None, "type": "t", "param": None}})
    with LoopbackServer(streamed(piece("One"), error)) as server:
        with running(upstream(server.url)) as back, running(site(back)) as front:
            for url in (back, front):
                ours, text, theirs = ask_both(url)
                assert type(ours) is errors.ReplyError
                assert (ours.message[-9:], ours.partial_text, text) == ("It broke.", "One", "One")
                assert "It broke." in theirs.message


def test_what_a_site_refuses() -> None:
    cases: list[tuple[dict[str, Any], type[errors.ChatError], int]] = [
        ({"max_length": 1}, errors.QueryRejected, 400),
        ({"max_prompts": 0}, errors.LimitReached, 429),
        ({"masked_errors": True, "bot": failing_bot}, errors.ReplyError, 502),
        ({"approval": "delete_post"}, errors.ApprovalRequired, 502),
    ]
    for options, kind, status in cases:
        with LocalSite(**options) as local, running(site(local.url)) as front:
            with Client(front, retry=NO_RETRY) as asking, client(front) as ai:
                for stream in (True, False):
                    with pytest.raises(kind) as caught:
                        asking.generate("Hi there", stream=stream)
                    assert type(caught.value) is kind
                    with pytest.raises(APIStatusError) as other:
                        ai.chat.completions.create(model="default", messages=HELLO, stream=stream)
                    assert other.value.status_code == status


def failing_bot(messages: Sequence[Message]) -> Iterator[str]:
    raise ValueError("private")
    yield ""


def test_a_site_that_is_not_there(dead_port: int) -> None:
    for source in (site, upstream):
        with running(source(f"http://127.0.0.1:{dead_port}")) as front, Client(front) as asking:
            with pytest.raises(errors.ReplyError, match=r"Connection (refused|error)"):
                asking.generate("Hi")


@pytest.mark.parametrize("dialect", ["AI Engine", "OpenAI"])
def test_a_client_that_leaves_ends_the_reply(dialect: str) -> None:
    with handing_out() as (control, server), running(upstream(server.url)) as front:
        control.hand_out("One")
        control.wait_for_leaving()
        if dialect == "OpenAI":
            with (
                client(front) as ai,
                ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks,
            ):
                next(chunks)
        else:
            with Client(front) as asking, asking.stream("Hi") as stream:
                next(stream)
        assert control.left.wait(WAIT_LIMIT)


def test_a_stop_text_ends_the_reply_behind() -> None:
    with handing_out() as (control, server), running(upstream(server.url)) as front:
        control.hand_out("One. Two")
        control.wait_for_leaving()
        with client(front) as ai:
            answer = ai.chat.completions.create(model="default", messages=HELLO, stop=".")
        assert answer.choices[0].message.content == "One"
        assert control.left.wait(WAIT_LIMIT)


def test_a_slow_reply_holds_nobody_up() -> None:
    async def run() -> None:
        async with AsyncClient(front) as asking:
            async with asking.stream("Hi") as stream:
                assert await anext(stream) == "One"
                control.hand_out("Two")
                control.finish()
                assert (await asking.generate("Hi")).text == "Two"
                await stream.close()

    with (
        handing_out() as (control, server),
        running(upstream(server.url)) as front,
    ):
        control.hand_out("One")
        control.wait_for_leaving()
        asyncio.run(run())


def limited(per_minute: int, clock: Callable[[], float]) -> Callable[[], LimitedSource]:
    return lambda: LimitedSource(BotSource(lambda messages: ["Yes"]), per_minute, clock)


def test_the_limit_of_prompts_per_minute() -> None:
    now = 1000.0
    with running(limited(3, lambda: now)) as front:
        with client(front, max_retries=0) as ai:
            for _ in range(3):
                assert ask(front) == "Yes"
            for stream in (True, False):
                with pytest.raises(errors.RateLimited, match="Too many prompts") as caught:
                    ask(front, stream=stream)
                assert (caught.value.retry_after, caught.value.retryable) == (20, True)
                with pytest.raises(RateLimitError) as other:
                    ai.chat.completions.create(model="default", messages=HELLO, stream=stream)
                assert other.value.code == "rate_limit_exceeded"
                assert other.value.response.headers["retry-after"] == "20"
            now += 20
            assert ask(front) == "Yes"
            with pytest.raises(errors.RateLimited):
                ask(front)
            now += 600
            for _ in range(3):
                assert ask(front) == "Yes"
            with pytest.raises(errors.RateLimited):
                ask(front)


def test_a_limit_behind_a_site_holds_nobody_up() -> None:
    with running(limited(1, lambda: 1000.0)) as back, running(site(back)) as front:
        assert ask(front) == "Yes"
        for _ in range(3):
            with pytest.raises(errors.RateLimited) as caught:
                ask(front)
            assert caught.value.retry_after == 60


def test_a_stream_with_nothing_but_its_head() -> None:
    with LoopbackServer(cut(CHUNKED)) as server, running(upstream(server.url)) as front:
        ours, text, theirs = ask_both(front)
        assert isinstance(ours, errors.IncompleteReply)
        assert (text, theirs.code) == ("", "incomplete_reply")
