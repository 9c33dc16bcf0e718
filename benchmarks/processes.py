"""Imports, memory, connections and growth, mostly measured in processes of their own."""

from __future__ import annotations

import asyncio
import compileall
import cProfile
import io
import pstats
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from chatgpt4online import AsyncClient, Client, Limits
from chatgpt4online.protocol.events import EventParser

from .blocking import address
from .report import RESULTS, RUNS, Table, compare

ROOT = Path(__file__).parent.parent
IMPORTS = {
    "the interpreter": "pass",
    "import chatgpt4online": "import chatgpt4online",
    "import requests": "import requests",
    "first Client": "from chatgpt4online import Client; Client('http://127.0.0.1')",
    "import aiohttp": "import aiohttp",
    "first AsyncClient": "from chatgpt4online import AsyncClient; AsyncClient('http://127.0.0.1')",
    "import httpx": "import httpx",
    "import openai": "import openai",
}
CLIENTS = {"first Client": "import requests", "first AsyncClient": "import aiohttp"}
OPEN = 500
IDLE = """
import asyncio, sys
from benchmarks import awaiting

def resident():
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0])

async def main(name, port, count):
    stream = awaiting.CONTESTANTS[name](int(port))
    first = stream("held")
    await anext(first)
    before = resident()
    held = [stream("held") for _ in range(int(count))]
    await asyncio.gather(*(anext(item) for item in held))
    print((resident() - before) / int(count), flush=True)
    import os; os._exit(0)

asyncio.run(main(*sys.argv[1:]))
"""
GROWTH = """
import sys, time
from chatgpt4online import Client

with Client(sys.argv[1], proxy="") as client:
    for _ in client.stream("Hi"):
        break
    start = time.perf_counter()
    for _ in client.stream("Hi"):
        pass
    print(time.perf_counter() - start)
"""
HELD = ("raw asyncio streams", "chatgpt4online", "aiohttp", "httpx and httpx-sse")


def tables(port: int) -> dict[str, Callable[[], Table]]:
    """Return what can be measured, by the title of its table."""
    made: dict[str, Callable[[str], Table]] = {
        "Imports": _imports,
        **{f"The {client}": partial(_first_client, client) for client in CLIENTS},
        f"{OPEN} idle streams, opened together: memory of each": partial(_idle_streams, port),
        "Connections for ten turns on one client": partial(_turns, port),
        "Time to read a long reply": partial(_long_replies, port),
        "One event, 1 KiB at a time": _one_event,
    }
    return {title: partial(measure, title) for title, measure in made.items()}


def _imports(title: str) -> Table:
    """Measure imports, without the start of the interpreter."""
    _compile()
    over = {name: partial(_import, code) for name, code in IMPORTS.items()}
    return compare(title, over, 5, unit="ms", per=1e-3, added=True)


def _first_client(client: str, title: str) -> Table:
    """Measure what the first client adds to the import of its HTTP library."""
    _compile()
    pair = {name: partial(_import_alone, IMPORTS[name]) for name in (CLIENTS[client], client)}
    return compare(title, pair, 15, unit="ms", per=1e-3)


def _compile() -> None:
    """Compile the package, as its installation does. The environment can switch that off."""
    compileall.compile_dir(ROOT / "chatgpt4online", quiet=1)


def _import(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - start


def _import_alone(code: str) -> float:
    """Return the seconds of an import, without the start of the interpreter."""
    bare = _import("pass")
    return _import(code) - bare


def _idle_streams(port: int, title: str) -> Table:
    runs: dict[str, list[float]] = {name: [] for name in HELD}
    for _ in range(RUNS):
        for name in HELD:
            runs[name].append(float(_child(IDLE, name, str(port), str(OPEN))))
    return Table(title, "KiB", {name: max(sizes) for name, sizes in runs.items()}, runs)


def _turns(port: int, title: str) -> Table:
    found = {}
    for name in ("sync", "async"):
        before = _connections(port)
        if name == "sync":
            with Client(address(port, "first", "wp-json/"), proxy="") as client:
                for _ in range(10):
                    client.generate("Hi")
        else:
            asyncio.run(_ten_turns(port))
        # The request for the count takes one.
        found[f"chatgpt4online, {name}"] = _connections(port) - before - 1.0
    return Table(title, "connections", found)


async def _ten_turns(port: int) -> None:
    async with AsyncClient(address(port, "first", "wp-json/"), proxy="") as client:
        for _ in range(10):
            await client.generate("Hi")


def _connections(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/connections") as answer:
        return int(answer.read())


def _long_replies(port: int, title: str) -> Table:
    found = {}
    for size in (1, 10, 100):
        url = address(port, f"large-{size}", "wp-json/")
        found[f"{size} MB"] = float(_child(GROWTH, url)) * 1000
    return Table(title, "ms", found)


def _one_event(title: str) -> Table:
    found = {}
    for size in (5, 50):
        body = b'data: {"type":"live","data":"' + b"x" * size * 1_000_000 + b'"}\n\n'
        parser, start = EventParser(Limits()), time.perf_counter()
        pieces = [
            piece for at in range(0, len(body), 1024) for piece in parser.feed(body[at : at + 1024])
        ]
        found[f"{size} MB"] = (time.perf_counter() - start) * 1000
        assert len(pieces) == 1
    return Table(title, "ms", found)


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
    """Write profiles of sync and async streams."""
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
    output = io.StringIO()
    stats = pstats.Stats(profile, stream=output)
    stats.strip_dirs().sort_stats("tottime").print_stats(16)
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    (RESULTS / f"{name}.txt").write_text("\n".join(lines).strip() + "\n", encoding="utf-8")
