"""Parses a body in several splits that must all give the same pieces."""

from __future__ import annotations

from chatgpt4online.config import Limits
from chatgpt4online.models import ActivityEvent
from chatgpt4online.protocol.events import End, EventParser, Outcome

LIMITS = Limits(line=10_000, reply=100_000)
Parsed = tuple[list[str | ActivityEvent], Outcome | None]

END = b'data: {"type":"end","data":"{\\"success\\":true,\\"reply\\":\\"Hi\\"}"}\n\n'
ENDED = End({"success": True, "reply": "Hi"})


def parse(chunks: list[bytes], limits: Limits = LIMITS) -> Parsed:
    parser = EventParser(limits)
    pieces = [piece for chunk in chunks for piece in parser.feed(chunk)]
    pieces += parser.finish()
    return pieces, parser.outcome


def parse_in_splits(body: bytes, limits: Limits = LIMITS) -> Parsed:
    """Parse a body whole, byte by byte, and in unequal and empty chunks."""
    whole = parse([body], limits)
    single = [body[at : at + 1] for at in range(len(body))]
    assert parse(single, limits) == whole
    assert parse([part for byte in single for part in (byte, b"")], limits) == whole
    assert parse([b"", body[:7], b"", body[7:], b""], limits) == whole
    return whole
