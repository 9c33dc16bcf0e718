"""What one turn shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chatgpt4online.server import LocalSite

from ...loopback import (
    CHUNKED,
    FRAMINGS,
    Connection,
    Framing,
    Handler,
    LoopbackServer,
    Received,
    chunk,
    cut,
    end,
    live,
    reply_with,
    response,
    send,
)
from .sites import (
    CLOUDFLARE,
    LONG_PROMPT,
    NO_ROUTE,
    Inspect,
    buffering_proxy,
    plain_site,
)

WALL_TITLES = ("The client is blocked", "Too many requests", "WordPress is in maintenance")


@pytest.mark.parametrize(
    ("headers", "gzipped", "advice"),
    [
        (["Server: nginx/1.22"], False, "nginx: proxy_buffering off"),
        ([], False, "nginx: proxy_buffering off"),
        (["Server: LiteSpeed"], False, "LiteSpeed: Response Buffering"),
        (["Server: Apache"], True, "Compress everything but text/event-stream"),
        (["Server: Apache"], False, "flushpackets=on"),
        (["Server: cloudflare", "CF-RAY: 1"], False, "Cloudflare: a configuration rule"),
    ],
)
def test_a_site_behind_a_buffering_proxy(
    headers: list[str],
    gzipped: bool,
    advice: str,
    inspect: Inspect,
    ticks: Callable[[float], None],
) -> None:
    ticks(2.0)
    with (
        LocalSite() as site,
        LoopbackServer(buffering_proxy(site.url, *headers, gzipped=gzipped)) as proxy,
    ):
        found = inspect(proxy.url, "--prompt", LONG_PROMPT)
    assert found.problems == ["Something buffers the stream"]
    assert advice in found.findings["Something buffers the stream"]["advice"]
    assert "all at once" in found.findings["Something buffers the stream"]["detail"]
    assert found.level("The reply is compressed with gzip") == ("note" if gzipped else None)
    assert found.report["turn"]["bursts"] == 1


@pytest.mark.parametrize("seconds", [0.1, 2.0])
def test_the_same_site_without_the_proxy(
    seconds: float, inspect: Inspect, ticks: Callable[[float], None]
) -> None:
    ticks(seconds)
    with LocalSite() as site:
        found = inspect(site.url, "--prompt", LONG_PROMPT)
        assert len(site.app.submissions) == 1
    assert (found.code, found.level("Streaming")) == (0, "ok")
    assert found.level("Keep-alive") == "ok"
    turn = found.report["turn"]
    assert (turn["pieces"], turn["complete"]) == (16, True)
    assert turn["last_piece"] - turn["first_piece"] == pytest.approx(15 * seconds)


def test_events_that_are_labelled_as_json(inspect: Inspect, ticks: Callable[[float], None]) -> None:
    ticks(2.0)
    head = CHUNKED.replace(b"text/event-stream", b"application/json")
    body = b"".join(map(chunk, [live("Hel"), live("lo"), live("!"), end("Hello!"), b""]))
    with LoopbackServer(plain_site(send(head + body))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.level("Streaming") == "ok"


def test_a_reply_in_bursts(inspect: Inspect, ticks: Callable[[float], None]) -> None:
    ticks(2.0)
    burst = live("word ") * 12
    with LoopbackServer(plain_site(reply_with(burst, burst, burst, end("word " * 36)))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.problems == ["Something buffers the stream"]
    assert "36 pieces came in 3 bursts" in found.findings["Something buffers the stream"]["detail"]


def test_a_model_that_thinks_before_it_is_quick(
    inspect: Inspect, ticks: Callable[[float], None]
) -> None:
    ticks(2.0)
    status = b'data: {"type":"live","subtype":"status","data":"Thinking..."}\n\n'
    reply = live("word ") * 12 + end("word " * 12)
    with LoopbackServer(plain_site(reply_with(status, reply))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.level("It cannot be told whether the reply streams") == "note"


@pytest.mark.parametrize(("seconds", "pieces"), [(2.0, 9), (0.1, 12)])
def test_a_reply_that_is_too_short_or_too_quick(
    seconds: float, pieces: int, inspect: Inspect, ticks: Callable[[float], None]
) -> None:
    ticks(seconds)
    reply = live("word ") * pieces + end("word " * pieces)
    with LoopbackServer(plain_site(reply_with(reply))) as server:
        found = inspect(server.url, "--prompt", "Hi")
    assert found.level("It cannot be told whether the reply streams") == "note"
    assert found.code == 0


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda item: item.name)
def test_compression_and_keep_alive(
    framing: Framing, inspect: Inspect, ticks: Callable[[float], None]
) -> None:
    ticks(2.0)
    framing = framing.new()

    def submit(connection: Connection, request: Received) -> None:
        body = [framing.encode(live("word ")) for _ in range(12)]
        connection.send(framing.head + b"".join(body) + framing.encode(end("word " * 12)))
        connection.send(framing.finish())
        if not framing.chunked:
            connection.close()

    with LoopbackServer(plain_site(submit)) as server:
        found = inspect(server.url, "--prompt", "Hi")
    gzipped = framing.name.startswith("gzip")
    assert found.level("The reply is compressed with gzip") == ("note" if gzipped else None)
    assert found.level("Keep-alive") == ("ok" if framing.chunked else None)
    assert found.report["turn"]["pieces"] == 12
    if framing.chunked:
        assert found.level("Streaming") == "ok"


@pytest.mark.parametrize(
    ("submit", "title"),
    [
        (send(response({"success": True, "reply": "Hello"}, 200, "Content-Type: application/json")),
         "The site does not stream"),
        (reply_with(live("x" * 200) + end("x" * 200)), "The chatbot does not stream"),
        (reply_with(b'data: {"type":"error","data":"Out of credit."}\n\n'), "The reply failed"),
        (send(response({"success": False, "message": "No."}, 403)), "The prompt is rejected"),
        (send(response({"success": False, "message": "", "overLimit": True}, 429)),
         "The usage limit is reached"),
        (cut(CHUNKED + chunk(live("Hel"))), "The reply broke off"),
        (send(response("<b>Fatal error</b>", 500)), "The site has an error of its own"),
        (send(response(CLOUDFLARE, 403)), "The client is blocked"),
        (send(response("", 429, "Retry-After: 1")), "Too many requests"),
        (send(response('{"code":"wp_die","message":"m"}', 503)), "WordPress is in maintenance"),
        (send(NO_ROUTE), "AI Engine is not there"),
        (send(response("", 302, "Location: https://site.invalid/?secret=1")),
         "The site redirects"),
    ],
)  # fmt: skip
def test_a_turn_that_fails(submit: Handler, title: str, inspect: Inspect) -> None:
    with LoopbackServer(plain_site(submit)) as server:
        found = inspect(server.url, "--prompt", "Hi")
        assert len(server.prompts) == 1
    assert found.problems == [title]
    assert found.level("Walls") == (None if title in WALL_TITLES else "ok")
    assert "secret" not in found.out


@pytest.mark.parametrize(
    ("options", "title", "sent"),
    [
        ({"max_length": 5}, "The prompt is too long", 0),
        ({"approval": "delete_post"}, "The chatbot waits for an approval", 1),
        ({"max_prompts": 0}, "The usage limit is reached", 0),
    ],
)
def test_a_site_that_refuses(
    options: dict[str, Any], title: str, sent: int, inspect: Inspect
) -> None:
    with LocalSite(**options) as site:
        assert inspect(site.url, "--prompt", "Hello there").problems == [title]
        assert len(site.app.submissions) == sent
