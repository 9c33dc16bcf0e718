"""Chunked bodies: the same data however it is sent, and no more work than it is worth."""

from __future__ import annotations

import http.client
import io
import itertools
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.chunked import ChunkedResponse

from .loopback import CHUNKED, PATIENCE, chunk, live

DATA = [b"a", b"bc" * 5, b"\r\n0\r\n", b"d" * 300]
CHUNKS = b"".join(map(chunk, DATA)) + b"00A;name=value\r\n0123456789\r\n"


def read_all(wire: list[bytes]) -> bytes:
    """Read a chunked body that is sent in these pieces."""
    ours, theirs = socket.socketpair()

    def send_all() -> None:
        for piece in wire:
            theirs.sendall(piece)

    with ours, theirs, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_all)
        response = ChunkedResponse(ours)
        response.begin()
        parts = []
        while part := response.read_chunks():
            parts.append(part)
        sending.result(PATIENCE)
        assert response.read_chunks() == b""
        response.close()
    return b"".join(parts)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 10_000])
def test_chunks_are_read_however_they_are_sent(size: int) -> None:
    wire = CHUNKED + CHUNKS + b"0\r\nTrailer: x\r\n\r\n"
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert read_all(pieces) == b"".join(DATA) + b"0123456789"


class Pieces(io.RawIOBase):
    """What arrives, a piece for each read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._left = pieces[::-1]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._left.pop() if self._left else b""
        size = min(len(piece), len(buffer))
        buffer[:size] = piece[:size]
        if size < len(piece):
            self._left.append(piece[size:])
        return size


class Socket:
    """As much of a socket as http.client needs to read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def makefile(self, _: str, size: int = 1) -> io.BufferedReader:
        return io.BufferedReader(Pieces(self._pieces), size)


def response_of(pieces: list[bytes]) -> ChunkedResponse:
    """Return an answer whose chunked body arrives in these pieces."""
    response = ChunkedResponse(cast("socket.socket", Socket([CHUNKED, *pieces])))
    response.begin()
    return response


CHUNK_LINES = st.sampled_from(["{:x}", "{:x}", "{:X}", "0{:x}", "{:x};a=b", "{:x} ", "0x{:x}"])
CHUNK_DATA = st.one_of(
    st.sampled_from([b"\r\n", b"1\r\na\r\n", b"0\r\n\r\n", b"a\r\n1\r\nb", live("Hi")]),
    st.binary(min_size=1, max_size=20),
)


@given(
    chunks=st.lists(st.tuples(CHUNK_LINES, CHUNK_DATA), max_size=12),
    cuts=st.lists(st.integers(0, 400)),
    one_by_one=st.booleans(),
)
def test_chunks_are_what_their_sizes_say(
    chunks: list[tuple[str, bytes]], cuts: list[int], one_by_one: bool
) -> None:
    sent = [line.format(len(data)).encode() + b"\r\n" + data + b"\r\n" for line, data in chunks]
    wire = b"".join(sent) + b"0\r\n\r\n"
    if one_by_one:
        cuts = [*itertools.accumulate(map(len, sent))]
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    response = response_of([wire[at:end] for at, end in itertools.pairwise(edges)])
    parts = []
    while part := response.read_chunks():
        parts.append(part)
    assert b"".join(parts) == b"".join(data for _, data in chunks)


@pytest.mark.parametrize("line", [b"A", b"a ", b"0xa"])
def test_chunks_that_cannot_be_parted_at_once_are_not_tried_again_and_again(line: bytes) -> None:
    response = response_of([(line + b"\r\n0123456789\r\n") * 1000, b"0\r\n\r\n"])
    tries = 0
    take = response._take_small_chunks

    def counted(here: bytes, pieces: list[bytes]) -> int:
        nonlocal tries
        tries += 1
        return take(here, pieces)

    response._take_small_chunks = counted  # type: ignore[method-assign]
    while response.read_chunks():
        pass
    assert tries == 1


def test_a_lone_chunk_without_its_line_end_is_no_more_than_its_size() -> None:
    response = response_of([b"3\r\nabcXY", b"0\r\n\r\n"])
    assert response.read_chunks() == b"abc"
    assert response.read_chunks() == b""


def test_a_size_below_zero_ends_the_reading() -> None:
    response = response_of([b"-1\r\n", b"A", b"5\r\nhello\r\n", b"0\r\n\r\n"])
    with pytest.raises(http.client.HTTPException, match="below 0"):
        response.read_chunks()
