"""The rows of a batch: read one by one from JSON lines, CSV or plain lines."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from ...errors import UsageError

_BY_SUFFIX = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".txt": "lines", "": "lines"}
_COLUMN = "prompt"


@dataclass(frozen=True, slots=True)
class InputRow:
    """A row of the input.

    Attributes:
        number: Its number, from 1.
        check: A checksum of the row. It is never 0.
        content: The prompt, with what else the row has.
        problem: Why the row cannot be sent, or None.
    """

    number: int
    check: int
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str | None = None


class _BadRow(Exception):
    """A row is not what its format says."""


def guess_format(path: str) -> str:
    """Return the format that the name of an input says.

    Raises:
        UsageError: It says none, as that of stdin.
    """
    format = _BY_SUFFIX.get(Path(path).suffix.lower())
    if path == "-" or format is None:
        name = "stdin" if path == "-" else path
        raise UsageError(f"Say what {name} has: --format jsonl, --format csv or --format lines.")
    return format


@contextlib.contextmanager
def opened_input(path: str) -> Iterator[TextIO]:
    """Yield the input, or stdin for ``-``.

    Bytes that are not UTF-8 become surrogates, so that only their rows fail.

    Raises:
        UsageError: It cannot be read.
    """
    options: dict[str, Any] = {
        "encoding": "utf-8-sig", "errors": "surrogateescape", "newline": "",
    }  # fmt: skip
    if path == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(**options)
        yield sys.stdin or io.StringIO()
        return
    try:
        file = open(path, **options)  # noqa: SIM115 - what it raises is told apart
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    with file:
        yield file


def read_rows(file: TextIO, format: str, *, guessed: bool = False) -> Iterator[InputRow]:
    """Yield the rows of an input. Blank lines are not rows.

    Args:
        file: The input.
        format: Its format.
        guessed: Whether only its name says so.

    Raises:
        UsageError: It is not CSV with a column ``prompt``, or if that was guessed, no plain lines.
    """
    if format == "csv":
        records = _read_csv(file)
        return _as_rows(((json.dumps(item, ensure_ascii=False), item) for item in records), dict)
    lines = (line.strip("\r\n") for line in file if line.strip())
    if format == "jsonl":
        return _as_rows(((line, line) for line in lines), _read_json)
    return _as_rows(((line, line) for line in (_plain(lines) if guessed else lines)), _read_line)


def _plain(lines: Iterator[str]) -> Iterator[str]:
    """Return the same lines, unless the first one shows that they are something else."""
    first = next(lines, "")
    if first.lstrip().startswith(("{", "[")):
        raise UsageError(
            "The input looks like JSON. Pass --format jsonl, or --format lines to send it as it is."
        )
    if "\0" in first:
        raise UsageError("The input is not text. Pass --format lines to send it as it is.")
    return chain([first] if first else [], lines)


def _as_rows(
    items: Iterable[tuple[str, Any]], read: Callable[[Any], Mapping[str, Any]]
) -> Iterator[InputRow]:
    for number, (text, item) in enumerate(items, 1):
        check = zlib.crc32(text.encode(errors="surrogateescape")) or 1
        try:
            text.encode()
            yield InputRow(number, check, read(item))
        except UnicodeEncodeError:
            yield InputRow(number, check, problem="The row is not UTF-8.")
        except _BadRow as error:
            yield InputRow(number, check, problem=str(error))


def _read_line(line: str) -> Mapping[str, Any]:
    return {_COLUMN: line}


def _read_json(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise _BadRow("The row is not valid JSON.") from None
    if isinstance(value, str):
        return {_COLUMN: value}
    if isinstance(value, dict) and _COLUMN in value:
        return value
    raise _BadRow(f"The row is neither a string nor an object with {_COLUMN}.")


def _read_csv(file: TextIO) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(file)
    try:
        if _COLUMN not in (reader.fieldnames or ()):
            raise UsageError(f"The first line of the CSV names no column {_COLUMN}.")
        for record in reader:
            # Only these two: a column such as "model" can be about anything.
            yield {name: record[name] for name in (_COLUMN, "id") if record.get(name)}
    except csv.Error as error:
        raise UsageError(f"The CSV is broken after line {reader.line_num}: {error}.") from error
