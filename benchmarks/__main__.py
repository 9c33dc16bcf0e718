"""``python -m benchmarks``: measure, and write the results.

Tables and plots go to ``benchmarks/results``, the comparison with the targets to
``docs/speed.rst``.
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
from .floors import missed, write_floors
from .report import RESULTS, RUNS, Table

LIBRARIES = (
    "aiohttp", "aiohttp-sse-client", "httpx", "httpx-sse", "openai", "requests", "sseclient-py",
    "tenacity", "urllib3",
)  # fmt: skip


@contextlib.contextmanager
def server() -> Iterator[int]:
    """Run the server in a process of its own. Yields its port."""
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        cwd=Path(__file__).parent.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    _separate(child.pid)
    try:
        yield int(child.stdout.readline())
    finally:
        child.communicate(b"")


def _separate(server_process: int) -> None:
    """Give the server a CPU of its own, if the system can.

    On a shared CPU the reader runs whenever the server's time slice ends, so the number of events
    in a read is a matter of chance.
    """
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) > 1:
            os.sched_setaffinity(server_process, cpus[:1])
            os.sched_setaffinity(0, cpus[1:])


def main() -> None:
    """Measure everything, or only some tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds per run (default: 15)")
    parser.add_argument(
        "--only", metavar="TEXT", action="append", help="print the tables whose title contains "
        "TEXT, and write nothing; can be repeated",
    )  # fmt: skip
    options = parser.parse_args()
    with server() as port, asyncio.Runner() as loop:
        plan = {
            **parsing.tables(options.rounds),
            **streaming.tables(port, options.rounds, loop),
            **processes.tables(port),
        }
        if options.only:
            chosen = [title for title in plan if any(text in title for text in options.only)]
            for title in chosen:
                table = plan[title]()
                print("\n".join([table.text(), *missed([table])]), flush=True)
        else:
            tables = [measure() for measure in plan.values()]
            processes.write_profiles(port, loop)
        loop.run(awaiting.close())
    if not options.only:
        write(tables, options.rounds)
        run = f"Results of ``python -m benchmarks --rounds {options.rounds}``. {machine()}"
        for text in write_floors(tables, run):
            print(f"Missed: {text}")


def machine() -> str:
    """Describe the machine and the versions."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} CPUs; {versions}."
    )


def write(tables: list[Table], rounds: int) -> None:
    """Write the tables and plots."""
    parts = [
        "Results", "=======", "", machine(), "",
        f"Each table is one interleaved measurement of {RUNS} runs with {rounds} rounds each "
        f"({streaming.seldom_of(rounds)} for the 200 streams). The server runs in a process and on "
        "a CPU of its own. The table shows the slowest run. Ratios are to the first row, which is "
        "measured right before or after each contestant. The last column has the median of all "
        "runs: of the ratio, or of the value if there is none. Differences of less than 25 % "
        "between two end-to-end rows are noise.",
        "",
    ]  # fmt: skip
    for old in RESULTS.glob("*.svg"):
        old.unlink()
    for table in tables:
        name = re.sub("[^a-z0-9]+", "-", table.title.lower()).strip("-") + ".svg"
        table.plot(RESULTS / name)
        parts += [table.text(), f".. image:: {name}", f"   :alt: {table.title}", ""]
    (RESULTS / "results.rst").write_text("\n".join(parts), encoding="utf-8")
    print("\n".join(parts))


if __name__ == "__main__":
    main()
