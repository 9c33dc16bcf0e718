"""The tests that docs/testing.rst shows pass."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import chatgpt4online.testing.site  # noqa: F401 - pytester forgets what is first imported there

from . import INI

PAGE = (Path(__file__).parents[2] / "docs" / "testing.rst").read_text(encoding="utf-8")
EXAMPLES = [
    textwrap.dedent(block)
    for block in re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", PAGE)
    if "def test_" in block
]
CONFTEST = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def test_the_tests_of_the_page(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI + "addopts = --strict-markers\n")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(**{f"test_{number}": code for number, code in enumerate(EXAMPLES)})
    result = pytester.runpytest("-p", "chatgpt4online.testing.plugin")
    result.assert_outcomes(passed=len(EXAMPLES))
    assert len(EXAMPLES) == 6
