"""Chunked bodies of the sync client, faster than http.client takes them apart."""

from __future__ import annotations

import http.client
import io
import re
import socket
from typing import Any, cast

_BUFFER_SIZE = 65536
_SIZE = re.compile(rb"(0*+[1-9a-fA-F][0-9a-fA-F]{0,15})(?:;[^\r\n]*+)?\r\n").match
"""The line before a chunk, other than that before the end."""
_LONGEST_SIZE = 18
"""Where the line before any chunk ends at the latest, as all servers write it; bytes."""
_SMALL_SIZE = 5
"""Where the line before a chunk of less than 4 KiB ends, as all servers write it; bytes."""


class ChunkedResponse(http.client.HTTPResponse):
    """An answer whose body may come in chunks, several of them in one read."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = cast("io.BufferedReader", sock.makefile("rb", _BUFFER_SIZE))
        self._are_usual = True

    def read_chunks(self) -> bytes:
        """Return what is here of a chunked body, as soon as there is some; b'' at its end.

        The `read1` of http.client returns no more than one chunk, for 2.5 us; here each costs 1,
        and 0.3 where it is small.
        """
        if self.fp is None:
            return b""
        here = self.fp.peek(1)
        at, left = 0, self.chunk_left
        if left is None and (data := _lone_chunk(here)):
            self.fp.read(len(here))
            return data
        pieces: list[bytes] = []
        if left is not None and here.startswith(b"\r\n", left):
            pieces.append(here[:left])
            at, left = left + 2, None
        if left is None and self._are_usual and here.find(b"\r\n", at, at + _SMALL_SIZE) > 0:
            at += self._take_small_chunks(here[at:], pieces)
        while at < len(here):
            if left is None:
                size = _SIZE(here, at)
                if size is None:
                    break  # it is cut, the last one, or none: as http.client does it
                at, left = size.end(), int(size[1], 16)
            piece = here[at : at + left]
            if not piece:
                break
            pieces.append(piece)
            at += len(piece)
            left -= len(piece)
            if left == 0 and here.startswith(b"\r\n", at):
                # If it stayed, it would be all that is here next time, and `read1` be needed.
                at, left = at + 2, None
        self.fp.read(at)
        self.chunk_left = left
        return b"".join(pieces) or self._read_one_chunk()

    def _take_small_chunks(self, here: bytes, pieces: list[bytes]) -> int:
        """Add the data of all chunks that are whole; return the bytes that they take.

        The first line is a size. Where it is that of what follows up to the next line end, that
        is a chunk, whatever is in it, and another size follows. Where a size is not so, or stands
        before nothing, as at the end of the body, none is taken, and none will be: to try again
        and again would take a second for 100 KB.
        """
        *lines, rest = here.split(b"\r\n")
        if len(lines) % 2:
            rest = lines.pop() + b"\r\n" + rest
        data = lines[1::2]
        if b"" in data or lines[::2] != [b"%x" % len(piece) for piece in data]:
            self._are_usual = False
            return 0
        pieces += data
        return len(here) - len(rest)

    def _read_one_chunk(self) -> bytes:
        data = self.read1(_BUFFER_SIZE)
        if self.chunk_left is not None and self.chunk_left < 0:
            raise http.client.HTTPException("A chunk has a size below 0.")
        return data


def _lone_chunk(here: bytes) -> bytes:
    """Return the data of a chunk that is all that is here; b'' where something else is.

    So a site's single events come. For one of them this takes 1 us less than what is made for many.
    """
    end = here.find(b"\r\n", 0, _LONGEST_SIZE)
    if here[:end] == b"%x" % (len(here) - end - 4) and here.endswith(b"\r\n"):
        return here[end + 2 : -2]
    return b""
