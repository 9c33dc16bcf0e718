"""Local files on their way to a site."""

from __future__ import annotations

import io
import itertools

from chatgpt4online.uploads import CHUNK_SIZE, LocalFile


def test_an_open_file_that_is_sent_by_two_calls_at_once() -> None:
    content = b"".join(bytes([number]) * CHUNK_SIZE for number in range(5)) + b"end"
    file = io.BytesIO(b"skipped" + content)
    file.seek(len(b"skipped"))
    first = LocalFile(file)
    chunks = first.chunks()
    sent = [next(chunks)]
    second = LocalFile(file)
    pairs = [*itertools.zip_longest(chunks, second.chunks(), fillvalue=b"")]
    assert b"".join([*sent, *(one for one, _ in pairs)]) == content
    assert b"".join(other for _, other in pairs) == content
    assert file.tell() == len(b"skipped")


def test_an_open_file_is_sent_from_where_it_is() -> None:
    file = io.BytesIO(b"abcdef")
    first = LocalFile(file)
    assert b"".join(first.chunks()) == b"abcdef"
    file.seek(3)
    second = LocalFile(file)
    assert b"".join(second.chunks()) == b"def"
    assert b"".join(first.chunks()) == b"abcdef"
