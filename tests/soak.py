"""``python -m tests.soak``: thousands of conversations with an unreliable site, on one client.

Each conversation must be completed or end with a `ChatError`, and every reply must agree with the
log of the site's bot. The exit code is 1 if not, or if memory or sockets leak.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from chatgpt4online import AsyncClient, ChatError, Client, Message, RetryPolicy, Timeout
from chatgpt4online.server import LocalSite
from chatgpt4online.server.bots import Bot, offline_bot

from .faulty_proxy import FaultyProxy

TURNS = 5
CLIENT = {"retry": RetryPolicy(backoff=0.01), "timeout": Timeout(connect=10, idle=3)}


@dataclass(frozen=True)
class Result:
    """The result of a run.

    Attributes:
        complete: Number of completed conversations.
        turns: Number of completed turns.
        errors: Number of conversations that ended with each error.
        memory: Bytes in use after half of the conversations, and at the end.
        sockets: Open sockets before the client was created, and after it was closed.
        faults: How often each fault was injected.
        wrong: Replies that differ from what the site's bot said.
    """

    complete: int
    turns: int
    errors: dict[str, int]
    memory: list[int]
    sockets: list[int]
    faults: dict[str, int]
    wrong: list[str]

    @property
    def ended(self) -> int:
        """Number of conversations that were completed or failed."""
        return self.complete + sum(self.errors.values())


@dataclass
class Soak:
    """Collects the outcomes of conversations.

    Attributes:
        log: Receives a line of JSON for each completed turn, with prompt, turn and reply.
        complete: Number of completed conversations.
        turns: Number of completed turns.
        errors: Number of conversations that ended with each error.
    """

    log: IO[str]
    complete: int = 0
    turns: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def prompt(self, number: int, turn: int) -> str:
        return f"Conversation {number:05d} turn {turn} says how it goes"

    def completed(self, number: int, turn: int, reply: str) -> None:
        self.turns += 1
        line = {"prompt": self.prompt(number, turn), "turn": turn, "reply": reply}
        self.log.write(json.dumps(line) + "\n")

    def ended(self, error: ChatError | None) -> None:
        if error is None:
            self.complete += 1
        else:
            self.errors[f"{type(error).__name__}: {_without_details(str(error))}"] += 1


def _without_details(text: str) -> str:
    """Return an error's text without addresses, counts and what comes after a second colon."""
    text = re.sub(r"http://[0-9.:]+", "the site", text)
    return re.sub(r"[0-9]+ characters", "# characters", text).split(": ")[0][:70]


def converse(client: Client, number: int, soak: Soak) -> None:
    chat = client.conversation()
    try:
        for turn in range(TURNS):
            prompt = soak.prompt(number, turn)
            # Every other conversation is streamed.
            text = "".join(chat.stream(prompt)) if number % 2 else chat.generate(prompt).text
            soak.completed(number, turn, text)
    except ChatError as error:
        soak.ended(error)
    else:
        soak.ended(None)


async def converse_async(client: AsyncClient, number: int, soak: Soak) -> None:
    chat = client.conversation()
    try:
        for turn in range(TURNS):
            prompt = soak.prompt(number, turn)
            if number % 2:
                text = "".join([piece async for piece in chat.stream(prompt)])
            else:
                text = (await chat.generate(prompt)).text
            soak.completed(number, turn, text)
    except ChatError as error:
        soak.ended(error)
    else:
        soak.ended(None)


def run_sync(client: Client, numbers: Sequence[int], at_once: int, soak: Soak) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        for done in [pool.submit(converse, client, number, soak) for number in numbers]:
            done.result()


async def run_async(client: AsyncClient, numbers: Sequence[int], at_once: int, soak: Soak) -> None:
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            await converse_async(client, number, soak)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


def memory() -> int:
    """Return the memory of this process in bytes; 0 if unknown."""
    gc.collect()
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return int(status.read_text().partition("VmRSS:")[2].split()[0]) * 1024


def sockets() -> int:
    """Return the number of open sockets of this process; 0 if unknown."""
    folder = Path("/proc/self/fd")
    count = 0
    for entry in folder.iterdir() if folder.exists() else ():
        try:
            count += os.readlink(entry).startswith("socket:")
        except OSError:
            continue
    return count


def client_main(kind: str, site: str, count: int, at_once: int, path: str) -> dict[str, object]:
    """Run the conversations in this process, and return the outcomes."""
    start_sockets = sockets()
    warm = max(count // 2, 1)
    with open(path, "w", encoding="utf-8", buffering=1) as log:
        soak = Soak(log)

        async def go() -> tuple[int, int]:
            async with AsyncClient(site, **CLIENT) as client:  # type: ignore[arg-type]
                await run_async(client, range(warm), at_once, soak)
                before = memory()
                await run_async(client, range(warm, count), at_once, soak)
                return before, memory()

        if kind == "async":
            before, after = asyncio.run(go())
        else:
            with Client(site, **CLIENT) as client:  # type: ignore[arg-type]
                run_sync(client, range(warm), at_once, soak)
                before = memory()
                run_sync(client, range(warm, count), at_once, soak)
                after = memory()
    gc.collect()
    return {
        "complete": soak.complete, "turns": soak.turns, "errors": dict(soak.errors),
        "memory": [before, after], "sockets": [start_sockets, sockets()],
    }  # fmt: skip


def logging_bot(log: IO[str]) -> Bot:
    """Return the offline bot, which logs each conversation that it is asked about."""

    async def bot(messages: Sequence[Message]) -> list[str]:  # lines are written one by one
        pieces = list(offline_bot(messages))
        entry = {"prompt": messages[-1].content, "length": len(messages), "reply": "".join(pieces)}
        log.write(json.dumps(entry) + "\n")
        return pieces

    return bot


def disagreements(client_log: Path, site_log: Path) -> list[str]:
    """Return the replies that differ from what the site's bot said, and prompts that ran twice."""
    given: dict[str, list[dict[str, object]]] = {}
    for line in site_log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        given.setdefault(entry["prompt"], []).append(entry)
    wrong = [f"{prompt}: run {len(runs)} times" for prompt, runs in given.items() if len(runs) > 1]
    for line in client_log.read_text(encoding="utf-8").splitlines():
        got = json.loads(line)
        runs = given.get(got["prompt"], [])
        # A client that had to read the page knows its greeting, which is one message more.
        lengths = (2 * got["turn"] + 1, 2 * got["turn"] + 2)
        if len(runs) != 1 or runs[0]["reply"] != got["reply"] or runs[0]["length"] not in lengths:
            wrong.append(f"{got['prompt']}: got {got['reply']!r}, the bot said {runs}")
    return wrong


async def soak(kind: str, count: int, at_once: int, share: float, seed: int) -> Result:
    """Run the conversations of one kind of client against an unreliable site."""
    with tempfile.TemporaryDirectory() as folder:
        site_log, client_log = Path(folder) / "site", Path(folder) / "client"
        with site_log.open("w", encoding="utf-8", buffering=1) as log:
            bot = logging_bot(log)
            async with LocalSite(bot=bot) as site, FaultyProxy(site.url, share, seed) as proxy:
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-W", "error", "-m", "tests.soak", "--child", kind, proxy.url,
                    str(count), str(at_once), str(client_log),
                    stdout=subprocess.PIPE,
                    # Otherwise malloc keeps unused memory for each of a hundred threads.
                    env={**os.environ, "MALLOC_ARENA_MAX": "1"},
                )  # fmt: skip
                output, _ = await child.communicate()
            assert child.returncode == 0
        wrong = disagreements(client_log, site_log)
    return Result(**json.loads(output), faults=dict(proxy.faults), wrong=wrong)


def main() -> int:
    """Run both clients and print the results."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.1, help="share of requests that fail")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = False
    for kind in ("sync", "async"):
        start = time.monotonic()
        result = asyncio.run(
            soak(kind, options.conversations, options.at_once, options.share, options.seed)
        )
        print(f"{kind}, {time.monotonic() - start:.0f} s: {json.dumps(asdict(result), indent=1)}")
        grown = result.memory[1] > result.memory[0] * 1.05
        leaked = result.sockets[0] != result.sockets[1]
        lost = result.ended != options.conversations
        failed = failed or bool(result.wrong) or grown or leaked or lost
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _, _, kind_, site_, count_, at_once_, path_ = sys.argv
        print(json.dumps(client_main(kind_, site_, int(count_), int(at_once_), path_)))
    else:
        sys.exit(main())
