"""Files on this machine, to be read while they are sent."""

from __future__ import annotations

import contextlib
import io
import mimetypes
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import BinaryIO

from .errors import UsageError
from .messages import StoredFile
from .protocol.exchanges import Body, FileBody

FileInput = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes themselves, or a file that is open for reading bytes."""

AnyFile = FileInput | StoredFile
"""A file on this machine, or one that is on the site already."""

Files = Sequence["LocalFile | StoredFile"]
"""What goes with a message: those on this machine have to be uploaded before it."""

Progress = Callable[[int, int], object]
"""Called with the bytes of the file that are sent, and the bytes in all."""

PIECE = 65536


class LocalFile:
    """A file to send. It is opened for each try, so that a second one sends the whole.

    Args:
        file: a path, bytes, or an open file, which is read from where it stands and not closed.
        filename: its name on the site; None for its own.
        progress: called after each piece; None for nobody.

    Raises:
        UsageError: there is no such file, or it cannot be read.
    """

    def __init__(
        self, file: FileInput, filename: str | None = None, progress: Progress | None = None
    ) -> None:
        self._file = file
        self._start = 0
        self.progress = progress
        self.failure: Exception | None = None
        """What went wrong while it was read, which the HTTP libraries would disguise."""
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

    def pieces(self) -> Iterator[bytes]:
        """Return the file piece by piece. See `pieces_of` for what is raised."""
        sent = 0
        with self.open() as file:
            while sent < self.size:
                try:
                    piece = file.read(min(PIECE, self.size - sent))
                except OSError as error:
                    raise UsageError(f"The file cannot be read: {error.strerror}.") from error
                if not piece:
                    raise UsageError("The file has become shorter while it was sent.")
                yield piece
                sent += len(piece)
                if self.progress is not None:
                    self.progress(sent, self.size)

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file at its start."""
        if isinstance(self._file, bytes):
            yield io.BytesIO(self._file)
        elif isinstance(self._file, str | os.PathLike):
            with _opened(self._file) as opened:
                yield opened
        else:
            self._file.seek(self._start)
            try:
                yield self._file
            finally:
                # As it was given, so that another call can send it again.
                with contextlib.suppress(OSError, ValueError):
                    self._file.seek(self._start)


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise UsageError(f"The file cannot be read: {error.strerror}.") from error


def _size_of(path: str | os.PathLike[str]) -> int:
    if not os.path.isfile(path):
        raise UsageError("There is no such file to upload.")
    return os.path.getsize(path)


def _extent_of(file: BinaryIO) -> tuple[int, int]:
    try:
        if not isinstance(file.read(0), bytes):
            raise TypeError("not binary")
        start = file.tell()
        size = file.seek(0, os.SEEK_END) - start
        file.seek(start)
    except (OSError, ValueError) as error:
        raise UsageError("A file to upload must be open, and able to seek.") from error
    except (AttributeError, TypeError) as error:
        raise UsageError(
            "A file to upload must be a path, bytes, or a file open in binary mode."
        ) from error
    return start, size


def pieces_of(body: FileBody) -> Generator[bytes]:
    """Return a form with a file in it, piece by piece.

    Raises:
        UsageError: the file cannot be read, or has become shorter.
    """
    source = body.source
    assert isinstance(source, LocalFile)
    source.failure = None
    yield body.before
    try:
        yield from source.pieces()
    except Exception as error:
        source.failure = error
        raise
    yield body.after


class SizedPieces:
    """The pieces of a form, with a length: what requests sends without reading it all at once."""

    def __init__(self, body: FileBody) -> None:
        self._body = body

    def __len__(self) -> int:
        return length_of(self._body)

    def __iter__(self) -> Iterator[bytes]:
        return pieces_of(self._body)


def failure_of(body: Body | None) -> Exception | None:
    """Return what went wrong while the file of a form was read; None where nothing did."""
    source = body.source if isinstance(body, FileBody) else None
    return source.failure if isinstance(source, LocalFile) else None


def length_of(body: FileBody) -> int:
    """Return the length of a form in bytes."""
    return len(body.before) + body.source.size + len(body.after)
