"""Where the local site keeps its discussions and files: in a folder, or in memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypeVar

from ..errors import UsageError

T = TypeVar("T")

_DATABASE = "site.sqlite3"
_LOCK = "site.lock"
_FILES = "files"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS discussions (
    owner TEXT NOT NULL,
    chat_id TEXT NOT NULL,
    bot_id TEXT,
    title TEXT NOT NULL,
    messages TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL,
    UNIQUE (owner, chat_id)
);
CREATE TABLE IF NOT EXISTS files (
    id TEXT NOT NULL UNIQUE,
    record TEXT
);
"""


class Storage:
    """An SQLite database and a folder with the contents of files; a context manager.

    Only one process at a time can use a folder, and only its user can read what is there.

    Args:
        data: The folder, which is created if it does not exist. Default: all is in memory, and
            lost at the end.
    """

    def __init__(self, data: str | os.PathLike[str] | None = None) -> None:
        self._data = None if data is None else Path(data)
        self._one_at_a_time = threading.Lock()
        self._resources = contextlib.ExitStack()

    @property
    def is_lasting(self) -> bool:
        """Whether there is a folder."""
        return self._data is not None

    def path(self, file_id: str) -> Path | None:
        """Return where the contents of a file belong, or None without a folder."""
        return None if self._data is None else self._data / _FILES / file_id

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a transaction and return its result once the changes are on the disk.

        If it raises an exception, nothing is changed.
        """
        if not self.is_lasting:
            return self._commit(job)
        return await asyncio.to_thread(self._commit, job)  # a disk can be slow

    def _commit(self, job: Callable[[sqlite3.Connection], T]) -> T:
        with self._one_at_a_time, self._database:
            return job(self._database)

    def __enter__(self) -> Self:
        """Open the folder.

        Raises:
            UsageError: It cannot be used, or another process is using it.
        """
        try:
            self._database = self._resources.enter_context(_opened(self._data))
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise UsageError(f"{self._data} is in use by another process.") from error
            raise UsageError(f"Cannot keep data in {self._data}: {error}.") from error
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._one_at_a_time:
            self._resources.close()


@contextlib.contextmanager
def _opened(folder: Path | None) -> Iterator[sqlite3.Connection]:
    """Open the database in a folder that is not in use, or one in memory."""
    with contextlib.ExitStack() as stack:
        if folder is None:
            database = stack.enter_context(_connect(":memory:"))
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / _FILES).mkdir(mode=0o700, exist_ok=True)
            lock = stack.enter_context(_connect(folder / _LOCK, timeout=0))
            lock.execute("PRAGMA journal_mode = OFF")
            lock.execute("BEGIN IMMEDIATE")  # ends with the process, however that ends
            (folder / _DATABASE).touch(mode=0o600)
            database = stack.enter_context(_connect(folder / _DATABASE))
            database.execute("PRAGMA journal_mode = WAL")
            # NORMAL would do for a process that is killed. FULL keeps turns through a power cut
            # too, and costs a fraction of a millisecond for each.
            database.execute("PRAGMA synchronous = FULL")
        database.executescript(_SCHEMA)
        yield database


def _connect(path: str | Path, timeout: float = 5) -> contextlib.closing[sqlite3.Connection]:
    # The threads that use a connection take turns.
    return contextlib.closing(sqlite3.connect(path, timeout=timeout, check_same_thread=False))
