"""JSON surrounded by byte order marks and PHP notices."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from ..errors import UsageError

T = TypeVar("T")
D = TypeVar("D")

# json.loads and json.dumps spend most of their time around the decoding and encoding.
_raw_decode = json.JSONDecoder().raw_decode
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

_OBJECT_START = re.compile(r"^[ \t\ufeff]*\{", re.MULTILINE)
_MAX_CANDIDATES = 16


def unescape(text: str) -> str:
    """Return the string whose JSON form, without the quotes, is `text`."""
    value: str = _raw_decode(f'"{text}"')[0]
    return value


def parse_json(text: str) -> Any:
    """Return the one JSON value in `text`, or raise a ValueError. White space may surround it."""
    text = text.strip(" \t\r\n")
    try:
        value, end = _raw_decode(text)
    except RecursionError:
        raise ValueError("too deeply nested") from None
    if end != len(text):
        raise ValueError("more than one value")
    return value


def parse_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that `text` consists of, or None if it is anything else."""
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def find_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object that starts a line of `text`, or None.

    PHP prints notices before an answer, so the object may start at any line, and a line of a
    notice may look like the start of one. But an object that spans several lines and then breaks
    off is an answer that was cut, and no object inside it is the answer.
    """
    for match in itertools.islice(_OBJECT_START.finditer(text), _MAX_CANDIDATES):
        start = match.end() - 1
        try:
            value: dict[str, Any] = _raw_decode(text, start)[0]
        except json.JSONDecodeError as error:
            if "\n" in text[start : error.pos]:
                return None
        except (ValueError, RecursionError):
            return None
        else:
            return value
    return None


def read_field(record: Mapping[str, Any], name: str, kind: type[T], default: D) -> T | D:
    """Return a field of a JSON object if it has this type, or else the default."""
    value = record.get(name)
    return value if isinstance(value, kind) else default


def read_count(record: Mapping[str, Any], name: str) -> int | None:
    """Return a field that is a number, which may be written as a string, or None."""
    value = record.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    return value if type(value) is int and value >= 0 else None


def sendable(text: str) -> str:
    """Return `text` with a question mark in place of each lone surrogate, half of a character."""
    return text.encode("utf-8", "replace").decode()


def encode_json(value: Mapping[str, Any], what: str = "The request") -> bytes:
    """Return `value` as JSON, or raise a UsageError that begins with `what`."""
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        # A UnicodeEncodeError carries the whole text, prompt included.
        reason = error.reason if isinstance(error, UnicodeEncodeError) else str(error)
    raise UsageError(f"{what} cannot be sent as JSON: {reason}.")
