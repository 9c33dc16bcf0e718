"""``python -m tests.packages WHEEL SDIST``: compare what two packages have with the repository.

The wheel has the files of the package and nothing else. The sdist has all files of the repository,
except those whose path begins with a dot.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
NOT_SOURCE = {"build", "dist", "__pycache__"}


def in_repository() -> set[str]:
    """Return the files of the repository, without hidden and generated ones."""
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not is_generated(path)}


def is_generated(path: Path) -> bool:
    first = path.parts[0]
    return first.startswith(".") or first.endswith(".egg-info") or bool(NOT_SOURCE & {*path.parts})


def in_wheel(path: str) -> set[str]:
    """Return the files of a wheel without its metadata."""
    with zipfile.ZipFile(path) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


def in_sdist(path: str) -> set[str]:
    """Return the files of an sdist, below its folder."""
    with tarfile.open(path) as sdist:
        return {entry.name.partition("/")[2] for entry in sdist if entry.isfile()}


def complaints(wheel: str, sdist: str) -> list[str]:
    """Return what is missing and what should not be there."""
    files = in_repository()
    package = {path for path in files if path.startswith("chatgpt4online/")}
    return [
        *(f"not in the wheel: {path}" for path in sorted(package - in_wheel(wheel))),
        *(f"should not be in the wheel: {path}" for path in sorted(in_wheel(wheel) - package)),
        *(f"not in the sdist: {path}" for path in sorted(files - in_sdist(sdist))),
    ]


if __name__ == "__main__":
    arguments = sorted(sys.argv[1:], key=lambda path: not path.endswith(".whl"))
    sys.exit("\n".join(complaints(*arguments)) or 0)
