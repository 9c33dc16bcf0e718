"""The typed example runs. Its types are checked by mypy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chatgpt4online.testing import ScriptedSite

EXAMPLE = Path(__file__).parent / "typed_example.py"


def test_typed_example(ai_engine_site: ScriptedSite) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), ai_engine_site.url],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parent.parent)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "You said: Hello (1 word)\n"), done.stderr
