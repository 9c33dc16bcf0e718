"""Limits must be ones that can be kept."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import UsageError
from chatgpt4online.protocol.limits import Limits


@pytest.mark.parametrize("name", ["line", "reply", "page"])
def test_a_limit_below_one_byte_is_a_mistake(name: str) -> None:
    with pytest.raises(UsageError, match=f"Limits.{name} must be at least 1 byte"):
        Limits(**{name: 0})
