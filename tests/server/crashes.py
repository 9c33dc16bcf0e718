"""``python -m tests.server.crashes``: a site that is killed at random moments loses nothing.

Users of the site chat and upload files, all at once, until one has seen a number of replies.
Then the site's process gets SIGKILL. The next one must have each turn whose reply a user has seen,
and each file that it has accepted, and nothing that is incomplete.
"""

from __future__ import annotations

import argparse
import random
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

import requests

from chatgpt4online import ChatError, Client, Message

from ..drivers import NO_RETRY
from ..loopback import WAIT_LIMIT

USERS = {"ann": "abcd EFGH 1234", "ben": "efgh IJKL 5678"}
MOST_REPLIES = 30
FILE_SIZE = 300_000
SITE = """
import sys
from chatgpt4online.server import LocalSite

with LocalSite(data=sys.argv[1], users=dict(zip(sys.argv[2::2], sys.argv[3::2]))) as site:
    print(site.url, flush=True)
    sys.stdin.read()
"""


class SiteProcess:
    """A local site on a folder, in a process of its own; a context manager that kills it.

    Attributes:
        url: The address of the site, or an empty string if it did not start.
    """

    def __init__(self, data: Path) -> None:
        arguments = [part for user in USERS.items() for part in user]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SITE, str(data), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    @property
    def stdout(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def __enter__(self) -> Self:
        self.url = self.stdout.readline().strip()
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_LIMIT)

    def errors(self) -> str:
        """Wait for the end and return what the process wrote to stderr."""
        return self.process.communicate(timeout=WAIT_LIMIT)[1]

    def __exit__(self, *exc_info: object) -> None:
        self.kill()
        self.errors()


@dataclass
class Known:
    """What users know to be on the site.

    Attributes:
        turns: The contents of the messages of each discussion, by user and id.
        files: The contents of each file by id.
    """

    turns: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def chat(self, client: Client, user: str, seen: Callable[[], None]) -> None:
        """Chat until the site is gone: a few turns in each conversation."""
        while True:
            conversation = client.conversation()
            said = self.turns.setdefault((user, conversation.chat_id), [])
            for number in range(3):
                prompt = f"Prompt {number} {secrets.token_hex(20)}"
                said += [prompt, conversation.generate(prompt).text]
                seen()

    def upload(self, client: Client) -> None:
        """Upload files until the site is gone."""
        while True:
            contents = secrets.token_bytes(FILE_SIZE)
            self.files[client.upload(contents).id] = contents

    def check(self, url: str) -> None:
        """Compare with what the site has."""
        for user in USERS.items():
            with Client(url, auth=user) as client:
                found = {item.chat_id: item.messages for item in client.discussions()}
            for (name, chat_id), said in self.turns.items():
                if name == user[0]:
                    self._check_discussion(said, found.pop(chat_id, ()))
            assert not found, "a discussion is there that nobody began"
        self._check_files(url)

    def _check_discussion(self, said: list[str], found: tuple[Message, ...]) -> None:
        contents = [message.content for message in found]
        assert contents[: len(said)] == said, "a turn is lost"
        # The site may have completed one more turn than the user has seen.
        assert len(contents) - len(said) in (0, 2), "a turn is incomplete"
        assert [message.role for message in found] == ["user", "assistant"] * (len(found) // 2)
        said[:] = contents

    def _check_files(self, url: str) -> None:
        with Client(url) as client, requests.Session() as session:
            files = client.list_files(limit=10**6)
            contents = {item.id: session.get(item.url).content for item in files}
        assert self.files.items() <= contents.items(), "a file is lost"
        assert {len(item) for item in contents.values()} <= {FILE_SIZE}, "a file is incomplete"
        assert len(contents) - len(self.files) <= 1
        self.files = contents


def use_until_killed(site: SiteProcess, known: Known, replies: int) -> None:
    """Let three users use the site at once, and kill it after one has seen so many replies."""
    seen = threading.Semaphore(0)
    clients = [Client(site.url, auth=user, retry=NO_RETRY) for user in USERS.items()]
    uploader = Client(site.url, retry=NO_RETRY)
    jobs: list[Callable[[], None]] = [
        lambda: known.chat(clients[0], "ann", seen.release),
        lambda: known.chat(clients[1], "ben", lambda: None),
        lambda: known.upload(uploader),
    ]
    ended: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001  # reported below
            ended.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for _ in range(replies):
        assert seen.acquire(timeout=WAIT_LIMIT)
    site.kill()
    for thread in threads:
        thread.join()
    for client in (*clients, uploader):
        client.close()
    assert all(isinstance(error, ChatError) for error in ended), ended


def survive(data: Path, kills: int, seed: int) -> Known:
    """Kill a site so many times, and return what the last one has.

    Raises:
        AssertionError: Something was lost, or is incomplete.
    """
    choose, known = random.Random(seed), Known()
    for _ in range(kills):
        with SiteProcess(data) as site:
            assert site.url, site.errors()
            known.check(site.url)
            use_until_killed(site, known, choose.randint(1, MOST_REPLIES))
    with SiteProcess(data) as site:
        known.check(site.url)
    return known


def main() -> None:
    """Print what has survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.server.crashes", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        known = survive(Path(folder), options.kills, options.seed)
    turns = sum(len(said) // 2 for said in known.turns.values())
    print(f"{options.kills} kills: {turns} turns and {len(known.files)} files, none lost")


if __name__ == "__main__":
    main()
