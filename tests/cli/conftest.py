from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatgpt4online.server import LocalSite


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the command away from the files and variables of whoever runs the tests."""
    for name in ("SITE", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"CHATGPT4ONLINE_{name}", raising=False)
    monkeypatch.setenv("CHATGPT4ONLINE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("CHATGPT4ONLINE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    return tmp_path


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with LocalSite() as running:
        yield running
