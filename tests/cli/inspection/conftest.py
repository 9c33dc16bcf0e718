"""Running inspections, with a clock of the test's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from chatgpt4online.cli import main

from .sites import (
    Inspect,
    Inspection,
)


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture[str]) -> Inspect:
    def run(*arguments: str) -> Inspection:
        code = main(["inspect", *arguments, "--json"])
        inspection = Inspection(code, capsys.readouterr().out)
        assert code == (1 if inspection.problems else 0)
        assert all(item["advice"] for item in inspection.findings.values() if item["level"] != "ok")
        return inspection

    return run


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that lets so many seconds pass whenever the time is read."""

    def tick(seconds: float) -> None:
        times = itertools.count()
        monkeypatch.setattr(
            "chatgpt4online.cli.inspection.traffic.monotonic", lambda: next(times) * seconds
        )

    return tick
