"""Local files on their way to a site."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import BinaryIO
from weakref import WeakValueDictionary

from .errors import UsageError
from .models import StoredFile
from .protocol.files import Attachment
from .protocol.http import Form

FileInput = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a file that is open in binary mode."""

Progress = Callable[[int, int], object]
"""Called with the bytes of the file that were sent so far, and with its size in bytes."""

CHUNK_SIZE = 65536

Read = Callable[[int, int], bytes]


class LocalFile:
    """A file to upload. It is opened for each try, so that a second one sends all of it.

    An open file is read from its position and not closed. `error` is what failed while the file
    was read, which HTTP libraries would disguise.
    """

    def __init__(
        self, file: FileInput, filename: str | None = None, progress: Progress | None = None
    ) -> None:
        self.error: Exception | None = None
        self._file: bytes | str | os.PathLike[str] | _OpenFile
        self._start = 0
        self._progress = progress
        if isinstance(file, bytes):
            self._file, name, self.size = file, "file", len(file)
        elif isinstance(file, str | os.PathLike):
            self._file, name, self.size = file, os.path.basename(file), _size_of(file)
        else:
            name = os.path.basename(str(getattr(file, "name", "") or "file"))
            self._file = _shared(file)
            self._start, self.size = self._file.extent()
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
    def _open(self) -> Iterator[Read]:
        """Yield a function that returns so many bytes of the content from a position on."""
        file = self._file
        if isinstance(file, bytes):
            yield lambda at, size: file[at : at + size]
        elif isinstance(file, _OpenFile):
            with file.reading(self._start) as read:
                yield read
        else:
            with _opened(file) as opened:
                yield lambda _, size: opened.read(size)


AnyFile = FileInput | StoredFile
"""A local file, or one that was uploaded before."""


def attach(files: Sequence[AnyFile | LocalFile]) -> tuple[Attachment, ...]:
    """Return the attachments for files. All of them are checked before any is uploaded."""
    # An open file, too, would be taken apart: into its lines.
    is_one = isinstance(files, str | bytes | os.PathLike) or hasattr(files, "read")
    if is_one or not isinstance(files, Iterable):
        raise UsageError("files must be a list, even for a single file.")
    return tuple(map(_attachment, files))


def _attachment(file: AnyFile | LocalFile) -> Attachment:
    if isinstance(file, StoredFile):
        return Attachment(stored=file)
    if not isinstance(file, LocalFile):
        file = LocalFile(file)
    return Attachment(file, boundary=secrets.token_hex(16))


def read_error_of(body: object) -> Exception | None:
    """Return what failed while the file of a request body was read, or None."""
    file = body.file if isinstance(body, Form) else None
    return file.error if isinstance(file, LocalFile) else None


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


class _OpenFile:
    """A file that the caller has opened, and that several calls may send at the same time.

    Between calls it is at the position where the caller has left it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()
        self._readers = 0
        self._start = 0  # of the content that is being read

    def extent(self) -> tuple[int, int]:
        """Return the position of the file, and the number of bytes from there to its end."""
        try:
            with self._lock:
                if not isinstance(self._file.read(0), bytes):
                    raise TypeError("not binary")
                start = self._start if self._readers else self._file.tell()
                size = self._file.seek(0, os.SEEK_END) - start
                self._file.seek(start)
        except (OSError, ValueError) as error:
            raise UsageError("A file to upload must be open and seekable.") from error
        except (AttributeError, TypeError) as error:
            raise UsageError(
                "A file to upload must be a path, bytes, or a file open in binary mode."
            ) from error
        return start, size

    @contextlib.contextmanager
    def reading(self, start: int) -> Iterator[Read]:
        """Yield a function that reads so many bytes from a position after the start."""
        with self._lock:
            self._readers += 1
            self._start = start
        try:
            yield lambda at, size: self._read(start + at, size)
        finally:
            with self._lock, contextlib.suppress(OSError, ValueError):
                self._readers -= 1
                if not self._readers:
                    self._file.seek(start)

    def _read(self, position: int, size: int) -> bytes:
        with self._lock:
            if self._file.tell() != position:
                self._file.seek(position)
            return self._file.read(size)


_OPEN_FILES: WeakValueDictionary[int, _OpenFile] = WeakValueDictionary()
_OPEN_FILES_LOCK = Lock()


def _shared(file: BinaryIO) -> _OpenFile:
    """Return what all calls that send this file share."""
    with _OPEN_FILES_LOCK:
        return _OPEN_FILES.setdefault(id(file), _OpenFile(file))
