"""``python -m benchmarks.serving``: many streams at once through ``chatgpt4online serve``.

Three processes: an upstream, the server in front of it, and the client. The upstream holds every
reply back after its first piece until all of them have begun, so all streams are open at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from aiohttp import web

PIECES = 20
WORDS = [f"word-{number} " for number in range(PIECES)]
TEXT = "".join(WORDS)

Ask = Callable[[str], AsyncIterator[str]]


def serve_upstream(streams: int) -> None:
    """Serve replies that go on once so many of them have begun. Prints the port."""
    from chatgpt4online.server.openai_answers import DONE, Completion

    begun: list[asyncio.Event] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        answer, all_begun = Completion("small"), asyncio.Event()
        await response.write(answer.chunk({"content": WORDS[0]}).encode())
        begun.append(all_begun)
        if len(begun) == streams:
            for event in begun:
                event.set()
            begun.clear()
        await all_begun.wait()
        for word in WORDS[1:]:
            await response.write(answer.chunk({"content": word}).encode())
            await asyncio.sleep(0)
        await response.write((answer.chunk({}, "stop") + DONE).encode())
        return response

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", complete)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=2048).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    asyncio.run(run())


async def count_complete(ask: Ask, streams: int) -> Counter[str]:
    """Read so many streams at once. Return how many were complete, and what went wrong."""

    async def read(number: int) -> str:
        try:
            text = "".join([piece async for piece in ask(f"Question {number}")])
        except Exception as error:  # noqa: BLE001 - counted
            return f"{type(error).__name__}: {error}"[:150]
        return "complete" if text == TEXT else "wrong"

    return Counter(await asyncio.gather(*map(read, range(streams))))


async def measure(url: str, streams: int, server: int) -> None:
    """Read the streams through each dialect, and print the figures."""
    from openai import AsyncOpenAI

    from chatgpt4online import AsyncClient, Timeout

    patient = Timeout(connect=60, idle=300)
    async with AsyncClient(url, timeout=patient) as client:
        await _report("AI Engine's dialect, AsyncClient", client.stream, streams, server)
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=300) as ai:

        async def ask(question: str) -> AsyncIterator[str]:
            async with await ai.chat.completions.create(
                model="default", messages=[{"role": "user", "content": question}], stream=True
            ) as chunks:
                async for chunk in chunks:
                    yield chunk.choices[0].delta.content or ""

        await _report("OpenAI's dialect, AsyncOpenAI", ask, streams, server)


async def _report(title: str, ask: Ask, streams: int, server: int) -> None:
    start = time.perf_counter()
    outcomes = await count_complete(ask, streams)
    taken = time.perf_counter() - start
    print(
        f"{title}: {outcomes['complete']} of {streams} streams complete, {dict(outcomes)}, "
        f"{taken:.1f} s, {streams * PIECES / taken:.0f} pieces/s, server {_memory(server)}",
        flush=True,
    )


def _memory(process: int) -> str:
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return "of unknown size"
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return f"{int(found[1]) // 1024} MiB at most" if found else "of unknown size"


def main() -> None:
    """Start the processes, measure, and stop them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--streams", type=int, default=500, help="streams at once (default: 500)")
    parser.add_argument("--upstream", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.upstream:
        serve_upstream(options.streams)
        return
    upstream = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.serving", "--upstream", "--streams",
         str(options.streams)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert upstream.stdout is not None
    url = f"http://127.0.0.1:{upstream.stdout.readline().strip()}"
    server = subprocess.Popen(
        [sys.executable, "-m", "chatgpt4online", "serve", "--port", "0", "--upstream", url,
         "--model", "small"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=dict(os.environ),
    )  # fmt: skip
    try:
        assert server.stdout is not None
        address = server.stdout.readline().removeprefix("AI Engine: ").strip()
        asyncio.run(measure(address, options.streams, server.pid))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()
        upstream.kill()
        upstream.wait()


if __name__ == "__main__":
    main()
