"""``python -m benchmarks.batches``: large batches that are killed, measured or run on Dask.

- ``kills``: the command, against a site behind a proxy that makes a tenth of the requests fail. It
  is killed with SIGKILL and resumed, then resumed until no row fails. No prompt may run twice.
- ``memory``: the command's memory and rate over a long batch.
- ``dask``: prompts on a cluster of one machine, of which a worker is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from chatgpt4online import Message
from chatgpt4online.dask import ask_partition
from chatgpt4online.server import LocalSite
from tests.faulty_proxy import FaultyProxy

from .__main__ import server
from .blocking import address

COMMAND = [sys.executable, "-m", "chatgpt4online", "batch"]
MIB = 2**20


class Log:
    """What the site's bot was asked, and how many replies it was writing at the same time."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.count = 0
        self.most = 0
        self._now = 0
        self._then: tuple[float, Callable[[], object]] = (math.inf, dict)

    def after(self, count: int, function: Callable[[], object]) -> None:
        """Call a function once the bot was asked so often."""
        self._then = (count, function)

    async def bot(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        """Repeat the prompt, in two pieces."""
        prompt = messages[-1].content
        self.asked[prompt] += 1
        self.count += 1
        if self.count >= self._then[0]:
            (_, function), self._then = self._then, (math.inf, dict)
            function()
        self._now += 1
        self.most = max(self.most, self._now)
        yield "You said: "
        yield prompt
        self._now -= 1


def write_prompts(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            file.write(json.dumps({"prompt": f"Prompt {number}", "id": f"p{number}"}) + "\n")


def read_replies(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


async def kills(count: int, at_once: int, times: int, seed: int, folder: Path) -> None:
    """Kill a batch some times, at random, and compare what it has written with the site's log."""
    prompts, replies, log = folder / "prompts.jsonl", folder / "replies.jsonl", Log()
    write_prompts(prompts, count)
    chance = random.Random(seed)
    points = sorted(chance.sample(range(count // 50, count * 9 // 10), times))
    start = time.monotonic()
    async with LocalSite(bot=log.bot) as site, FaultyProxy(site.url, 0.1, seed) as proxy:
        options = ["--site", proxy.url, "-n", str(at_once), "--timeout", "10", "--resume"]
        command = [*COMMAND, str(prompts), "-o", str(replies), *options]
        for point in [*points, None]:
            child = await asyncio.create_subprocess_exec(*command)
            if point is not None:
                log.after(point, child.kill)
            await child.wait()
            if point is not None:
                print(f"killed after {log.count} prompts", flush=True)
        check_replies(read_replies(replies), log, count)
        print(f"{time.monotonic() - start:.0f} s with {dict(proxy.faults)}", flush=True)
        while any(row["outcome"] == "failed" for row in read_replies(replies)):
            child = await asyncio.create_subprocess_exec(*command, "--retry-failed")
            await child.wait()
        check_replies(read_replies(replies), log, count)


def check_replies(rows: list[dict[str, Any]], log: Log, count: int) -> None:
    """Fail if a row is missing or there twice, or if it disagrees with the site's log."""
    assert sorted(row["row"] for row in rows) == list(range(1, count + 1))
    for row in rows:
        prompt = f"Prompt {row['row']}"
        runs = log.asked[prompt]
        assert runs <= 1, (prompt, runs)
        if row["outcome"] == "replied":
            assert (runs, row["reply"], row["id"]) == (1, f"You said: {prompt}", f"p{row['row']}")
        elif row["outcome"] == "failed":
            assert runs == 0, row
    outcomes = Counter(row["outcome"] for row in rows)
    run = sum(log.asked[f"Prompt {row['row']}"] for row in rows if row["outcome"] == "unknown")
    lost = sum(row.get("error", {}).get("type") == "Interrupted" for row in rows)
    print(
        f"{count} rows, each there once: {dict(outcomes)}. The site ran {log.count} "
        f"prompts, none twice; it ran {run} of the unknown ones, of which {lost} were in flight "
        "at a kill.",
        flush=True,
    )


def memory(count: int, at_once: int, folder: Path) -> None:
    """Measure the memory and the rate of a long batch, and of reading it all to resume it."""
    prompts, replies = folder / "prompts.jsonl", folder / "replies.jsonl"
    write_prompts(prompts, count)
    with server() as port:
        options = ["--site", address(port, "single-1"), "-n", str(at_once)]
        command = [*COMMAND, str(prompts), "-o", str(replies), *options]
        start = time.monotonic()
        child = subprocess.Popen(command)
        started, step = replies.with_name(replies.name + ".started"), count // 10
        shown = 0
        while child.poll() is None:
            time.sleep(0.2)
            done = last_row(started)
            if done >= shown + step or (not shown and done > 1000):
                shown = done
                rate = done / (time.monotonic() - start)
                print(f"{done} rows: {resident(child.pid):.1f} MiB, {rate:.0f}/s", flush=True)
        print(f"{count} rows in {time.monotonic() - start:.0f} s", flush=True)
        start = time.monotonic()
        child = subprocess.Popen([*command, "--resume", "--ordered"])
        most = 0.0
        while child.poll() is None:
            time.sleep(0.05)
            most = max(most, resident(child.pid))
        print(f"resumed and sorted: {most:.1f} MiB, {time.monotonic() - start:.0f} s", flush=True)


def last_row(path: Path) -> int:
    """Return the number in the last whole line of a side file, or 0."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 100))
        lines = file.read().split(b"\n")
    return int(lines[-2].split()[0]) if len(lines) > 2 else 0


def resident(process: int) -> float:
    """Return the memory of a process in MiB; 0 if it has ended."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    return int((status.partition("VmRSS:")[2].split() or ["0"])[0]) / 1024


def on_dask(count: int, workers: int, limit: int) -> None:
    """Ask on a cluster, kill a worker, and count what the site has seen."""
    import dask.bag
    import distributed

    log = Log()
    prompts = [f"Prompt {number}" for number in range(count)]
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=2, processes=True, dashboard_address=":0"
    )
    start = time.monotonic()
    with LocalSite(bot=log.bot, pace=0.005) as site, cluster, distributed.Client(cluster) as client:
        bag = dask.bag.from_sequence(prompts, partition_size=25)
        asked = bag.map_partitions(ask_partition, site.url, limit=limit)
        process = next(iter(client.run(os.getpid).values()))
        log.after(count // 3, lambda: os.kill(process, signal.SIGKILL))
        rows = []
        for _, part in distributed.as_completed(
            client.compute([*asked.to_delayed()]), with_results=True
        ):
            rows += part
    assert sorted(row["prompt"] for row in rows) == sorted(prompts)
    assert all(row["reply"] == f"You said: {row['prompt']}" for row in rows)
    assert log.most <= limit
    twice = sum(times > 1 for times in log.asked.values())
    print(
        f"{len(rows)} prompts on {workers} workers, each replied to, in "
        f"{time.monotonic() - start:.0f} s; at most {log.most} at the same time, of {limit}; "
        f"{twice} were asked again after a worker was killed."
    )


def main() -> None:
    """Run one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batches", description=__doc__)
    parser.add_argument("what", choices=["kills", "memory", "dask"])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--times", type=int, default=5, help="how often to kill the command")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.what == "kills":
            asyncio.run(kills(given.rows, given.at_once, given.times, given.seed, folder))
        elif given.what == "memory":
            memory(given.rows, given.at_once, folder)
        else:
            on_dask(given.rows, given.workers, given.at_once)


if __name__ == "__main__":
    main()
