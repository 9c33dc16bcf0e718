"""One turn with the chatbot: how its reply arrives, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ...errors import ChatError, UsageError
from ...models import TextEvent
from ...protocol.chat import SUBMIT
from ...protocol.public_api import CHATBOT_QUERY
from ...sync.client import Client
from .failures import ROUTES, explain
from .findings import Finding
from .traffic import Exchange, Traffic

PAUSE = 0.25
"""Seconds without a piece that end a burst."""
FASTEST = 1000
"""Pieces per second; no model writes faster."""
TOLERANCE = 0.05
"""Seconds that reading a burst can take in any case."""
MANY = 10
"""Pieces per burst from which on something seems to have collected them."""
LONG = 1.0
"""Seconds that a reply must take before its bursts mean anything."""
LONG_PIECE = 200
"""Characters that no model writes at once."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How a reply arrived. Times are in seconds since the prompt was sent.

    Attributes:
        exchange: The request that had the prompt; None if none was answered.
        answered: When the head of the response was there; None if it never was.
        first_bytes: When the first bytes of the body were there; None if there were none.
        pieces: When each piece of the text was there.
        characters: The length of the text.
        total: When all was over.
        error: What went wrong; None if nothing did.
    """

    exchange: Exchange | None = field(repr=False)
    answered: float | None
    first_bytes: float | None
    pieces: Sequence[float]
    characters: int
    total: float
    error: ChatError | None = None


def take_turn(client: Client, prompt: str, traffic: Traffic) -> Turn:
    """Send a prompt, and watch its reply arrive.

    Raises:
        UsageError: The prompt cannot be sent.
    """
    started = traffic.now()
    pieces: list[float] = []
    characters, error = 0, None
    try:
        with client.stream(prompt) as stream:
            for event in stream.events():
                if isinstance(event, TextEvent):
                    # A piece is there when its bytes are, however long it waits to be looked at.
                    pieces.append(traffic.exchanges[-1].arrivals[-1] - started)
                    characters += len(event.text)
    except UsageError:
        raise
    except ChatError as caught:
        error = caught
    exchange = traffic.last(SUBMIT, CHATBOT_QUERY)
    arrivals = exchange.arrivals if exchange else []
    return Turn(
        exchange=exchange,
        answered=exchange.answered - started if exchange else None,
        first_bytes=arrivals[0] - started if arrivals else None,
        pieces=tuple(pieces),
        characters=characters,
        total=traffic.now() - started,
        error=error,
    )


def pauses_of(times: Sequence[float]) -> list[float]:
    """Return the pauses between bursts of pieces."""
    gaps = (after - before for before, after in pairwise(times))
    return [gap for gap in gaps if gap >= PAUSE]


def turn_findings(turn: Turn, *, uses_api: bool) -> Iterator[Finding]:
    """Yield what a turn shows.

    Args:
        turn: The turn.
        uses_api: Whether it went through the public API, which does not stream.
    """
    headers = turn.exchange.headers if turn.exchange else {}
    if turn.error is not None:
        yield explain(turn.error, headers, uses_token=uses_api)
    else:
        yield Finding("ok", "The reply is complete", _times(turn))
    if turn.exchange is None or not turn.pieces:
        return
    if uses_api:
        yield Finding("ok", "Streaming", "The public API does not stream.")
    elif len(turn.pieces) == 1 and "json" in headers.get("content-type", ""):
        yield Finding(
            "problem",
            "The site does not stream",
            "It was asked for events, and sent one JSON answer.",
            "Look for a plugin that changes the answers of the REST API. The chatbot's model or "
            "its mode may not stream either.",
        )
    else:
        yield _streaming(turn)
    yield from _connection(turn.exchange)


def _times(turn: Turn) -> str:
    gaps = [after - before for before, after in pairwise(turn.pieces)]
    parts = [f"{_count(turn)} with {turn.characters} characters"]
    if turn.answered is not None:
        parts.append(f"the answer began after {turn.answered:.2f} s")
    if turn.pieces:
        parts.append(f"the first piece came after {turn.pieces[0]:.2f} s")
    if gaps:
        parts.append(f"the last after {turn.pieces[-1]:.2f} s")
        parts.append(f"the longest pause was {max(gaps):.2f} s")
    return ", ".join(parts) + "."


def _streaming(turn: Turn) -> Finding:
    """Return whether the pieces arrive as they are made."""
    count, span = len(turn.pieces), turn.pieces[-1] - turn.pieces[0]
    if _is_collected(turn):
        bursts = len(pauses_of(turn.pieces)) + 1
        how = "all at once" if bursts == 1 else f"in {bursts} bursts"
        return Finding(
            "problem",
            "Something buffers the stream",
            f"{count} pieces came {how}, the last {turn.pieces[-1]:.2f} s after the prompt.",
            _buffering_advice(turn.exchange.headers if turn.exchange else {}),
        )
    if count == 1 and turn.characters >= LONG_PIECE:
        return Finding(
            "problem",
            "The chatbot does not stream",
            f"The site sent events, but all {turn.characters} characters in one of them.",
            "Choose a model that streams. A filter of the site can also hold back the text.",
        )
    if count > 2 and span > TOLERANCE + count / FASTEST:
        return Finding("ok", "Streaming", "The pieces came one after the other.")
    return Finding(
        "note",
        "It cannot be told whether the reply streams",
        f"The reply was too short or too quick: {_count(turn)} in {turn.pieces[-1]:.2f} s.",
        "Inspect with a prompt that has a longer reply.",
    )


def _is_collected(turn: Turn) -> bool:
    """Return whether something between the chatbot and the client has collected the pieces."""
    pieces, pauses = turn.pieces, pauses_of(turn.pieces)
    count, bursts = len(pieces), len(pauses) + 1
    busy = pieces[-1] - pieces[0] - sum(pauses)
    # What lets a status pass before the text does not collect anything.
    early = turn.first_bytes is not None and pieces[0] - turn.first_bytes >= PAUSE
    return (
        pieces[-1] >= LONG
        and count >= MANY * bursts
        and busy <= TOLERANCE * bursts + count / FASTEST
        and not early
    )


def _count(turn: Turn) -> str:
    count = len(turn.pieces)
    return f"{count} piece{'' if count == 1 else 's'}"


def _buffering_advice(headers: Mapping[str, str]) -> str:
    server = headers.get("server", "").lower()
    advice = []
    if "content-encoding" in headers:
        advice.append("Compress everything but text/event-stream: compression collects data.")
    if "cf-ray" in headers or "cloudflare" in server:
        advice.append("Cloudflare: a configuration rule with Response Body Buffering: None.")
    if "litespeed" in server:
        advice.append("LiteSpeed: Response Buffering: No in the external app of PHP.")
    if "apache" in server:
        advice.append("Apache: SetEnv no-gzip 1, and flushpackets=on for PHP-FPM.")
    if not advice or "nginx" in server:
        advice.append(
            f"nginx: proxy_buffering off (fastcgi_buffering off for PHP-FPM) for {ROUTES}, or the "
            "header X-Accel-Buffering: no, which proxy_ignore_headers must not name."
        )
    advice.append(
        "PHP: output_buffering = Off and zlib.output_compression = Off. Other proxies, and plugins "
        "that rewrite pages, can buffer too: switch them off one by one."
    )
    return " ".join(advice)


def _connection(exchange: Exchange) -> Iterator[Finding]:
    encoding = exchange.headers.get("content-encoding")
    if encoding is None:
        yield Finding("ok", "Compression", "The reply is not compressed.")
    else:
        yield Finding(
            "note",
            f"The reply is compressed with {encoding}",
            "Compression collects data before it sends any, which can delay the pieces.",
            "Compress everything but text/event-stream.",
        )
    if exchange.version == "1.0" or "close" in exchange.headers.get("connection", "").lower():
        yield Finding(
            "note",
            "The server closes each connection",
            f"HTTP {exchange.version}, without keep-alive: each turn has to connect anew.",
            "nginx: keepalive_timeout 65. Apache: KeepAlive On. Behind a proxy: "
            "proxy_http_version 1.1.",
        )
    else:
        yield Finding("ok", "Keep-alive", "The connection can be used again.")
