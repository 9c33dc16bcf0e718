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
from .jsontext import find_object, parse_object, read_field, unescape

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
_CARRIAGE_RETURN = 13
_BOM = "\ufeff"
_MAX_HEAD = 1024
_MAX_LINES = 100_000


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

    Attributes:
        outcome: How the answer ended; None before its end, and if it just broke off.
        head: The first characters that are not part of an event, to recognize other content.
    """

    def __init__(self, limits: Limits) -> None:
        self.outcome: Outcome | None = None
        self.head = ""
        self._limits = limits
        self._room = limits.reply
        self._block_size = min(_BLOCK_SIZE, limits.line)
        self._pending = bytearray()  # the start of a line
        self._after_cr = False
        self._data: list[str] = []  # the start of an event that is spread over several lines
        self._json: list[str] = []  # the lines of a JSON answer
        self._pieces: list[str | ActivityEvent] = []

    def feed(self, chunk: bytes) -> list[str | ActivityEvent]:
        """Parse the next bytes of the body and return the pieces that they complete."""
        if self.outcome is not None or not chunk:
            return []
        size = len(chunk)
        if size > self._block_size or size > self._room:
            return self._feed_in_blocks(chunk)
        self._room -= size
        if self._after_cr or _CARRIAGE_RETURN in chunk:
            chunk = self._with_line_feeds(chunk)
        if self._pending or not chunk.endswith(b"\n"):
            chunk = self._whole_lines(chunk)
        if chunk:
            self._lines(chunk)
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> list[str | ActivityEvent]:
        """Return the last pieces, at the end of the body. The last line needs no line end."""
        if self.outcome is None:
            self._lines(self._pending + b"\n")
            self._dispatch()
            answer = find_object("\n".join(self._json))
            if answer is not None:
                self._stop(_by_success(answer))
        self._forget()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _feed_in_blocks(self, chunk: bytes) -> list[str | ActivityEvent]:
        """Parse a chunk that exceeds the limit, or that is too large to parse at once."""
        pieces: list[str | ActivityEvent] = []
        allowed = chunk[: self._room]
        for at in range(0, len(allowed), self._block_size):
            pieces += self.feed(allowed[at : at + self._block_size])
        if len(allowed) < len(chunk):
            self._stop(Malformed(f"it is longer than {self._limits.reply} bytes (Limits.reply)"))
        return pieces

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return the chunk with every line end as a line feed."""
        if self._after_cr:  # a CRLF pair may be split over two chunks
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _whole_lines(self, chunk: bytes) -> bytes:
        """Return the lines that are complete with a chunk, and keep the start of the next."""
        # Only the new bytes are searched: searching the pending ones again is quadratic.
        end = chunk.rfind(b"\n") + 1
        if end:
            lines = bytes(self._pending) + chunk[:end]
            self._pending[:] = chunk[end:]
            size = lines.index(b"\n")  # a chunk is not too long, so only its first line can be
        else:
            lines = b""
            self._pending += chunk
            size = len(self._pending)
        if size > self._limits.line:
            self._stop(Malformed(f"a line is longer than {self._limits.line} bytes (Limits.line)"))
            return b""
        return lines

    def _lines(self, block: bytes | bytearray) -> None:
        """Parse whole lines."""
        pieces, data = self._pieces, self._data
        for text, other in _TOKENS(block.decode("utf-8", "replace")):
            if text:
                if data:
                    data.clear()
                pieces.append(unescape(text) if "\\" in text else text)
                continue
            line = other.rstrip("\n").lstrip(_BOM)
            if line.startswith("data:"):
                self._data_line(line)
            elif line and line[0] != ":":
                self._other_line(line)
            if data and (not line or other.endswith("\n\n")):
                self._dispatch()
            if self.outcome is not None:
                return

    def _data_line(self, line: str) -> None:
        # It is empty if PHP could not encode a piece; the end event has the whole reply.
        value = line[5:].strip(" ")
        event = parse_object(value)
        if event is not None:
            self._data.clear()
            self._read_event(event)
        elif value:
            self._keep(value, self._data)

    def _dispatch(self) -> None:
        """At a blank line, parse an event that was spread over several data lines."""
        event = parse_object("\n".join(self._data)) if len(self._data) > 1 else None
        self._data.clear()
        if event is not None:
            self._read_event(event)

    def _other_line(self, line: str) -> None:
        if len(self.head) < _MAX_HEAD:
            self.head += line[:_MAX_HEAD] + "\n"
        if self._json or line.lstrip().startswith("{"):
            self._keep(line, self._json)

    def _keep(self, line: str, lines: list[str]) -> None:
        lines.append(line)
        if len(lines) > _MAX_LINES:
            self._stop(Malformed(f"it has more than {_MAX_LINES} lines of incomplete JSON"))

    def _read_event(self, event: dict[str, Any]) -> None:
        """Keep what an event means: text, activity or the outcome. Unknown kinds are activity."""
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
            answer = parse_object(data) if isinstance(data, str) else data
            if isinstance(answer, dict):
                self._stop(_by_success(answer))
            else:
                self._stop(Malformed("its end event has no valid answer object"))
        elif kind == "error":
            self._stop(Failure(data if isinstance(data, dict) else {**event, "message": data}))
        elif isinstance(kind, str):
            self._pieces.append(_activity(kind, event))

    def _stop(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self._forget()

    def _forget(self) -> None:
        self._pending.clear()
        self._data.clear()
        self._json.clear()


def _by_success(answer: dict[str, Any]) -> Outcome:
    succeeded = answer.get("success", isinstance(answer.get("reply"), str))
    return End(answer) if succeeded is True else Failure(answer)


def _activity(kind: str, event: dict[str, Any]) -> ActivityEvent:
    timestamp = event.get("timestamp")
    return ActivityEvent(
        kind=kind,
        text=read_field(event, "data", str, ""),
        visibility=read_field(event, "visibility", str, None),
        timestamp=timestamp if isinstance(timestamp, int | float) else None,
        metadata=read_field(event, "metadata", dict, {}),
        raw=event,
    )
