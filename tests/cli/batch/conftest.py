from __future__ import annotations

from pathlib import Path

import pytest

from .batching import Batch


@pytest.fixture
def files(tmp_path: Path) -> Batch:
    return Batch(tmp_path)
