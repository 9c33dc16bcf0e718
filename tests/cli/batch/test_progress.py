"""The pace of a batch, and how long it will still take."""

from __future__ import annotations

import pytest

from chatgpt4online.cli.batching.progress import estimate


@pytest.mark.parametrize(
    ("done", "left", "seconds", "pace", "remaining"),
    [
        (0, 50, 9.0, "", ""),
        (1, 49, 2.0, "30/min", "left: 0:01:38"),
        (4, 46, 2.0, "120/min", "left: 0:00:23"),
        (50, 0, 25.0, "120/min", "left: 0:00:00"),
        (4, None, 2.0, "120/min", ""),
    ],
)
def test_estimate(done: int, left: int | None, seconds: float, pace: str, remaining: str) -> None:
    assert estimate(done, left, seconds) == (pace, remaining)
