"""Settings for all tests."""

from __future__ import annotations

from hypothesis import settings

# No deadline: nothing is timed in a test.
settings.register_profile("tests", deadline=None, max_examples=150)
settings.load_profile("tests")
