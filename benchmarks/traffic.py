"""The events to parse: the same texts in the formats of AI Engine and of OpenAI."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

PIECE = 16384
EVENTS = 2000
BEYOND_ASCII = "\u043f\u0440\u0438\u0432\u0435\u0442\u20ac"


def texts(count: int, length: int) -> list[str]:
    """Return texts, one in ten with an escape and one in ten with non-ASCII letters."""
    chosen = random.Random(1)
    made = []
    for _ in range(count):
        text = "".join(chosen.choice("abcdefghij klmno") for _ in range(length))
        kind = chosen.random()
        if kind < 0.1:
            text = f"{text[:-2]}{chosen.choice(chr(10) + chr(34))}x"
        elif kind < 0.2:
            text = f"{text[:-3]}{chosen.choice(BEYOND_ASCII)}"
        made.append(text)
    return made


def event(text: str, *, detailed: bool = False) -> bytes:
    """Return an event as plugins write it; a detailed one has a subtype and a timestamp."""
    fields: dict[str, object] = {"type": "live", "data": text}
    if detailed:
        fields |= {"timestamp": 1763800000000, "subtype": "content", "visibility": "visible"}
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


def ending(text: str) -> bytes:
    data = json.dumps({"success": True, "reply": text})
    return b"data: " + json.dumps({"type": "end", "data": data}).encode() + b"\n\n"


def openai_event(text: str) -> bytes:
    """Return the text as a chunk of a chat completion."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    fields = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [choice],
    }  # fmt: skip
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


OPENAI_ENDING = b"data: [DONE]\n\n"


def packed(events: list[bytes], size: int = PIECE) -> Iterator[bytes]:
    """Yield whole events in pieces of about `size` bytes."""
    piece: list[bytes] = []
    length = 0
    for item in events:
        if length + len(item) > size and piece:
            yield b"".join(piece)
            piece, length = [], 0
        piece.append(item)
        length += len(item)
    if piece:
        yield b"".join(piece)


def slices(data: bytes, size: int = PIECE) -> list[bytes]:
    """Return the data in pieces of `size` bytes, regardless of events."""
    return [data[at : at + size] for at in range(0, len(data), size)]
