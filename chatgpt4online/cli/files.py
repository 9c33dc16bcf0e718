"""Files of the command: TOML that people write, and private files that it writes."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError


def unreadable(path: Path, error: Exception) -> UsageError:
    """Return the error for a file that cannot be read."""
    return UsageError(f"Cannot read {path}: {getattr(error, 'strerror', error)}.")


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse TOML, or raise a `UsageError` that names the file."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not valid TOML: {error}.") from error


def check_keys(data: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Raise a `UsageError` that begins with `where` for a key that is not known."""
    for key in data:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}; expected {', '.join(known)}.")


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read. A crash leaves the old one or the new one.

    A symbolic link stays; the file that it names is replaced.

    Raises:
        OSError: It cannot be written.
    """
    target = os.path.realpath(path)
    new = f"{target}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
    os.replace(new, target)
