"""Local files on their way to a site."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import BinaryIO

from .errors import UsageError
from .models import StoredFile
from .protocol.files import Attachment
from .protocol.http import Form

FileInput = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a file that is open in binary mode."""

AnyFile = FileInput | StoredFile
"""A local file, or one that was uploaded before."""

Progress = Callable[[int, int], object]
"""Called with the bytes of the file that were sent so far, and with its size in bytes."""

CHUNK_SIZE = 65536

_OPEN_FILES = Lock()
"""Held while an open file is not at its start. Several calls may send the same one."""


class LocalFile:
    """A file to upload. It is opened for each try, so that a second one sends all of it.

    An open file is read from its position and not closed. `error` is what failed while the file
    was read, which HTTP libraries would disguise.
    """

    def __init__(
        self, file: FileInput, filename: str | None = None, progress: Progress | None = None
    ) -> None:
        self.error: Exception | None = None
        self._file = file
        self._start = 0
        self._progress = progress
        if isinstance(file, bytes):
            name, self.size = "file", len(file)
        elif isinstance(file, str | os.PathLike):
            name, self.size = os.path.basename(file), _size_of(file)
        else:
            name = os.path.basename(str(getattr(file, "name", "") or "file"))
            self._start, self.size = _extent_of(file)
        self.filename = filename or name
        guessed = mimetypes.guess_type(self.filename)[0]
        self.content_type = guessed or "application/octet-stream"

    def chunks(self) -> Iterator[bytes]:
        """Yield the content, from the start each time it is called."""
        self.error = None
        try:
            yield from self._read()
        except Exception as error:
            self.error = error
            raise

    def _read(self) -> Iterator[bytes]:
        sent = 0
        with self._open() as read:
            while sent < self.size:
                try:
                    chunk = read(sent, min(CHUNK_SIZE, self.size - sent))
                except (OSError, ValueError) as error:
                    raise _unreadable(self.filename, error) from error
                if not chunk:
                    raise UsageError(f"{self.filename} became shorter while it was uploaded.")
                yield chunk
                sent += len(chunk)
                if self._progress is not None:
                    self._progress(sent, self.size)

    @contextlib.contextmanager
    def _open(self) -> Iterator[Callable[[int, int], bytes]]:
        """Yield a function that returns bytes of the content, by their position and number."""
        file = self._file
        if isinstance(file, bytes):
            yield lambda at, size: file[at : at + size]
        elif isinstance(file, str | os.PathLike):
            with _opened(file) as opened:
                yield lambda _, size: opened.read(size)
        else:
            yield partial(_read_at, file, self._start)


def attach(files: Sequence[AnyFile]) -> tuple[Attachment, ...]:
    """Return the attachments for files. All of them are checked before any is uploaded."""
    # An open file, too, would be taken apart: into its lines.
    is_one = isinstance(files, str | bytes | os.PathLike) or hasattr(files, "read")
    if is_one or not isinstance(files, Iterable):
        raise UsageError("files must be a list, even for a single file.")
    return tuple(
        Attachment(stored=file)
        if isinstance(file, StoredFile)
        else Attachment(LocalFile(file), boundary=secrets.token_hex(16))
        for file in files
    )


def read_error_of(body: object) -> Exception | None:
    """Return what failed while the file of a request body was read, or None."""
    file = body.file if isinstance(body, Form) else None
    return file.error if isinstance(file, LocalFile) else None


def _read_at(file: BinaryIO, start: int, at: int, size: int) -> bytes:
    """Return bytes of an open file, and leave it at its start, because others may send it too."""
    with _OPEN_FILES:
        file.seek(start + at)
        try:
            return file.read(size)
        finally:
            file.seek(start)


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise _unreadable(os.fspath(path), error) from error


def _unreadable(name: str, error: Exception) -> UsageError:
    reason = str(getattr(error, "strerror", None) or error)  # a closed file is a ValueError
    return UsageError(f"Cannot read {name}: {reason.rstrip('.')}.")


def _size_of(path: str | os.PathLike[str]) -> int:
    if not os.path.isfile(path):
        raise UsageError(f"No such file: {os.fspath(path)}")
    return os.path.getsize(path)


def _extent_of(file: BinaryIO) -> tuple[int, int]:
    """Return the position of an open file, and the number of bytes from there to its end."""
    try:
        if not isinstance(file.read(0), bytes):
            raise TypeError("not binary")
        with _OPEN_FILES:
            start = file.tell()
            size = file.seek(0, os.SEEK_END) - start
            file.seek(start)
    except (OSError, ValueError) as error:
        raise UsageError("A file to upload must be open and seekable.") from error
    except (AttributeError, TypeError) as error:
        raise UsageError(
            "A file to upload must be a path, bytes, or a file open in binary mode."
        ) from error
    return start, size
