"""Parsing events, without a network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import httpx_sse._decoders
import openai._streaming
import sseclient

from chatgpt4online import Limits
from chatgpt4online.protocol.events import EventParser

from . import traffic
from .report import Table, compare

EVENTS = 20_000
FORMS = {
    "90 bytes": {"length": 55, "detailed": False},
    "140 bytes": {"length": 38, "detailed": True},
}
ONE_EVENT = "one at a time"
WAYS = ("16 KiB at a time", ONE_EVENT)

Feeds = list[bytes]


def base(feeds: Feeds) -> int:
    """Split and `json.loads`."""
    carry, events = b"", []
    for feed in feeds:
        *parts, carry = (carry + feed).split(b"\n\n")
        for part in parts:
            data = json.loads(part[6:])
            events.append((data["type"], data["data"]))
    return len(events)


def ours(feeds: Feeds) -> int:
    parser, events = EventParser(Limits()), []
    for feed in feeds:
        events += parser.feed(feed)
    return len(events)


def by_httpx_sse(feeds: Feeds) -> int:
    lines, decoder, events = (
        httpx_sse._decoders.SSELineDecoder(),
        httpx_sse._decoders.SSEDecoder(),
        [],
    )
    for feed in feeds:
        for line in lines.decode(feed.decode()):
            found = decoder.decode(line)
            if found is not None:
                data = json.loads(found.data)
                events.append((data["type"], data["data"]))
    return len(events)


def by_openai(feeds: Feeds) -> int:
    return _loaded(event.data for event in openai._streaming.SSEDecoder().iter_bytes(iter(feeds)))


def by_sseclient(feeds: Feeds) -> int:
    return _loaded(event.data for event in sseclient.SSEClient(iter(feeds)).events())


def _loaded(events: Iterable[str]) -> int:
    found = []
    for text in events:
        data = json.loads(text)
        found.append((data["type"], data["data"]))
    return len(found)


def by_lines(feeds: Feeds) -> int:
    """The loop of the original provider: line by line."""
    events = []
    for line in _lines(feeds):
        if line.startswith(b"data: "):
            data = json.loads(line[6:])
            if data["type"] == "live":
                events.append(data["data"])
    return len(events)


def _lines(feeds: Feeds) -> Iterator[bytes]:
    carry = b""
    for feed in feeds:
        *lines, carry = (carry + feed).split(b"\n")
        yield from lines


PARSERS: dict[str, Callable[[Feeds], int]] = {
    "split and json.loads": base,
    "chatgpt4online": ours,
    "httpx-sse": by_httpx_sse,
    "openai": by_openai,
    "sseclient-py": by_sseclient,
    "line by line": by_lines,
}


def tables(rounds: int) -> dict[str, Callable[[], Table]]:
    """Return what can be measured, by the title of its table."""
    return {
        f"Parsing events of {form}, {way}: CPU": partial(_measure, form, way, rounds)
        for form in FORMS
        for way in WAYS
    }


def _measure(form: str, way: str, rounds: int) -> Table:
    kind = FORMS[form]
    texts = traffic.texts(EVENTS, int(kind["length"]))
    events = [traffic.event(text, detailed=bool(kind["detailed"])) for text in texts]
    feeds = events if way == ONE_EVENT else traffic.slices(b"".join(events))
    contestants = {name: partial(_timed, parser, feeds) for name, parser in PARSERS.items()}
    title = f"Parsing events of {form}, {way}: CPU"
    return compare(title, contestants, rounds, unit="µs/event", per=EVENTS * 1e-6)


def _timed(parser: Callable[[Feeds], int], feeds: Feeds) -> float:
    start = time.process_time()
    assert parser(feeds) == EVENTS
    return time.process_time() - start
