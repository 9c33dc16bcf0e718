"""The performance targets, and the table in ``docs/speed.rst`` that compares them with results."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from .report import Table

SPEED = Path(__file__).parent.parent / "docs" / "speed.rst"
START, STOP = ".. Written by benchmarks/floors.py.\n", ".. End of the table.\n"

_OURS = "chatgpt4online"
_PARSERS = ("httpx-sse", "openai")
_SYNC = ("requests", "httpx and httpx-sse", "openai")
_ASYNC = ("aiohttp", "httpx and httpx-sse", "openai")
_TOLERANCE = 1.5
"""How much more each megabyte of a large reply may take than one of a small reply."""


@dataclass(frozen=True)
class Floor:
    """A target for one figure.

    Attributes:
        what: What is measured.
        wanted: The highest figure allowed; the lowest one if more is better.
        title: The title of the table with the figure.
        others: Contestants to show beside it.
        over: The contestant to compare with. Default: the base of the table.
        added: Whether the difference to `over` counts, in place of the ratio.
        name: The contestant that the target is for.
    """

    what: str
    wanted: float
    title: str
    others: tuple[str, ...] = ()
    over: str | None = None
    added: bool = False
    name: str = _OURS

    def reached(self, table: Table) -> bool:
        """Return whether even the slowest run meets the target."""
        figure = round(table.slowest(self._figures(table, self.name)), 2)
        return figure >= self.wanted if table.more_is_better else figure <= self.wanted

    def cells(self, table: Table) -> tuple[str, ...]:
        """Return the row of the table in the documentation."""
        figures = self._figures(table, self.name)
        others = {name: table.slowest(self._figures(table, name)) for name in self.others}
        return (
            self.what,
            f"{self.wanted:g}",
            f"{table.slowest(figures):.2f}",
            f"{statistics.median(figures):.2f}",
            ", ".join(f"{name} {figure:.2f}" for name, figure in others.items()),
        )

    def _figures(self, table: Table, name: str) -> list[float]:
        """Return the figures of a contestant, one for each run."""
        figures = table.runs[name]
        if self.over is None:
            return figures
        pairs = zip(figures, table.runs[self.over], strict=True)
        return [mine - other if self.added else mine / other for mine, other in pairs]


@dataclass(frozen=True)
class Linear:
    """A target for growth: each megabyte takes as long in a large reply as in a small one.

    Attributes:
        what: What is measured.
        title: The title of the table with the figures, whose rows are named by their size.
    """

    what: str
    title: str

    def reached(self, table: Table) -> bool:
        """Return whether the time grows linearly."""
        per_size = [value / int(name.split()[0]) for name, value in table.values.items()]
        return max(per_size) <= _TOLERANCE * per_size[0]

    def cells(self, table: Table) -> tuple[str, ...]:
        """Return the row of the table in the documentation."""
        return self.what, "linear", ", ".join(f"{v:.4g}" for v in table.values.values()), "", ""


@dataclass(frozen=True)
class Exact:
    """A target for figures that do not vary.

    Attributes:
        what: What is measured.
        wanted: The figure that each row must have.
        title: The title of the table with the figures.
    """

    what: str
    wanted: float
    title: str

    def reached(self, table: Table) -> bool:
        """Return whether every row has the wanted figure."""
        return all(value == self.wanted for value in table.values.values())

    def cells(self, table: Table) -> tuple[str, ...]:
        """Return the row of the table in the documentation."""
        shown = ", ".join(f"{value:g}" for value in table.values.values())
        return self.what, f"{self.wanted:g}", shown, "", ""


FLOORS: tuple[Floor | Linear | Exact, ...] = (
    Floor(
        "Parsing alone, relative to splitting and ``json.loads``: events of 90 bytes, 16 KiB at a "
        "time",
        0.33, "Parsing events of 90 bytes, 16 KiB at a time: CPU", _PARSERS,
    ),
    Floor(
        "The same, one event at a time",
        0.60, "Parsing events of 90 bytes, one at a time: CPU", _PARSERS,
    ),
    Floor(
        "Events of 140 bytes, 16 KiB at a time",
        0.40, "Parsing events of 140 bytes, 16 KiB at a time: CPU", _PARSERS,
    ),
    Floor(
        "The same, one event at a time",
        0.65, "Parsing events of 140 bytes, one at a time: CPU", _PARSERS,
    ),
    Floor(
        "``Client``, CPU time per event, chunks of 16 KiB, relative to a raw socket with "
        "``json.loads``",
        0.65, "Sync client, chunks of 16 KiB: CPU", _SYNC,
    ),
    Floor(
        "The same, one event per chunk, relative to a minimal loop on requests",
        1.05, "Sync client, one event per chunk: CPU", _SYNC[1:], over="requests",
    ),
    Floor(
        "``AsyncClient``, CPU time per event, chunks of 16 KiB, relative to asyncio streams with "
        "``json.loads``",
        0.60, "Async client, chunks of 16 KiB: CPU", _ASYNC,
    ),
    Floor(
        "The same, one event per chunk",
        1.10, "Async client, one event per chunk: CPU", _ASYNC,
    ),
    Floor(
        "Throughput of 200 streams, chunks of 16 KiB, relative to asyncio streams (more is better)",
        2.0, "200 open streams, chunks of 16 KiB: throughput (more is better)", _ASYNC,
    ),
    Floor(
        "The same, one event per chunk",
        1.0, "200 open streams, one event per chunk: throughput (more is better)", _ASYNC,
    ),
    Floor(
        "``Client``, median latency of an event, relative to a minimal loop on requests",
        1.15, "Sync client, an event every 2 ms: median latency", _SYNC[1:], over="requests",
    ),
    Floor(
        "``AsyncClient``, the same relative to aiohttp",
        1.15, "Async client, an event every 2 ms: median latency", _ASYNC[1:], over="aiohttp",
    ),
    Floor(
        "``Client``, time to the first event on a warm connection, relative to requests",
        1.0, "Sync client, warm connection: time to the first event", _SYNC[1:], over="requests",
    ),
    Floor(
        "``AsyncClient``, the same relative to aiohttp",
        1.6, "Async client, warm connection: time to the first event", _ASYNC[1:], over="aiohttp",
    ),
    Floor(
        "Memory of an idle stream, 500 opened together: KiB more than with aiohttp",
        4, "500 idle streams, opened together: memory of each", ("httpx and httpx-sse",),
        over="aiohttp", added=True,
    ),
    Floor(
        "``import chatgpt4online``: ms",
        10, "Imports",
        ("import requests", "import aiohttp", "import httpx", "import openai"),
        name="import chatgpt4online",
    ),
    Floor(
        "The first ``Client``, import included, relative to the import of requests",
        1.6, "The first Client", name="first Client",
    ),
    Floor(
        "The first ``AsyncClient``, import included, relative to the import of aiohttp",
        1.3, "The first AsyncClient", name="first AsyncClient",
    ),
    Exact(
        "Connections for ten turns on one client, sync and async",
        1, "Connections for ten turns on one client",
    ),
    Linear("Reading a reply of 1, 10 and 100 MB: ms", "Time to read a long reply"),
    Linear(
        "Parsing one event of 5 and 50 MB, 1 KiB at a time: ms", "One event, 1 KiB at a time",
    ),
)  # fmt: skip


def write_floors(tables: list[Table], run: str) -> list[str]:
    """Write the table in the documentation, and return the missed targets.

    Args:
        tables: The results.
        run: Describes the run; it is written above the table.
    """
    by_title = {table.title: table for table in tables}
    rows = [
        ("What", "Target", "Slowest of five runs", "Median", "Others, slowest run"),
        *(floor.cells(by_title[floor.title]) for floor in FLOORS),
    ]
    lines = [run, "", ".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {mark} - {cell}".rstrip() for mark, cell in zip("*    ", row, strict=True)]
    before, _, rest = SPEED.read_text(encoding="utf-8").partition(START)
    after = rest.partition(STOP)[2]
    SPEED.write_text("\n".join([before + START, *lines, "", STOP + after]), encoding="utf-8")
    return missed(tables)


def missed(tables: list[Table]) -> list[str]:
    """Return the missed targets, as far as their tables are given."""
    by_title = {table.title: table for table in tables}
    found = []
    for floor in FLOORS:
        table = by_title.get(floor.title)
        if table is not None and not floor.reached(table):
            _, wanted, figure, *_ = floor.cells(table)
            found.append(f"{floor.what}: {figure} (target: {wanted})")
    return found
