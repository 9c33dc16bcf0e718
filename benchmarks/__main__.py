"""``python -m benchmarks``: measure, and write what was found.

Tables and plots go to ``benchmarks/results``, what was wanted and reached to ``docs/speed.rst``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import awaiting, parsing, processes, streaming
from .floors import write_floors
from .report import RESULTS, RUNS, Table

LIBRARIES = (
    "aiohttp", "aiohttp-sse-client", "httpx", "httpx-sse", "openai", "requests", "sseclient-py",
    "tenacity", "urllib3",
)  # fmt: skip


@contextlib.contextmanager
def server() -> Iterator[int]:
    """Run the server in a process of its own; give its port."""
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        cwd=Path(__file__).parent.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    _part(child.pid)
    try:
        yield int(child.stdout.readline())
    finally:
        child.communicate(b"")


def _part(server_process: int) -> None:
    """Give the server a CPU of its own, where the system can.

    On one CPU the reader is not woken for each event, but when the server's time is over: by chance
    it then gets 1 or 200 events in a read, and the same code takes 4 or 20 us for each.
    """
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) > 1:
            os.sched_setaffinity(server_process, cpus[:1])
            os.sched_setaffinity(0, cpus[1:])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="in each of the runs (default: 15)")
    options = parser.parse_args()
    tables = parsing.measure(options.rounds)
    with server() as port, asyncio.Runner() as loop:
        tables += streaming.measure(port, options.rounds, loop)
        tables += processes.measure(port)
        processes.write_profiles(port, loop)
        loop.run(awaiting.close())
    write(tables, options.rounds)
    run = f"By one run of ``python -m benchmarks --rounds {options.rounds}``. {machine()}"
    for title in write_floors(tables, run):
        print(f"Not reached: {title}.")


def machine() -> str:
    """Return on what was measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPUs; {versions}."
    )


def write(tables: list[Table], rounds: int) -> None:
    """Write the results."""
    parts = [
        "Results", "=======", "", machine(), "",
        "Each table is one interleaved measurement, the server in a process and on a CPU of its "
        f"own: {RUNS} runs of {rounds} rounds, of {streaming.seldom_of(rounds)} for the 200 "
        "streams; shown is the median of the slowest run. Ratios are to the first row, measured "
        "right before or after. The last column has the median of the runs: of the ratio, or of "
        "the value where there is none. Differences of less than 25 % between two end-to-end rows "
        "are noise.",
        "",
    ]  # fmt: skip
    for table in tables:
        name = re.sub("[^a-z0-9]+", "-", table.title.lower()) + ".svg"
        table.plot(RESULTS / name)
        parts += [table.text(), f".. image:: {name}", f"   :alt: {table.title}", ""]
    (RESULTS / "results.rst").write_text("\n".join(parts), encoding="utf-8")
    print("\n".join(parts))


if __name__ == "__main__":
    main()
