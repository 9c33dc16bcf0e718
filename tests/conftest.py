"""Settings and fixtures shared by all tests."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from .drivers import AsyncDriver, Driver, SyncDriver

# The first is the plugin of this package, which pytest loads by itself where the package is
# installed.
pytest_plugins = ["chatgpt4online.testing.plugin", "pytester"]

# Tests do not measure time.
settings.register_profile("tests", deadline=None, max_examples=150)
settings.load_profile("tests")

_DESCRIPTORS = Path("/proc/self/fd")


def _open_sockets() -> set[str]:
    """Return the open sockets of this process. Empty on systems without /proc."""
    found = set()
    for entry in _DESCRIPTORS.iterdir() if _DESCRIPTORS.exists() else ():
        try:
            target = os.readlink(entry)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


@pytest.fixture(scope="module", autouse=True)
def _freeze_existing_objects() -> None:
    # The garbage collection after each test then skips everything that was imported before.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    threads, sockets = set(threading.enumerate()), _open_sockets()
    yield
    gc.collect()
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)  # it may be about to end
    assert set(threading.enumerate()) <= threads
    assert _open_sockets() <= sockets


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE")
    for name in (*names, "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CHATGPT4ONLINE_SITE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(params=[SyncDriver, AsyncDriver], ids=["sync", "async"])
def driver(request: pytest.FixtureRequest, _no_leaks: None) -> Iterator[Driver]:
    """The sync client, then the async one."""
    driver: Driver = request.param()
    yield driver
    driver.close()


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that refuses connections."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
