"""Where the local site keeps its discussions and files: in a folder, or in memory."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
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

    Only one process at a time can use a folder.

    Args:
        data: The folder, which is created if it does not exist. Default: all is in memory, and
            lost at the end.
    """

    def __init__(self, data: str | os.PathLike[str] | None = None) -> None:
        self._data = None if data is None else Path(data)
        self._turn = threading.Lock()
        self._connections: list[sqlite3.Connection] = []

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
        with self._turn, self._connections[-1] as connection:
            return job(connection)

    def __enter__(self) -> Self:
        """Open the folder.

        Raises:
            UsageError: It cannot be used, or another process is using it.
        """
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            self._close()
            if isinstance(error, sqlite3.Error) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise UsageError(f"{self._data} is in use by another process.") from error
            raise UsageError(f"Cannot keep data in {self._data}: {error}.") from error
        return self

    def _open(self) -> None:
        if self._data is None:
            self._connect(":memory:")
        else:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._data / _FILES).mkdir(mode=0o700, exist_ok=True)
            # The system ends the lock with the process, however it ends.
            lock = self._connect(self._data / _LOCK)
            lock.execute("PRAGMA journal_mode = OFF")
            lock.execute("BEGIN IMMEDIATE")
            database = self._connect(self._data / _DATABASE)
            database.execute("PRAGMA journal_mode = WAL")
            # NORMAL would do if only the process can die. FULL keeps turns through a power cut
            # too, and costs a fraction of a millisecond each.
            database.execute("PRAGMA synchronous = FULL")
        self._connections[-1].executescript(_SCHEMA)

    def _connect(self, path: str | Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=0, check_same_thread=False)
        self._connections.append(connection)
        return connection

    def _close(self) -> None:
        with self._turn:
            while self._connections:
                self._connections.pop().close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()
