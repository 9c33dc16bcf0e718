"""The replies of a batch, and a file beside them that records what was sent.

Before a row is sent, a line with its number and checksum is added to the side file. When it is
done, its line is added to the replies. So whenever the process ends, the rows that were sent and
have no line are known; the end of a line that was cut off is removed. A row that is to be sent
again gets a line in the side file first, and then loses its line in the replies.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import click

from ...errors import UsageError
from .rows import InputRow

REPLIED, FAILED, UNKNOWN = "replied", "failed", "unknown"
_SIDE_SUFFIX = ".started"
_BEGINNING = b'{"row": '
"""What each line of the replies begins with."""
_STARTED = re.compile(rb"([1-9][0-9]{0,11}) ([0-9a-f]{8}|again)\n")
_LOST = {
    "type": "Interrupted",
    "message": "The batch was stopped after it had sent this prompt. The site may have run it, and "
    "charged for it.",
}


class RowSet:
    """A set of row numbers, which takes a bit for each."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (number & 7) & 1)

    def add(self, number: int) -> None:
        """Add a number."""
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        self._bits[place] |= 1 << (number & 7)


class Line(NamedTuple):
    """A line of the replies."""

    offset: int
    number: int
    outcome: str
    data: bytes


class BatchFiles:
    """The two files of a batch. Use it as a context manager.

    Args:
        path: Where the replies go.
        resume: Whether to go on with what the files have. Otherwise they must not exist.

    Attributes:
        counts: How many rows have which outcome.

    Raises:
        UsageError: The files exist, are in use, or cannot be opened.
    """

    def __init__(self, path: str, *, resume: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._path = Path(path)
        self._done = RowSet()
        self._lost = RowSet()
        # The checksum of each row that was sent before, at its number; 0 for the others.
        self._checks = array("I")
        if path == "-" or (os.path.exists(path) and not os.path.isfile(path)):
            raise UsageError("The replies need a file, because resuming reads it.")
        paths = (path, path + _SIDE_SUFFIX)
        for existing in filter(os.path.exists, () if resume else paths):
            raise UsageError(
                f"{existing} exists. Go on with it (--resume), or choose another output."
            )
        with contextlib.ExitStack() as opened:
            self._replies, self._side = (opened.enter_context(_open(name)) for name in paths)
            _lock(self._side)
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        """Close the files; remove them if nothing came of it, so that it can be begun again."""
        if kind is not None and not os.path.getsize(self._side.name):
            for path in (self._replies.name, self._side.name):
                if not os.path.getsize(path):
                    os.remove(path)
        self._replies.close()
        self._opened.close()

    def settle(self, row: InputRow) -> bool:
        """Return whether a row was sent before. If it has no line yet, it gets one now.

        Raises:
            UsageError: Another row was sent under its number.
        """
        sent = self._checks[row.number] if row.number < len(self._checks) else 0
        if sent and sent != row.check:
            raise UsageError(
                f"Row {row.number} of the input is not the row that was sent. Restore the input, "
                "or start anew with another output."
            )
        if row.number in self._lost:
            self.finish(row, {"outcome": UNKNOWN, "error": _LOST})
        return row.number in self._lost or row.number in self._done

    def start(self, row: InputRow) -> None:
        """Note that a row is about to be sent. Not even a power failure makes that undone."""
        self._write(self._side, b"%d %08x\n" % (row.number, row.check), sync=True)

    def finish(self, row: InputRow, answer: Mapping[str, Any]) -> None:
        """Write what became of a row."""
        named = {"id": row.content["id"]} if row.content.get("id") is not None else {}
        self._write(self._replies, _encode({"row": row.number, **named, **answer}))
        self.counts[answer["outcome"]] += 1

    def resume(self, again: Collection[str]) -> None:
        """Find out what was done before.

        Args:
            again: The outcomes of the rows that are to be sent again.

        Raises:
            UsageError: The files are not those of a batch.
        """
        if os.path.getsize(self._path) and not os.path.getsize(self._side.name):
            raise UsageError(
                f"{self._side.name} is empty, so it is not known which rows were sent. Start anew "
                "with another output."
            )
        repeated, line = RowSet(), None
        end_of_side = self._read_side()
        for line in self._lines():
            if line.outcome in again:
                repeated.add(line.number)
            else:
                self._done.add(line.number)
                self.counts[line.outcome] += 1
        for number, sent in enumerate(self._checks):
            if sent and number not in self._done and number not in repeated:
                (repeated if UNKNOWN in again else self._lost).add(number)
        # By now it is known that the files are those of a batch.
        self._side.truncate(end_of_side)
        self._replies.truncate(line.offset + len(line.data) if line is not None else 0)
        if line is not None and not line.data.endswith(b"\n"):  # an editor may have removed it
            self._write(self._replies, b"\n")
        self._repeat(repeated)

    def sort(self) -> None:
        """Put the replies in the order of the input."""
        offsets = array("q")
        for line in self._lines():
            _put(offsets, line.number, line.offset, -1)
        with open(self._path, "rb") as old:
            self._rewrite(_line_at(old, offset) for offset in offsets if offset >= 0)

    def _read_side(self) -> int:
        """Read the side file, and return where its last complete line ends."""
        end = 0
        with open(self._side.name, "rb") as side:
            for line in side:
                if not line.endswith(b"\n"):
                    break  # its row was not sent
                found = _STARTED.fullmatch(line)
                if not found:
                    raise UsageError(f"{side.name} is not what this command has written.")
                sent = 0 if found[2] == b"again" else int(found[2], 16)
                _put(self._checks, int(found[1]), sent, 0)
                end += len(line)
        return end

    def _repeat(self, repeated: RowSet) -> None:
        """Let rows be sent again. If this is interrupted, they are as they were."""
        numbers = [number for number in range(len(self._checks)) if number in repeated]
        if numbers:
            self._write(self._side, b"".join(b"%d again\n" % number for number in numbers))
            lines = self._lines()
            self._rewrite(line.data for line in lines if line.number not in repeated)

    def _lines(self) -> Iterator[Line]:
        """Yield the lines of the replies, but for one that was cut off at the end."""
        offset = 0
        with open(self._path, "rb") as file:
            for count, data in enumerate(file, 1):
                try:
                    value = json.loads(data)
                    number, outcome = value["row"], value["outcome"]
                    valid = isinstance(number, int) and outcome in (REPLIED, FAILED, UNKNOWN)
                except (ValueError, TypeError, LookupError, RecursionError):
                    valid = False
                if not valid and not data.endswith(b"\n") and (count > 1 or _is_beginning(data)):
                    return  # a crash has cut it off
                if not valid:
                    raise UsageError(
                        f"{self._path}, line {count}, is not what this command has written."
                    )
                yield Line(offset, number, outcome, data)
                offset += len(data)

    def _write(self, file: io.FileIO, data: bytes, *, sync: bool = False) -> None:
        try:
            while data:
                data = data[file.write(data) :]
            if sync:
                os.fsync(file.fileno())
        except OSError as error:
            raise _not_written(file.name, error) from error

    def _rewrite(self, lines: Iterable[bytes]) -> None:
        """Replace the replies. A crash leaves the old ones or the new ones."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            with open(new, "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            shutil.copymode(self._path, new)
            self._replies.close()
            os.replace(new, self._path)
            self._replies = _open(str(self._path))
        except OSError as error:
            raise _not_written(str(new), error) from error


def _is_beginning(data: bytes) -> bool:
    return data.startswith(_BEGINNING) or _BEGINNING.startswith(data)


def _open(path: str) -> io.FileIO:
    try:
        return io.FileIO(path, "a+")  # without a buffer, so nothing is left if a write fails
    except OSError as error:
        raise UsageError(f"Cannot write {path}: {error.strerror}.") from error


def _not_written(path: str, error: OSError) -> click.ClickException:
    return click.ClickException(f"Cannot write {path}: {error.strerror}.")


def _lock(file: io.FileIO) -> None:
    """Keep other processes from going on with the same batch, where the system can."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"Another process is at work on this batch ({file.name}).") from None


def _put(items: array[int], place: int, value: int, nothing: int) -> None:
    if place >= len(items):
        items.extend(array(items.typecode, [nothing]) * (place + 1 - len(items)))
    items[place] = value


def _line_at(file: IO[bytes], offset: int) -> bytes:
    file.seek(offset)
    return file.readline()


def _encode(value: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a character, which only an escape can express
        return json.dumps(value).encode() + b"\n"
