"""How much of a site's answer is taken before it is called an error."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import UsageError

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, in bytes after decompression. An answer over one is a `ProtocolError`.

    Attributes:
        line: one line of an answer. The last one can hold images as data URLs.
        reply: one whole answer to a prompt. It may have one line in an unusual form for each
            64 bytes of this limit.
        page: one web page, session answer or error answer.
    """

    line: int = 64 * MIB
    reply: int = 256 * MIB
    page: int = 8 * MIB

    def __post_init__(self) -> None:
        for item in fields(self):
            if getattr(self, item.name) < 1:
                raise UsageError(f"Limits.{item.name} must be at least 1 byte.")
