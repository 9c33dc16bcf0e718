"""What is measured in processes of their own: imports, memory, connections and growth."""

from __future__ import annotations

import asyncio
import compileall
import cProfile
import io
import pstats
import statistics
import subprocess
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

from chatgpt4online import AsyncClient, Client
from chatgpt4online.protocol.chunks import ChunkParser
from chatgpt4online.protocol.limits import Limits

from .blocking import address
from .report import RESULTS, RUNS, Table, medians

ROOT = Path(__file__).parent.parent
IMPORTS = {
    "the interpreter": "pass",
    "import chatgpt4online": "import chatgpt4online",
    "import requests": "import requests",
    "Client, made": "from chatgpt4online import Client; Client('http://127.0.0.1')",
    "import aiohttp": "import aiohttp",
    "AsyncClient, made": "from chatgpt4online import AsyncClient; AsyncClient('http://127.0.0.1')",
    "import httpx": "import httpx",
    "import openai": "import openai",
}
CLIENTS = {"import requests": "Client, made", "import aiohttp": "AsyncClient, made"}
OPEN = 500
IDLE = """
import asyncio, sys
from benchmarks import awaiting

def resident():
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0])

async def main(name, port, count, together):
    stream = awaiting.CONTESTANTS[name](int(port))
    first = stream("held")
    await anext(first)
    before = resident()
    held = [stream("held") for _ in range(int(count))]
    if together == "together":
        await asyncio.gather(*(anext(item) for item in held))
    else:
        for item in held:
            await anext(item)
    print((resident() - before) / int(count), flush=True)
    import os; os._exit(0)

asyncio.run(main(*sys.argv[1:]))
"""
GROWTH = """
import sys, time
from chatgpt4online import Client

def status(name):
    return int(open("/proc/self/status").read().partition(name)[2].split()[0])

with Client(sys.argv[1], proxy="") as client:
    for _ in client.stream("Hi"):
        break
    before, start = status("VmRSS:"), time.perf_counter()
    for _ in client.stream("Hi"):
        pass
    taken = time.perf_counter() - start
    print(taken, (status("VmHWM:") - before) / 1024, (status("VmRSS:") - before) / 1024)
"""
HELD = ("raw asyncio streams", "chatgpt4online", "aiohttp", "httpx and httpx-sse")


def measure(port: int) -> list[Table]:
    """Measure all that needs a process of its own."""
    return [
        *imports(),
        idle_streams(port, "one by one"),
        idle_streams(port, "together"),
        turns(port),
        *growth(port),
        one_event(),
        single_bytes(),
    ]


def imports() -> list[Table]:
    """Milliseconds over the bare interpreter, and what a client adds to its HTTP library."""
    # As an installed package is; the environment can keep Python from doing so by itself.
    compileall.compile_dir(ROOT / "chatgpt4online", quiet=1)
    over = {name: partial(_import, code) for name, code in IMPORTS.items()}
    tables = [medians("Imports, over the interpreter", over, 5, unit="ms", per=1e-3, added=True)]
    for library, client in CLIENTS.items():
        pair = {name: partial(_import_alone, IMPORTS[name]) for name in (library, client)}
        tables.append(medians(f"{client}, and its HTTP library", pair, 15, unit="ms", per=1e-3))
    return tables


def _import(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - start


def _import_alone(code: str) -> float:
    """Return the seconds of an import, the interpreter's own start left out."""
    bare = _import("pass")
    return _import(code) - bare


def idle_streams(port: int, opened: str) -> Table:
    """Memory of an open stream that waits, of many; opened together they need more meanwhile."""
    found, usual = {}, {}
    for name in HELD:
        sizes = [float(_child(IDLE, name, str(port), str(OPEN), opened)) for _ in range(RUNS)]
        found[name], usual[name] = max(sizes), statistics.median(sizes)
    return Table(f"Memory of an idle stream, {OPEN} opened {opened}", "KiB", found, {}, usual)


def turns(port: int) -> Table:
    """Connections that ten turns take."""
    found = {}
    for name in ("sync", "async"):
        before = _connections(port)
        if name == "sync":
            with Client(address(port, "first", "wp-json/"), proxy="") as client:
                for _ in range(10):
                    client.generate("Hi")
        else:
            asyncio.run(_ten_turns(port))
        # The question itself takes one.
        found[f"chatgpt4online, {name}"] = _connections(port) - before - 1.0
    return Table("Connections for ten turns on one client", "connections", found, {})


async def _ten_turns(port: int) -> None:
    async with AsyncClient(address(port, "first", "wp-json/"), proxy="") as client:
        for _ in range(10):
            await client.generate("Hi")


def _connections(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/connections") as answer:
        return int(answer.read())


def growth(port: int) -> list[Table]:
    """A long reply that is read and dropped: time, and memory at most and when it is dropped."""
    seconds, memory, left = {}, {}, {}
    for size in (1, 10, 100):
        told = _child(GROWTH, address(port, f"large-{size}", "wp-json/")).split()
        name = f"{size} MB"
        seconds[name], memory[name], left[name] = float(told[0]) * 1000, *map(float, told[1:])
    return [
        Table("A long reply, read and dropped: time", "ms", seconds, {}),
        Table("A long reply, read and dropped: memory at most", "MiB", memory, {}),
        Table("A long reply, read and dropped: memory left", "MiB", left, {}),
    ]


def one_event() -> Table:
    """One event of many megabytes in reads of 1 KiB: time, which has to be linear."""
    found = {}
    for size in (5, 50):
        body = b'data: {"type":"live","data":"' + b"x" * size * 1_000_000 + b'"}\n\n'
        parser, start = ChunkParser(Limits()), time.perf_counter()
        pieces = [
            piece for at in range(0, len(body), 1024) for piece in parser.feed(body[at : at + 1024])
        ]
        found[f"{size} MB"] = (time.perf_counter() - start) * 1000
        assert len(pieces) == 1
    return Table("One event in reads of 1 KiB", "ms", found, {})


def single_bytes() -> Table:
    """Reads of one byte: time for each event, which has to be that of the bytes."""
    found = {}
    for count in (200, 2000):
        body = b'data: {"type":"live","data":"' + b"x" * 50 + b'"}\n\n'
        parser, start = ChunkParser(Limits()), time.perf_counter()
        for at in range(len(body) * count):
            parser.feed(body[at % len(body) : at % len(body) + 1])
        found[f"{count} events"] = (time.perf_counter() - start) / count * 1e6
    return Table("Reads of one byte", "us/event", found, {})


def _child(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def write_profiles(port: int, loop: asyncio.Runner) -> None:
    """Write where the time of a sync and of an async stream goes."""
    for how in ("burst", "single"):
        with Client(address(port, how, "wp-json/"), proxy="") as client:
            client.generate("Hi")
            profile = cProfile.Profile()
            profile.enable()
            for _ in range(5):
                for _ in client.stream("Hi"):
                    pass
            profile.disable()
        _write_profile(f"profile-sync-{how}", profile)
        _write_profile(f"profile-async-{how}", loop.run(_profile_async(port, how)))


async def _profile_async(port: int, how: str) -> cProfile.Profile:
    async with AsyncClient(address(port, how, "wp-json/"), proxy="") as client:
        await client.generate("Hi")
        profile = cProfile.Profile()
        profile.enable()
        for _ in range(5):
            async for _ in client.stream("Hi"):
                pass
        profile.disable()
    return profile


def _write_profile(name: str, profile: cProfile.Profile) -> None:
    told = io.StringIO()
    stats = pstats.Stats(profile, stream=told)
    stats.strip_dirs().sort_stats("tottime").print_stats(16)
    lines = [line.rstrip() for line in told.getvalue().splitlines()]
    (RESULTS / f"{name}.txt").write_text("\n".join(lines).strip() + "\n", encoding="utf-8")
