"""Local files on their way to a site."""

from __future__ import annotations

import io
import itertools

from chatgpt4online.uploads import CHUNK_SIZE, attach


def test_an_open_file_that_is_sent_by_two_calls_at_once() -> None:
    content = b"".join(bytes([number]) * CHUNK_SIZE for number in range(5)) + b"end"
    file = io.BytesIO(b"skipped" + content)
    file.seek(len(b"skipped"))
    sources = [attachment.source for _ in range(2) for attachment in attach([file])]
    chunks = [source.chunks() for source in sources if source is not None]
    first, second = zip(*itertools.zip_longest(*chunks, fillvalue=b""), strict=True)
    assert b"".join(first) == b"".join(second) == content
    assert file.tell() == len(b"skipped")
