"""What speed is wanted, and the table of ``docs/speed.rst`` that says what was reached."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .report import Table

SPEED = Path(__file__).parent.parent / "docs" / "speed.rst"
START, STOP = ".. Written by benchmarks/floors.py.\n", ".. Until here.\n"

_OURS = "chatgpt4online"
_PARSERS = ("httpx-sse", "openai")
_SYNC = ("requests", "httpx and httpx-sse", "openai")
_ASYNC = ("aiohttp", "httpx and httpx-sse", "openai")
_FIRST = "The first event on a warm connection: added to a raw socket"
_PACED = "client, 2 ms between events: from the server's send to the caller's text"
_PATTERN = "the pattern that finds the events: two thirds of it"
_BOOKKEEPING = "bookkeeping of a feed: half of it"


class Floor(NamedTuple):
    """What one figure has to reach.

    Attributes:
        what: is measured.
        wanted: the most that it may be; None where it is only told.
        title: of the table that has it.
        limit: what keeps it from being better.
        others: contestants to compare with.
        name: of ours.
        more: whether it is the least that it may be.
    """

    what: str
    wanted: float | None
    title: str
    limit: str = ""
    others: tuple[str, ...] = ()
    name: str = _OURS
    more: bool = False

    def is_reached(self, table: Table) -> bool:
        """Whether the slowest run has reached it."""
        if self.wanted is None:
            return True
        reached = _slowest(table, self.name)
        return reached >= self.wanted if self.more else reached <= self.wanted

    def cells(self, table: Table) -> tuple[str, ...]:
        """Return its row of the table."""
        return (
            self.what,
            "" if self.wanted is None else f"{self.wanted:g}",
            _shown(table, _slowest(table, self.name)),
            _shown(table, table.usual[self.name]),
            ", ".join(f"{name} {_shown(table, _slowest(table, name))}" for name in self.others),
            self.limit,
        )


class Growth(NamedTuple):
    """What the values of a whole table tell together.

    Attributes:
        what: is measured.
        wanted: how it may grow.
        title: of the table that has it.
        limit: what keeps it from being better.
    """

    what: str
    wanted: str
    title: str
    limit: str = ""

    def cells(self, table: Table) -> tuple[str, ...]:
        """Return its row of the table."""
        reached = ", ".join(f"{value:.4g}" for value in table.values.values())
        return self.what, self.wanted, reached, "", "", self.limit


FLOORS = (
    Floor(
        "parse only, events of 90 bytes, 16 KiB a feed, as a share of split and ``json.loads``",
        0.33, "Parse only, events of 90 bytes, 16 KiB a feed: CPU", _PATTERN, _PARSERS,
    ),
    Floor(
        "the same, one event a feed",
        0.55, "Parse only, events of 90 bytes, one event a feed: CPU", _BOOKKEEPING, _PARSERS,
    ),
    Floor(
        "parse only, events of 140 bytes, 16 KiB a feed",
        0.40, "Parse only, events of 140 bytes, 16 KiB a feed: CPU", _PATTERN, _PARSERS,
    ),
    Floor(
        "the same, one event a feed",
        0.65, "Parse only, events of 140 bytes, one event a feed: CPU", _BOOKKEEPING, _PARSERS,
    ),
    Floor(
        "``Client``, CPU of an event over a raw socket with json, chunks of 16 KiB",
        0.60, "Sync client, chunks of 16 KiB: CPU",
        "the parser; a quarter is the opening of the request, by requests", _SYNC,
    ),
    Floor(
        "the same, one event a chunk",
        1.15, "Sync client, one event a chunk: CPU",
        "taking the chunks apart, which the raw socket leaves out", _SYNC,
    ),
    Floor(
        "``AsyncClient`` over asyncio streams with json, chunks of 16 KiB",
        0.60, "Async client, chunks of 16 KiB: CPU",
        "the parser; the opening of the request, by aiohttp", _ASYNC,
    ),
    Floor(
        "the same, one event a chunk",
        1.05, "Async client, one event a chunk: CPU",
        "aiohttp's own work for each chunk: half of it", _ASYNC,
    ),
    Floor(
        "200 open streams, one event a write: throughput over asyncio streams, more is better",
        0.95, "200 open streams, one event a chunk: throughput, more is better",
        "aiohttp's own work for each chunk", _ASYNC, more=True,
    ),
    Floor(
        "the same in bursts",
        2.0, "200 open streams, chunks of 16 KiB: throughput, more is better",
        "the parser, and the end of each reply", _ASYNC, more=True,
    ),
    Floor(
        "from the server's send to the caller's text, ``Client`` over a raw socket",
        1.15, f"Sync {_PACED}", "waking up", _SYNC,
    ),
    Floor(
        "the same, ``AsyncClient`` over asyncio streams",
        1.1, f"Async {_PACED}", "waking up", _ASYNC,
    ),
    Floor(
        "first event of a request on a warm connection, us over a raw socket, ``Client``",
        1260, _FIRST, "requests and urllib3",
        ("sync: requests", "sync: httpx and httpx-sse", "sync: openai"), f"sync: {_OURS}",
    ),
    Floor(
        "the same, ``AsyncClient``",
        550, _FIRST, "aiohttp; many small functions of ours, whose code is cold",
        ("async: aiohttp", "async: httpx and httpx-sse", "async: openai"), f"async: {_OURS}",
    ),
    Floor(
        "memory of an idle stream, 500 opened together, KiB",
        17, "Memory of an idle stream, 500 opened together",
        "what is alive while 500 requests open at once", ("aiohttp", "httpx and httpx-sse"),
    ),
    Floor(
        "the same, opened one after the other",
        None, "Memory of an idle stream, 500 opened one by one",
        "aiohttp's connection", ("aiohttp", "httpx and httpx-sse"),
    ),
    Floor(
        "``import chatgpt4online`` over the interpreter, ms",
        10, "Imports, over the interpreter",
        "", ("import requests", "import aiohttp", "import httpx", "import openai"),
        "import chatgpt4online",
    ),
    Floor(
        "the first ``Client``, over the import of requests",
        1.25, "Client, made, and its HTTP library", "forty small modules", name="Client, made",
    ),
    Floor(
        "the first ``AsyncClient``, over the import of aiohttp",
        1.25, "AsyncClient, made, and its HTTP library", "forty small modules",
        name="AsyncClient, made",
    ),
    Growth(
        "connections for ten turns on one client, sync and async",
        "1", "Connections for ten turns on one client",
    ),
    Growth("a reply of 1, 10, 100 MB, ms", "linear", "A long reply, read and dropped: time"),
    Growth(
        "what is left of its memory when it is dropped, MiB",
        "constant", "A long reply, read and dropped: memory left",
    ),
    Growth(
        "its memory at most, MiB",
        "", "A long reply, read and dropped: memory at most",
        "the text, kept once for ``text`` and ``partial_text``; ``Limits.reply`` bounds it",
    ),
    Growth(
        "one event of 5 and of 50 MB in reads of 1 KiB, ms",
        "linear", "One event in reads of 1 KiB",
    ),
    Growth(
        "reads of one byte, us for each event, of 200 and of 2000",
        "linear", "Reads of one byte",
    ),
)  # fmt: skip


def write_floors(tables: list[Table], run: str) -> list[str]:
    """Write the table, under a line that says of which run it is; return what was not reached."""
    by_title = {table.title: table for table in tables}
    rows = [
        ("what", "wanted", "slowest of five", "median", "others, slowest", "what limits it now"),
        *(floor.cells(by_title[floor.title]) for floor in FLOORS),
    ]
    lines = [run, "", ".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {mark} - {cell}".rstrip() for mark, cell in zip("*     ", row, strict=True)]
    before, _, rest = SPEED.read_text(encoding="utf-8").partition(START)
    after = rest.partition(STOP)[2]
    SPEED.write_text("\n".join([before + START, *lines, "", STOP + after]), encoding="utf-8")
    return [
        floor.title
        for floor in FLOORS
        if isinstance(floor, Floor) and not floor.is_reached(by_title[floor.title])
    ]


def _shown(table: Table, value: float) -> str:
    return f"{value:.2f}" if table.ratios else f"{value:.4g}"


def _slowest(table: Table, name: str) -> float:
    """Return what a contestant reached in the slowest run: its ratio, where there is one."""
    # As it is shown: a floor of 0.60 is one of two digits.
    return round(table.shown[name], 2) if table.ratios else table.shown[name]
