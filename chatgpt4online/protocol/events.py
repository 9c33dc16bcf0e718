"""From bytes to events, incrementally.

The answer to a prompt is an event stream, plain JSON or something else, whatever its
Content-Type says, so `EventParser` decides by the bytes alone. The same bytes give the same
events however they are split.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ..config import Limits
from ..models import ActivityEvent
from .jsontext import BOM, find_object, parse_json, unescape

# Finds every line of a block in one pass: either the text of an event in the form that plugins
# write it, or the line together with the blank lines after it. Events in any other form are
# parsed as JSON, so the form only matters for speed.
_TOKENS = re.compile(
    r'data: \{"type":"live","data":"'
    r'((?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))++)"'
    r'(?:,"timestamp":[1-9][0-9]*+(?:\.[0-9]++)?,"subtype":"content","visibility":"[a-z]++")?\}\n\n'
    r"|([^\n]*+\n++)"
).findall
_BLOCK_SIZE = 2**18
_LINE_FEED = 10
_CARRIAGE_RETURN = 13
_MAX_HEAD = 1024
_LINE_OVERHEAD = 64
"""Bytes that a stored line takes in memory besides its characters."""


@dataclass(frozen=True, slots=True)
class End:
    """The reply is complete; `payload` is the plugin's answer object."""

    payload: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """The site reported a failure; `payload` is its answer object or just a message."""

    payload: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Malformed:
    """The answer cannot be parsed any further; `reason` says why."""

    reason: str


Outcome = End | Failure | Malformed


class EventParser:
    """Parses one answer. Call `feed` with each chunk, and `finish` at the end of the body.

    Once `outcome` is set the answer is over, and further bytes are ignored.

    Args:
        limits: Size limits.

    Attributes:
        outcome: How the answer ended; None before its end, and if it just broke off.
        head: The first characters that are not part of an event, to recognize other content.
    """

    def __init__(self, limits: Limits) -> None:
        self.outcome: Outcome | None = None
        self.head = ""
        self._limits = limits
        self._room = limits.reply
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._after_cr = False
        self._data: list[str] = []
        self._data_size = 0
        self._json: list[str] = []
        self._json_size = 0
        self._pieces: list[str | ActivityEvent] = []

    def feed(self, chunk: bytes) -> list[str | ActivityEvent]:
        """Parse the next bytes of the body and return the pieces that they complete."""
        if self.outcome is not None:
            return []
        size = len(chunk)
        if size > self._room or size > _BLOCK_SIZE:
            return self._feed_in_parts(chunk, self._room)
        self._room -= size
        if _CARRIAGE_RETURN in chunk or self._after_cr:
            chunk = self._with_line_feeds(chunk)
        if chunk.endswith(b"\n") and not self._pending:
            self._lines(chunk)
        else:
            self._take_part(chunk)
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> list[str | ActivityEvent]:
        """Return the last pieces, at the end of the body. The last line needs no line end."""
        if self.outcome is None:
            self._lines(b"".join(self._pending) + b"\n")
            self._dispatch()
            if self.outcome is None and self._json:
                self._read_json("\n".join(self._json))
        self._forget()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _feed_in_parts(self, chunk: bytes, room: int) -> list[str | ActivityEvent]:
        """Parse a chunk that exceeds the limit, or that is too large to parse at once."""
        pieces: list[str | ActivityEvent] = []
        for at in range(0, min(len(chunk), room), _BLOCK_SIZE):
            pieces += self.feed(chunk[at : min(at + _BLOCK_SIZE, room)])
        if len(chunk) > room:
            self._stop(Malformed(f"it is longer than {self._limits.reply} bytes (Limits.reply)"))
        return pieces

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return the chunk with every line end as a line feed."""
        if self._after_cr and chunk:
            # The line feed of a CRLF pair that was split over two chunks.
            self._after_cr = False
            if chunk[0] == _LINE_FEED:
                chunk = chunk[1:]
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take_part(self, chunk: bytes) -> None:
        """Parse a chunk that starts or ends within a line."""
        # Only the new bytes are searched: searching the pending ones again is quadratic.
        cut = chunk.rfind(b"\n") + 1
        if cut:
            self._pending.append(chunk[:cut])
            block = b"".join(self._pending)
            self._pending.clear()
            self._pending_size = 0
            self._lines(block)
        if cut < len(chunk):
            self._keep(chunk[cut:])

    def _keep(self, start: bytes) -> None:
        """Keep the start of a line until the rest arrives."""
        self._pending.append(start)
        self._pending_size += len(start)
        if self._pending_size > self._limits.line:
            self._stop_at_long_line()

    def _lines(self, block: bytes) -> None:
        """Parse whole lines."""
        if len(block) > self._limits.line and not self._check_lines(block):
            return
        pieces, data = self._pieces, self._data
        for text, other in _TOKENS(block.decode("utf-8", "replace")):
            if text:
                if data:
                    self._forget_data()
                pieces.append(unescape(text) if "\\" in text else text)
            else:
                line = other.rstrip("\n")
                if line:
                    self._line(line)
                if data and (not line or other.endswith("\n\n")):
                    self._dispatch()
                if self.outcome is not None:
                    return

    def _check_lines(self, block: bytes) -> bool:
        """Return whether no line is too long; if one is, parse the lines before it."""
        start = 0
        while start < len(block):
            end = block.index(b"\n", start)
            if end - start > self._limits.line:
                if start:
                    self._lines(block[:start])
                self._stop_at_long_line()
                return False
            start = end + 1
        return True

    def _line(self, line: str) -> None:
        if line.startswith("data:"):
            self._data_line(line)
        elif line[0] == BOM:
            rest = line.lstrip(BOM)
            if rest:
                self._line(rest)
        elif line[0] != ":":
            self._other_line(line)

    def _data_line(self, line: str) -> None:
        value = line[5:].strip(" ")
        if not value:
            return  # PHP could not encode this piece; the end event has the whole reply
        try:
            event = parse_json(value)
        except ValueError:
            event = None
        if isinstance(event, dict):
            self._forget_data()
            self._event(event)
        else:
            # An event may be spread over several data lines.
            self._data.append(value)
            self._data_size += len(value) + _LINE_OVERHEAD
            if self._data_size > self._limits.line:
                self._stop_at_long_line()

    def _dispatch(self) -> None:
        """At a blank line, parse an event that was spread over several data lines."""
        if len(self._data) > 1:
            try:
                event = parse_json("\n".join(self._data))
            except ValueError:
                event = None
            if isinstance(event, dict):
                self._event(event)
        self._forget_data()

    def _event(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        data = event.get("data")
        if kind == "live":
            subtype = event.get("subtype")
            if subtype is None or subtype == "content":
                if data and isinstance(data, str):
                    self._pieces.append(data)
            else:
                self._pieces.append(_activity(str(subtype), event))
        elif kind == "end":
            self._read_end(data)
        elif kind == "error":
            self._stop(Failure(data if isinstance(data, dict) else {**event, "message": data}))
        elif isinstance(kind, str):
            self._pieces.append(_activity(kind, event))

    def _read_end(self, data: Any) -> None:
        if isinstance(data, str):
            try:
                data = parse_json(data)
            except ValueError:
                data = None
        if isinstance(data, dict):
            self._stop(_by_success(data))
        else:
            self._stop(Malformed("its end event has no valid answer object"))

    def _other_line(self, line: str) -> None:
        if len(self.head) < _MAX_HEAD:
            self.head += line[:_MAX_HEAD] + "\n"
        if self._json or line.lstrip().startswith("{"):
            self._json.append(line)
            self._json_size += len(line) + _LINE_OVERHEAD
            if self._json_size > self._limits.line:
                self._stop_at_long_line()

    def _read_json(self, text: str) -> None:
        answer = find_object(text)
        if answer is not None:
            self._stop(_by_success(answer))

    def _stop_at_long_line(self) -> None:
        self._stop(Malformed(f"a line is longer than {self._limits.line} bytes (Limits.line)"))

    def _stop(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self._forget()

    def _forget(self) -> None:
        self._pending.clear()
        self._json.clear()
        self._forget_data()

    def _forget_data(self) -> None:
        self._data.clear()
        self._data_size = 0


def _by_success(answer: dict[str, Any]) -> Outcome:
    succeeded = answer.get("success", isinstance(answer.get("reply"), str))
    return End(answer) if succeeded is True else Failure(answer)


def _activity(kind: str, event: dict[str, Any]) -> ActivityEvent:
    text, visibility = event.get("data"), event.get("visibility")
    timestamp, metadata = event.get("timestamp"), event.get("metadata")
    return ActivityEvent(
        kind=kind,
        text=text if isinstance(text, str) else "",
        visibility=visibility if isinstance(visibility, str) else None,
        timestamp=timestamp if isinstance(timestamp, int | float) else None,
        metadata=metadata if isinstance(metadata, dict) else {},
        raw=event,
    )
