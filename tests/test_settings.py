"""Times to wait."""

from __future__ import annotations

from typing import Any

import pytest

from chatgpt4online import Timeout
from chatgpt4online.errors import ChatTimeout, UsageError
from chatgpt4online.settings import Deadline, HttpSettings


@pytest.mark.parametrize("name", ["connect", "idle", "total"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e10, "5"])
def test_times_are_above_zero(name: str, seconds: Any) -> None:
    with pytest.raises(UsageError, match=f"Timeout.{name}"):
        Timeout(**{name: seconds})
    Timeout(**{name: None})


@pytest.mark.parametrize("owned", [True, False])
def test_credentials_are_not_shown_to_a_proxy_whoever_owns_the_session(owned: bool) -> None:
    def proxy_for(url: str, proxy: str) -> str | None:
        settings = HttpSettings(proxy, True, {}, Timeout(), guarded=True)
        return settings.proxy_for(url, owned=owned)

    with pytest.raises(UsageError, match="in clear to the proxy"):
        proxy_for("http://127.0.0.1/", "http://10.0.0.1:1")
    assert proxy_for("https://a.b/", "http://10.0.0.1:1") == "http://10.0.0.1:1"
    assert proxy_for("http://127.0.0.1/", "http://127.0.0.1:1") == "http://127.0.0.1:1"


def test_no_deadline() -> None:
    deadline = Deadline(None)
    assert deadline.left() is None
    assert deadline.cap(None) is None
    assert deadline.cap(5) == 5


def test_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    deadline = Deadline(10)
    now = 104.0
    assert deadline.left() == 6
    assert deadline.cap(None) == 6
    assert deadline.cap(5) == 5
    assert deadline.cap(7) == 6
    now = 110.0
    with pytest.raises(ChatTimeout, match=r"longer than 10 seconds \(Timeout.total\)"):
        deadline.left()
