"""The pace of a batch, by a clock that the test sets."""

from __future__ import annotations

from chatgpt4online.batches import Pace


def test_pace() -> None:
    now = 100.0
    pace = Pace(30, clock=lambda: now)
    assert pace.left() == 0
    pace.start()
    assert pace.left() == 2
    now = 101.5
    assert pace.left() == 0.5
    now = 107.0
    assert pace.left() == 0
    pace.start()
    assert pace.left() == 2  # what was missed is not made up for
    unlimited = Pace(None, clock=lambda: now)
    unlimited.start()
    assert unlimited.left() == 0
