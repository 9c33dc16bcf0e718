"""Scripted events, as the plugin sends them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import UsageError
from ..models import ActivityEvent, EndEvent, Event, Reply, TextEvent
from ..server.responses import event, reply

_LAST = ("end", "error")


def encode_events(events: Iterable[Event | Mapping[str, Any]]) -> bytes:
    """Return the body of a stream. If no event ends the reply, one is added that does.

    Raises:
        UsageError: One is no event.
    """
    listed = list(events)
    ends = any(_is_last(item) for item in listed)
    if not ends:
        text = "".join(item.text for item in listed if isinstance(item, TextEvent))
        listed.append(EndEvent(Reply(text)))
    return "".join(map(_encode, listed)).encode()


def encode_text(*pieces: str) -> bytes:
    """Return the body of a stream with a complete reply."""
    return encode_events([TextEvent(piece) for piece in pieces])


def _is_last(item: object) -> bool:
    return isinstance(item, EndEvent) or (isinstance(item, Mapping) and item.get("type") in _LAST)


def _encode(item: Event | Mapping[str, Any]) -> str:
    match item:
        case TextEvent(text):
            return event("live", text)
        case ActivityEvent():
            details = {
                "visibility": item.visibility,
                "timestamp": item.timestamp,
                "metadata": dict(item.metadata) or None,
            }
            given = {name: value for name, value in details.items() if value is not None}
            return event("live", item.text, subtype=item.kind, **given)
        case EndEvent(complete):
            return event("end", json.dumps(reply(complete, None)))
        case Mapping():
            return f"data: {json.dumps(dict(item))}\n\n"
    raise UsageError(
        f"{item!r} is no event; use TextEvent, ActivityEvent, EndEvent, or a dict that is sent as "
        "it is."
    )
