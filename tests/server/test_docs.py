"""The examples of docs/serve.rst, against a server."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..commands import COMMAND
from .servers import running
from .test_openai_clients import SAID

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serve.rst").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as url:
        yield url


def blocks(kind: str) -> list[str]:
    found = re.findall(rf"\.\. code-block:: {kind}\n\n((?:    .*\n|\n)+)", PAGE)
    return [textwrap.dedent(block) for block in found]


def commands(name: str) -> list[list[str]]:
    """Return the arguments of each command of this name on the page."""
    lines = re.findall(rf"^ +\$ {name} (.*)$", PAGE, re.MULTILINE)
    return [shlex.split(line) for line in lines]


def run(arguments: list[str], cwd: Path, **variables: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(
        arguments, capture_output=True, text=True, check=True, cwd=cwd, env=environment, timeout=60
    ).stdout


@pytest.mark.parametrize("number", range(2))
def test_python(number: int, url: str, tmp_path: Path) -> None:
    examples = blocks("python3")
    assert len(examples) == 2
    example = examples[number].replace(ADDRESS, url)
    output = run([sys.executable, "-X", "utf8", "-c", example], tmp_path)
    assert output == f"{SAID}\n" * (1, 2)[number]


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl(url: str, tmp_path: Path) -> None:
    (arguments,) = commands("curl")
    answer = run(["curl", "-s", *(item.replace(ADDRESS, url) for item in arguments)], tmp_path)
    assert json.loads(answer)["choices"][0]["message"]["content"] == SAID


def test_llm(url: str, tmp_path: Path) -> None:
    (settings,) = blocks("yaml")
    (tmp_path / "extra-openai-models.yaml").write_text(settings.replace(ADDRESS, url))
    asking = re.search(r"``llm (-m served [^`]+)``", PAGE)
    assert asking is not None
    arguments = [sys.executable, "-m", "llm", *shlex.split(asking[1])]
    assert run(arguments, tmp_path, LLM_USER_PATH=str(tmp_path)) == f"{SAID}\n"


def test_the_command(url: str, tmp_path: Path) -> None:
    ask, *_ = [item for item in commands("chatgpt4online") if item[0] == "ask"]
    arguments = [item.replace(ADDRESS, url) for item in ask]
    assert run([*COMMAND, *arguments], tmp_path) == f"{SAID}\n"
