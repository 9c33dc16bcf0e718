"""Bytes of an answer, in chunks of any size, to events.

An answer to a prompt is an event stream, a plain JSON object, or dirt, whatever its
Content-Type says, so `ChunkParser` decides by the bytes alone. The same bytes give the same
events however they are split.
"""

from __future__ import annotations

import re
from typing import Any

from ..messages import ActivityEvent
from ..values import HiddenValue
from .jsontext import BOM, find_object, parse_json, unescape
from .limits import Limits

# Every line of a block, in one pass: the text of an event in the form that plugins write it, or
# the line, and the blank lines after it. Events in any other form are read as JSON, so the form
# decides about speed alone: 0.4 in place of 1.0 microseconds for an event, made and all.
_TOKENS = re.compile(
    r'data: \{"type":"live","data":"'
    r'((?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))++)"'
    r'(?:,"timestamp":[1-9][0-9]*+(?:\.[0-9]++)?,"subtype":"content","visibility":"[a-z]++")?\}\n\n'
    r"|([^\n]*+\n++)"
).findall
_MOST_AT_ONCE = 2**18
_NEWLINE = 10
_RETURN = 13
_LONGEST_HEAD = 1024
_COST_OF_LINE = 64
"""What a line takes beside its characters where it is kept, and at least in a reply; bytes."""
_FEWEST_LINES = 1000


class End(HiddenValue):
    """The reply is complete; `payload` is the plugin's answer object."""

    __slots__ = ("payload",)
    __match_args__ = ("payload",)

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload


class Failure(HiddenValue):
    """The site says that it failed; `payload` is its answer object or a lone message."""

    __slots__ = ("payload",)
    __match_args__ = ("payload",)

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload


class Malformed(HiddenValue):
    """The answer cannot be read on; `reason` says why."""

    __slots__ = ("reason",)
    __match_args__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


Outcome = End | Failure | Malformed


class ChunkParser:
    """Parse one answer. Call `feed` for each chunk and `finish` at the end of the body.

    Once `outcome` is set the answer has said all that counts, and later bytes are ignored.

    Attributes:
        outcome: how the answer ended; None before that, and where it just broke off.
        head: the first characters that are not part of an event, to tell what else it is.
    """

    def __init__(self, limits: Limits) -> None:
        self.outcome: Outcome | None = None
        self.head = ""
        self._limits = limits
        self._room = limits.reply
        self._lines_left = max(limits.reply // _COST_OF_LINE, _FEWEST_LINES)
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._after_cr = False
        self._data: list[str] = []
        self._data_size = 0
        self._json: list[str] = []
        self._json_size = 0
        self._pieces: list[str | ActivityEvent] = []

    def feed(self, chunk: bytes) -> list[str | ActivityEvent]:
        """Take the next bytes of the body and return what they complete: texts and activities."""
        if self.outcome is not None:
            return []
        size = len(chunk)
        if size > self._room or size > _MOST_AT_ONCE:
            return self._feed_in_parts(chunk, self._room)
        self._room -= size
        if _RETURN in chunk or self._after_cr:  # 0.02 us; b"\r" would take 0.2
            chunk = self._with_line_feeds(chunk)
        if chunk.endswith(b"\n") and not self._pending:
            self._lines(chunk)
        else:
            self._take_part(chunk)
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> list[str | ActivityEvent]:
        """Take the end of the body. A last line without its line end still counts."""
        if self.outcome is None:
            self._lines(b"".join(self._pending) + b"\n")
            self._dispatch()
            if self.outcome is None and self._json:
                self._read_json("\n".join(self._json))
        self._forget()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _feed_in_parts(self, chunk: bytes, room: int) -> list[str | ActivityEvent]:
        """Take a chunk that is over a limit, or so large that its lines are too many at once."""
        pieces: list[str | ActivityEvent] = []
        for at in range(0, min(len(chunk), room), _MOST_AT_ONCE):
            pieces += self.feed(chunk[at : min(at + _MOST_AT_ONCE, room)])
        if len(chunk) > room:
            self._stop(Malformed(f"the answer is longer than {self._limits.reply} bytes"))
        return pieces

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Return a chunk in which LF alone ends a line."""
        if self._after_cr and chunk:
            # The CR that ended the last chunk has ended its line; its LF ends no second one.
            self._after_cr = False
            if chunk[0] == _NEWLINE:
                chunk = chunk[1:]
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _take_part(self, chunk: bytes) -> None:
        """Take a chunk that begins or ends within a line."""
        # Only the new bytes are searched: searching what was kept is quadratic.
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
        """Keep the start of a line until its end comes."""
        self._pending.append(start)
        self._pending_size += len(start)
        if self._pending_size > self._limits.line:
            self._stop_at_long_line()

    def _lines(self, block: bytes) -> None:
        """Take bytes that end with a line end; so they hold whole characters."""
        if len(block) > self._limits.line and not self._are_short(block):
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

    def _are_short(self, block: bytes) -> bool:
        """Whether all lines keep to the limit; what comes before one that does not is taken."""
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
        self._lines_left -= 1
        if self._lines_left < 0:
            self._stop(Malformed("the answer has too many lines that are no usual events"))
            return
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
            return  # PHP could not encode the piece; the end event has the whole reply
        try:
            event = parse_json(value)
        except ValueError:
            event = None
        if isinstance(event, dict):
            self._forget_data()
            self._event(event)
        else:
            # By the event stream standard one event may stand on several data lines.
            self._data.append(value)
            self._data_size += len(value) + _COST_OF_LINE
            if self._data_size > self._limits.line:
                self._stop_at_long_line()

    def _dispatch(self) -> None:
        """At the blank line: read an event that stood on several data lines."""
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
            self._stop(Failure(data if isinstance(data, dict) else {"message": data}))
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
            self._stop(Malformed("its end event has no readable answer"))

    def _other_line(self, line: str) -> None:
        if len(self.head) < _LONGEST_HEAD:
            self.head += line[:_LONGEST_HEAD] + "\n"
        if self._json or line.lstrip().startswith("{"):
            self._json.append(line)
            self._json_size += len(line) + _COST_OF_LINE
            if self._json_size > self._limits.line:
                self._stop_at_long_line()

    def _read_json(self, text: str) -> None:
        answer = find_object(text)
        if answer is not None:
            self._stop(_by_success(answer))

    def _stop_at_long_line(self) -> None:
        self._stop(Malformed(f"a line of the answer is longer than {self._limits.line} bytes"))

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
