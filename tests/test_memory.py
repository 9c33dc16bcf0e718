"""Hostile responses and large uploads need little memory."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from chatgpt4online.server import LocalSite

from .drivers import Driver
from .loopback import (
    CHUNKED,
    SESSION,
    Connection,
    LoopbackServer,
    Received,
    chunk,
    events_head,
    live,
    response,
)

Cases = dict[str, tuple[str, Callable[[], Iterator[bytes]]]]
"""The method to call, and the response, by name."""

MIB = 2**20
LINE, REPLY, PAGE = 4 * MIB, 6 * MIB, 2 * MIB
ALLOWED = 50 * MIB
ALLOWED_PARSED = 40 * LINE
"""For JSON of very many small values. Nothing limits their number, and parsed they take about
30 times the size of the text."""
GZIPPED = events_head("Content-Encoding: gzip", "Transfer-Encoding: chunked")

CHILD = """
import asyncio, sys
from chatgpt4online import AsyncClient, ChatError, Client, Limits

def memory(name):
    text = open("/proc/self/status").read()
    return int(text.partition(name + ":")[2].split()[0]) * 1024

url, driver, line, reply, page, *calls = sys.argv[1:]
limits = Limits(int(line), int(reply), int(page))
arguments = {"generate": ("Hi",), "list_files": (), "open_session": ()}

async def run(site, call):
    async with AsyncClient(site, limits=limits) as client:
        await getattr(client, call)(*arguments[call])

idle = memory("VmRSS")
for number, call in enumerate(calls):
    site = f"{url}/{number}/wp-json/"
    try:
        if driver == "async":
            asyncio.run(run(site, call))
        else:
            with Client(site, limits=limits) as client:
                getattr(client, call)(*arguments[call])
    except ChatError as error:
        print(type(error).__name__, memory("VmHWM") - idle, str(error))
"""


def release(package: str) -> tuple[int, ...]:
    """Return the release of a package as numbers, such as (3, 14)."""
    return tuple(int(part) for part in version(package).split(".")[:2])


DECOMPRESSES_PIECEWISE = release("aiohttp") >= (3, 14) and release("urllib3") >= (2, 7)
"""Older versions decompress more at once, as docs/limits.rst says."""

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")


def endless(piece: bytes) -> Iterator[bytes]:
    """An endless body."""
    yield CHUNKED
    while True:
        yield chunk(piece)


def bomb(piece: bytes) -> Iterator[bytes]:
    """An endless compressed body. Each piece takes a thousandth of its size on the wire."""
    packer = zlib.compressobj(wbits=31)
    yield GZIPPED
    while True:
        packed = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield chunk(packed)


def bomb_in_one_chunk(size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)
    yield GZIPPED
    yield chunk(b"".join(packer.compress(b"x" * MIB) for _ in range(size // MIB)) + packer.flush())


def long_line(start: bytes, piece: bytes, ending: bytes = b"\n\n") -> Iterator[bytes]:
    """An event that is almost as long as the limit."""
    yield CHUNKED
    yield chunk(start + piece * ((LINE - 1000) // len(piece)) + ending)
    yield chunk(b"")


HOSTILE: Cases = {
    "endless line": ("generate", lambda: endless(b"x" * 65536)),
    "endless event": ("generate", lambda: endless(b"data: x" * 9000)),
    "endless event of many lines": ("generate", lambda: endless(b"data: {a\n" * 7000)),
    "endless events": ("generate", lambda: endless(live("x" * 100) * 500)),
    "endless lines that are not events": ("generate", lambda: endless(b"x\n" * 30000)),
    "endless blank lines": ("generate", lambda: endless(b"\n" * 65536)),
    "endless JSON": ("generate", lambda: endless(b'{"a":\n' * 9000)),
    "endless session response": ("open_session", lambda: endless(b"x" * 65536)),
    "endless list of files": ("list_files", lambda: endless(b"x" * 65536)),
    "deeply nested lists": ("generate", lambda: long_line(b"data: ", b"[")),
    "deeply nested objects": ("generate", lambda: long_line(b"data: ", b'{"a":')),
}
GZIP_BOMBS: Cases = {
    "gzip bomb": ("generate", lambda: bomb(b"x" * 4 * MIB)),
    "gzip bomb in one chunk": ("generate", lambda: bomb_in_one_chunk(128 * MIB)),
    "gzip bomb of blank lines": ("generate", lambda: bomb(b"\n" * 4 * MIB)),
    "gzip bomb of short lines": ("generate", lambda: bomb(b"x\n" * 2 * MIB)),
    "gzip bomb for a session": ("open_session", lambda: bomb(b"x" * 4 * MIB)),
}
MANY_VALUES: Cases = {
    "many empty lists": ("generate", lambda: long_line(b'data: {"a":[[]', b",[]", b"]}\n\n")),
    "many objects": ("generate", lambda: long_line(b'data: {"a":[0', b',{"a":1}', b"]}\n\n")),
    "many numbers": ("generate", lambda: long_line(b'data: {"a":[0', b",0.5", b"]}\n\n")),
    "many keys": ("generate", lambda: long_line(b"data: {", b'"":0,', b'"a":1}\n\n')),
}


@needs_proc
def test_memory_of_hostile_responses(driver: Driver) -> None:
    """All cases run in one process, and each reports the peak memory so far."""
    hostile = HOSTILE | GZIP_BOMBS if DECOMPRESSES_PIECEWISE else HOSTILE
    names, cases = zip(*(hostile | MANY_VALUES).items(), strict=True)

    def handle(connection: Connection, request: Received) -> None:
        call, make = cases[int(request.target.split("/")[1])]
        if "start_session" in request.target and call != "open_session":
            connection.send(response(SESSION))
        else:
            for data in make():
                connection.send(data)

    with LoopbackServer(handle) as server:
        result = subprocess.run(
            [sys.executable, "-c", CHILD, server.url, driver.name]
            + [str(limit) for limit in (LINE, REPLY, PAGE)]
            + [call for call, _ in cases],
            capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
    outcomes = [line.split(" ", 2) for line in result.stdout.splitlines()]
    assert len(outcomes) == len(cases)
    for name, (kind, used, text) in zip(names, outcomes, strict=True):
        assert kind in ("ProtocolError", "IncompleteReply"), f"{name}: {text}"
        allowed = ALLOWED if name in hostile else ALLOWED_PARSED
        assert int(used) < allowed, f"{name}: {int(used) // MIB} MiB"


UPLOAD = """
import asyncio, re, sys
from chatgpt4online import AsyncClient, Client

def memory(name):
    with open("/proc/self/status") as file:
        return int(re.search(name + r":\\s+(\\d+) kB", file.read())[1]) * 1024

async def run():
    async with AsyncClient(sys.argv[1]) as client:
        await client.upload(b"x")
        idle = memory("VmRSS")
        await client.upload(sys.argv[2])
        print(memory("VmHWM") - idle)

if sys.argv[3] == "async":
    asyncio.run(run())
else:
    with Client(sys.argv[1]) as client:
        client.upload(b"x")
        idle = memory("VmRSS")
        client.upload(sys.argv[2])
        print(memory("VmHWM") - idle)
"""


@needs_proc
def test_memory_of_a_large_upload(tmp_path: Path, driver: Driver) -> None:
    big = tmp_path / "big.bin"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    with LocalSite() as site:
        result = subprocess.run(
            [sys.executable, "-c", UPLOAD, site.url, str(big), driver.name],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    assert int(result.stdout) < 20_000_000
    assert [upload["size"] for upload in site.app.files.uploads.values()] == [1, 200_000_000]
