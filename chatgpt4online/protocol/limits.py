"""How much of a site's answer is taken before it is called an error."""

from __future__ import annotations

from ..errors import UsageError
from ..values import FrozenValue

MIB = 1024 * 1024


class Limits(FrozenValue):
    """Upper bounds, in bytes after decompression. An answer over one is a `ProtocolError`.

    Attributes:
        line: one line of an answer. The last one can hold images as data URLs.
        reply: one whole answer to a prompt. It may have one line in an unusual form for each
            64 bytes of this limit.
        page: one web page, session answer or error answer.
    """

    __match_args__ = ("line", "reply", "page")
    line: int
    reply: int
    page: int

    def __init__(self, line: int = 64 * MIB, reply: int = 256 * MIB, page: int = 8 * MIB) -> None:
        self._set(line, reply, page)
        for name, size in vars(self).items():
            if size < 1:
                raise UsageError(f"Limits.{name} must be at least 1 byte.")
