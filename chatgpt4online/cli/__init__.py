"""The command ``chatgpt4online``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec

NEEDED = ("click", "rich", "prompt_toolkit", "platformdirs", "tomlkit")
"""The packages of the extra ``cli``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the command's name. Default: that of the process.

    Returns:
        The exit code: 0 done, 1 error, 2 usage, 130 interrupted.
    """
    if any(find_spec(name) is None for name in NEEDED):
        sys.stderr.write(
            "chatgpt4online: The command needs more packages. Install them with: "
            'pip install "chatgpt4online[cli]"\n'
        )
        return 2
    from .app import run

    return run(sys.argv[1:] if arguments is None else arguments)
