"""How tests run the command."""

from __future__ import annotations

import io
import sys

COMMAND = [sys.executable, "-X", "utf8", "-W", "error", "-m", "chatgpt4online"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
