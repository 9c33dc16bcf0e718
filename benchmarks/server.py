"""The benchmark server, which runs in a process of its own and sends prepared bytes.

The first part of a path selects how a reply is sent:

- ``burst``: in chunks of 16 KiB.
- ``single``: one event per chunk and write.
- ``paced``: an event every 2 ms.
- ``first``: one event, and the end 2 ms later.
- ``held``: one event, then nothing.
- ``large-N``: N MB of text.
- ``burst-N``, ``single-N``: N events.
- ``gated-burst-N``, ``gated-single-N``: one event, then N more once ``/go`` is requested.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import sys
import time

from . import traffic

TEXTS = traffic.texts(traffic.EVENTS, 50)
OPENED = json.dumps({"success": True, "sessionId": "s1", "restNonce": "n000000001"}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
PACED = 60
PACE = 0.002


COUNT = {"connections": 0}


class Gate:
    """Holds streams back, then writes to all of them in turn.

    A single task does the writing. With one task per stream the server would be the bottleneck.
    """

    def __init__(self) -> None:
        self._held: list[tuple[asyncio.StreamWriter, list[bytes]]] = []
        self._over = asyncio.Event()

    async def hold(self, writer: asyncio.StreamWriter, pieces: list[bytes]) -> None:
        """Wait until the gate is open and the pieces are written."""
        self._held.append((writer, pieces))
        await self._over.wait()

    async def open(self) -> None:
        """Write one piece to each stream in turn, until none are left."""
        writers = [writer for writer, _ in self._held]
        try:
            for pieces in itertools.zip_longest(*(pieces for _, pieces in self._held)):
                for writer, piece in zip(writers, pieces, strict=True):
                    writer.write(piece or b"")
                for writer in writers:
                    if writer.transport.get_write_buffer_size():
                        await writer.drain()
        finally:
            self._over.set()


GATE = [Gate()]


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(text: str, *, openai: bool) -> bytes:
    return traffic.openai_event(text) if openai else traffic.event(text)


def ending(text: str, *, openai: bool) -> bytes:
    return traffic.OPENAI_ENDING if openai else traffic.ending(text)


@functools.cache
def writes(how: str, *, openai: bool) -> list[bytes]:
    """Return the writes that make up a reply."""
    how, _, count = how.partition("-")
    texts = TEXTS[: int(count)] if count and how != "large" else TEXTS
    made = [event(text, openai=openai) for text in texts]
    last = ending("".join(texts), openai=openai)
    if how == "burst":
        pieces = [chunk(piece) for piece in traffic.packed([*made, last])]
        return [HEAD, b"".join(pieces) + LAST]
    if how == "first":
        return [HEAD + chunk(made[0]), chunk(ending(texts[0], openai=openai)) + LAST]
    if how == "held":
        return [HEAD + chunk(made[0])]
    if how == "large":
        part = traffic.event("x" * 1000) * 1000
        return [HEAD, *[chunk(part)] * int(count), chunk(traffic.ending("done")) + LAST]
    return [HEAD, *(chunk(item) for item in [*made, last]), LAST]


def stamped(*, openai: bool) -> bytes:
    """Return an event with the time of its sending, in nanoseconds."""
    return chunk(event(f"{time.monotonic_ns():020d}", openai=openai))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    COUNT["connections"] += 1
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            path = head.split(b" ", 2)[1].decode().split("?")[0]
            how, openai = path.split("/")[1], "completions" in path
            if path.endswith("start_session"):
                writer.write(answer(OPENED))
            elif how == "connections":
                writer.write(answer(str(COUNT["connections"]).encode()))
            elif how == "paced":
                writer.write(HEAD)
                for _ in range(PACED):
                    await asyncio.sleep(PACE)
                    writer.write(stamped(openai=openai))
                writer.write(chunk(ending("done", openai=openai)) + LAST)
            elif how == "go":
                gate, GATE[0] = GATE[0], Gate()
                writer.write(answer(b""))
                await gate.open()
            elif how.startswith("gated-"):
                head, *pieces = writes(how.removeprefix("gated-"), openai=openai)
                writer.write(head + chunk(event("Hi", openai=openai)))
                await GATE[0].hold(writer, pieces)
            else:
                for data in writes(how, openai=openai):
                    writer.write(data)
                    if writer.transport.get_write_buffer_size():
                        await writer.drain()
                    if how == "first":
                        await asyncio.sleep(PACE)
    except (asyncio.IncompleteReadError, OSError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)  # otherwise each held stream would have to be closed


if __name__ == "__main__":
    asyncio.run(main())
