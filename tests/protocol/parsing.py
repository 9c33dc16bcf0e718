"""Parse a body in one way, or in every way that must come to the same."""

from __future__ import annotations

from typing import Any

from chatgpt4online.messages import ActivityEvent
from chatgpt4online.protocol.chunks import ChunkParser, End, Outcome
from chatgpt4online.protocol.limits import Limits

LIMITS = Limits(line=10_000, reply=100_000)
Parsed = tuple[list[str | ActivityEvent], Outcome | None]

END = b'data: {"type":"end","data":"{\\"success\\":true,\\"reply\\":\\"Hi\\"}"}\n\n'
OK = End({"success": True, "reply": "Hi"})


def parse(chunks: list[bytes], limits: Limits = LIMITS) -> Parsed:
    parser = ChunkParser(limits)
    pieces = [piece for chunk in chunks for piece in parser.feed(chunk)]
    pieces += parser.finish()
    return pieces, parser.outcome


def parse_any_way(body: bytes, limits: Limits = LIMITS) -> Parsed:
    """Parse a body whole, byte by byte and with a tail that must not matter."""
    whole = parse([body], limits)
    assert parse([body[at : at + 1] for at in range(len(body))], limits) == whole
    assert parse([b"", body[:7], b"", body[7:], b""], limits) == whole
    return whole


def text_of(events: list[Any]) -> str:
    return "".join(piece for piece in events if isinstance(piece, str))
