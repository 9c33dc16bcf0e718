"""``python -m tests.soak``: thousands of conversations with a site that often fails.

Each conversation must end complete or with an exception, and the log of the site's model must
agree with every reply. The same client serves all of them. Prints what came of it.
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
from collections.abc import Iterator, Sequence
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
    """What came of all conversations.

    Attributes:
        complete: how many were.
        turns: how many turns were complete.
        errors: how many conversations ended by each kind of error.
        memory: bytes at half of the run, and at its end.
        sockets: how many were open before the client was made, and after it was closed.
        faults: how often each was injected.
        wrong: where a reply is not what the site's model gave.
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
        """How many conversations ended in one way or the other."""
        return self.complete + sum(self.errors.values())


@dataclass
class Soak:
    """What came of the conversations.

    Attributes:
        log: where each complete turn is written, as JSON with prompt, turn and reply.
    """

    log: IO[str]
    complete: int = 0
    turns: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    def prompt(self, number: int, turn: int) -> str:
        return f"Conversation {number:05d} turn {turn} says how it goes"

    def took(self, number: int, turn: int, reply: str) -> None:
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
            # Every other one is read as it comes.
            text = "".join(chat.stream(prompt)) if number % 2 else chat.generate(prompt).text
            soak.took(number, turn, text)
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
            soak.took(number, turn, text)
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
    """The memory of this process in bytes; 0 where the system does not tell."""
    gc.collect()
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return int(status.read_text().partition("VmRSS:")[2].split()[0]) * 1024


def sockets() -> int:
    """How many sockets this process has open; 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    count = 0
    for entry in folder.iterdir() if folder.exists() else ():
        try:
            count += os.readlink(entry).startswith("socket:")
        except OSError:
            continue
    return count


def client_main(kind: str, site: str, count: int, at_once: int, path: str) -> dict[str, object]:
    """Run the conversations, in a process of its own; return what came of them."""
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
    """Return the offline bot, which writes down each conversation that it was asked about."""

    def bot(messages: Sequence[Message]) -> Iterator[str]:
        pieces = list(offline_bot(messages))
        said = {"prompt": messages[-1].content, "length": len(messages), "reply": "".join(pieces)}
        log.write(json.dumps(said) + "\n")
        return iter(pieces)

    return bot


def disagreements(client_log: Path, site_log: Path) -> list[str]:
    """Return where the replies that a client got are not those that the site's model gave."""
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
            wrong.append(f"{got['prompt']}: got {got['reply']!r}, the site gave {runs}")
    return wrong


async def soak(kind: str, count: int, at_once: int, share: float, seed: int) -> Result:
    """Run one client's conversations against a faulty site; return what came of them."""
    with tempfile.TemporaryDirectory() as folder:
        site_log, client_log = Path(folder) / "site", Path(folder) / "client"
        with site_log.open("w", encoding="utf-8", buffering=1) as log:
            bot = logging_bot(log)
            async with LocalSite(bot=bot) as site, FaultyProxy(site.url, share, seed) as proxy:
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-W", "error", "-m", "tests.soak", "--child", kind, proxy.url,
                    str(count), str(at_once), str(client_log),
                    stdout=subprocess.PIPE,
                    # A hundred threads would each keep memory of their own that is in use no more.
                    env={**os.environ, "MALLOC_ARENA_MAX": "1"},
                )  # fmt: skip
                told, _ = await child.communicate()
            assert child.returncode == 0
        wrong = disagreements(client_log, site_log)
    return Result(**json.loads(told), faults=dict(proxy.faults), wrong=wrong)


def main() -> int:
    """Run the command; return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.1, help="of the requests that fail")
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
