"""Local files on their way to a site."""

from __future__ import annotations

import contextlib
import io
import mimetypes
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import BinaryIO

from .errors import UsageError
from .models import StoredFile
from .protocol.files import Attachment
from .protocol.http import Form

FileInput = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a file that is open in binary mode."""

Progress = Callable[[int, int], object]
"""Called with the bytes of the file that were sent so far, and with its size in bytes."""

CHUNK_SIZE = 65536

_READING = Lock()


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
        with self._open() as file:
            while sent < self.size:
                try:
                    chunk = file.read(min(CHUNK_SIZE, self.size - sent))
                except (OSError, ValueError) as error:
                    raise _unreadable(self.filename, error) from error
                if not chunk:
                    raise UsageError(f"{self.filename} became shorter while it was uploaded.")
                yield chunk
                sent += len(chunk)
                if self._progress is not None:
                    self._progress(sent, self.size)

    @contextlib.contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if isinstance(self._file, bytes):
            yield io.BytesIO(self._file)
        elif isinstance(self._file, str | os.PathLike):
            with _opened(self._file) as opened:
                yield opened
        else:
            try:
                self._file.seek(self._start)
            except (OSError, ValueError) as error:
                raise _unreadable(self.filename, error) from error
            try:
                yield self._file
            finally:
                # Back to its position, so that another call can send it again.
                with contextlib.suppress(OSError, ValueError):
                    self._file.seek(self._start)


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
        file = LocalFile(file) if isinstance(file, str | bytes | os.PathLike) else _snapshot(file)
    return Attachment(file, boundary=secrets.token_hex(16))


def _snapshot(file: BinaryIO) -> LocalFile:
    """Return the content of an open file, which another call may send at the same time."""
    with _READING:
        opened = LocalFile(file)
        return LocalFile(b"".join(opened.chunks()), opened.filename)


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


def _extent_of(file: BinaryIO) -> tuple[int, int]:
    """Return the position of an open file, and the number of bytes from there to its end."""
    try:
        if not isinstance(file.read(0), bytes):
            raise TypeError("not binary")
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
