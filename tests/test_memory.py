"""What would take all memory without a limit takes little with it."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .drivers import Driver
from .loopback import (
    CHUNKED,
    SESSION,
    Connection,
    LoopbackServer,
    Received,
    response,
    chunk,
    events_head,
    live,
)

MIB = 2**20
LINE, REPLY, PAGE = 4 * MIB, 6 * MIB, 2 * MIB
MOST = 50 * MIB
GZIPPED = events_head("Content-Encoding: gzip", "Transfer-Encoding: chunked")

CHILD = """
import asyncio, sys
from chatgpt4online import AsyncClient, ChatError, Client, Limits

def status(name):
    text = open("/proc/self/status").read()
    return int(text.partition(name + ":")[2].split()[0]) * 1024

url, driver, line, reply, page, *calls = sys.argv[1:]
limits = Limits(int(line), int(reply), int(page))
asked = {"generate": ("Hi",), "list_files": (), "open_session": ()}

async def ask(site, call):
    async with AsyncClient(site, limits=limits) as client:
        await getattr(client, call)(*asked[call])

idle = status("VmRSS")
for number, call in enumerate(calls):
    site = f"{url}/{number}/wp-json/"
    try:
        if driver == "async":
            asyncio.run(ask(site, call))
        else:
            with Client(site, limits=limits) as client:
                getattr(client, call)(*asked[call])
    except ChatError as error:
        print(type(error).__name__, status("VmHWM") - idle, str(error))
"""


def endless(piece: bytes) -> Iterator[bytes]:
    yield CHUNKED
    while True:
        yield chunk(piece)


def bomb(piece: bytes) -> Iterator[bytes]:
    """Without end, and each piece in a thousandth of its length."""
    packer = zlib.compressobj(wbits=31)
    yield GZIPPED
    while True:
        packed = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield chunk(packed)


def line_of(start: bytes, piece: bytes, ending: bytes = b"\n\n") -> Iterator[bytes]:
    """One event, as long as a line may be."""
    yield CHUNKED
    yield chunk(start + piece * ((LINE - 1000) // len(piece)) + ending)
    yield chunk(b"")


HOSTILE: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "an endless line": ("generate", lambda: endless(b"x" * 65536)),
    "an endless event": ("generate", lambda: endless(b"data: x" * 9000)),
    "endless lines of an event": ("generate", lambda: endless(b"data: {a\n" * 7000)),
    "endless events": ("generate", lambda: endless(live("x" * 100) * 500)),
    "endless dirt": ("generate", lambda: endless(b"x\n" * 30000)),
    "endless blank lines": ("generate", lambda: endless(b"\n" * 65536)),
    "endless JSON": ("generate", lambda: endless(b'{"a":\n' * 9000)),
    "an endless session": ("open_session", lambda: endless(b"x" * 65536)),
    "an endless list": ("list_files", lambda: endless(b"x" * 65536)),
    "a gzip bomb": ("generate", lambda: bomb(b"x" * 4 * MIB)),
    "a gzip bomb of lines": ("generate", lambda: bomb(b"\n" * 4 * MIB)),
    "a gzip bomb of short lines": ("generate", lambda: bomb(b"x\n" * 2 * MIB)),
    "a gzip bomb for a session": ("open_session", lambda: bomb(b"x" * 4 * MIB)),
    "deep JSON": ("generate", lambda: line_of(b"data: ", b"[")),
    "deep JSON of objects": ("generate", lambda: line_of(b"data: ", b'{"a":')),
    "many empty lists": ("generate", lambda: line_of(b'data: {"a":[[]', b",[]", b"]}\n\n")),
    "many objects": ("generate", lambda: line_of(b'data: {"a":[0', b',{"a":1}', b"]}\n\n")),
    "many numbers": ("generate", lambda: line_of(b'data: {"a":[0', b",0.5", b"]}\n\n")),
    "many keys": ("generate", lambda: line_of(b"data: {", b'"":0,', b'"a":1}\n\n')),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system tells no memory")
def test_a_hostile_answer_costs_little_memory(driver: Driver) -> None:
    """In one process, one after the other, so that what is told is the most that any one took."""
    cases = list(HOSTILE.values())

    def handle(connection: Connection, request: Received) -> None:
        call, make = cases[int(request.target.split("/")[1])]
        if "start_session" in request.target and call != "open_session":
            connection.send(response(SESSION))
        else:
            for data in make():
                connection.send(data)

    with LoopbackServer(handle) as server:
        done = subprocess.run(
            [sys.executable, "-c", CHILD, server.url, driver.name]
            + [str(limit) for limit in (LINE, REPLY, PAGE)]
            + [call for call, _ in cases],
            capture_output=True, text=True, check=True, timeout=300,
        )  # fmt: skip
    outcomes = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert len(outcomes) == len(cases)
    for name, (kind, grown, text) in zip(HOSTILE, outcomes, strict=True):
        assert kind in ("ProtocolError", "IncompleteReply"), f"{name}: {text}"
        assert int(grown) < MOST, f"{name}: {int(grown) // MIB} MiB"
