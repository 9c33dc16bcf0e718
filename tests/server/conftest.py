"""The browser of the tests of the chat page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..browser import Browser, missing_programs


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    pytest.importorskip("selenium", reason="selenium is not installed")
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)}")
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser with an empty tab. A test fails on an error in the console."""
    chromium.reset()
    yield chromium
    # The browser logs failed requests too, which tests expect on the page.
    log = [line for line in chromium.console() if "Failed to load resource" not in line]
    assert not log
