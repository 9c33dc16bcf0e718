"""`ask_partition` on a local Dask cluster."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chatgpt4online import Message, UsageError
from chatgpt4online.dask import ask_partition
from chatgpt4online.server import LocalSite

PASSWORD = "abcd EFGH 1234"
LIMIT = 3


@dataclass
class Run:
    """What a cluster has returned, and what its site has seen.

    Attributes:
        returned: The results by the name of their part.
        asked: How often each prompt has come.
        most: The most prompts at the same time.
        instructions: The instructions that have come with prompts.
    """

    returned: dict[str, Any] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    most: int = 0
    now: int = 0
    instructions: set[str] = field(default_factory=set)

    async def bot(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        prompt = messages[-1].content
        self.asked[prompt] += 1
        self.now += 1
        self.most = max(self.most, self.now)
        yield "You said: "
        yield prompt
        self.now -= 1


@pytest.fixture(scope="module")
def run() -> Run:
    if not all(importlib.util.find_spec(name) for name in ("dask", "distributed", "pandas")):
        pytest.skip("the extra dask is not installed")
    run = Run()
    with LocalSite(bot=run.bot, pace=0.01, users={"ann": PASSWORD}) as site:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.dask_script", site.url],
            stdout=subprocess.PIPE,
            check=True,
            timeout=120,
        )
        run.instructions = {str(item.get("instructions")) for item in site.app.submissions}
    run.returned = json.loads(done.stdout)
    return run


def test_a_bag(run: Run) -> None:
    *replied, failed = run.returned["bag"]
    assert [(row["prompt"], row["outcome"], row["reply"]) for row in replied] == [
        (f"Prompt {number}", "replied", f"You said: Prompt {number}") for number in range(18)
    ]
    error = {"type": "UsageError", "message": "The prompt is empty."}
    assert failed == {"prompt": " ", "id": 7, "outcome": "failed", "error": error}
    assert "Brief." in run.instructions
    assert all(run.asked[row["prompt"]] == 1 for row in replied)


def test_a_dataframe(run: Run) -> None:
    frame = run.returned["frame"]
    assert list(frame) == ["prompt", "n", "outcome", "reply", "error"]
    assert frame["n"] == [1, 2, 3]
    assert frame["outcome"] == ["replied", "failed", "replied"]
    assert frame["reply"] == ["You said: One", None, "You said: Three"]
    none, error, none_again = frame["error"]
    assert (none, none_again) == (None, None)
    assert error.startswith("UsageError: The prompt must be a string")


def test_dask_does_not_ask_to_find_out_about_a_dataframe(run: Run) -> None:
    assert "For a dataframe, pass meta" in run.returned["without meta"]
    assert not any("foo" in prompt or prompt == "Never" for prompt in run.asked)


def test_no_row_is_lost_if_a_worker_is_killed(run: Run) -> None:
    rows = {f"Row {number}" for number in range(40)}
    assert sorted(run.returned["killed"]) == sorted(f"You said: {row}" for row in rows)


def test_all_workers_together_keep_to_the_limit(run: Run) -> None:
    assert run.most == LIMIT


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "set CHATGPT4ONLINE_SITE on the workers"),
        ({"site": "http://127.0.0.1:1", "auth": ("ann", PASSWORD)}, "set CHATGPT4ONLINE_PASSWORD"),
        ({"site": "http://127.0.0.1:1", "user": "ann"}, "variable CHATGPT4ONLINE_PASSWORD"),
        ({"site": "http://127.0.0.1:1", "token": True}, "variable CHATGPT4ONLINE_TOKEN"),
    ],
)
def test_usage_errors(
    options: dict[str, Any], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHATGPT4ONLINE_PASSWORD", raising=False)
    monkeypatch.delenv("CHATGPT4ONLINE_TOKEN", raising=False)
    with pytest.raises(UsageError, match=complaint) as caught:
        ask_partition(["Hi"], **options)
    assert PASSWORD not in str(caught.value)
