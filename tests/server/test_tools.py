"""Tools for OpenAI's API that know nothing of AI Engine. CI installs them last: they are large."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from .servers import running

LANGCHAIN = """
import sys
from langchain_openai import ChatOpenAI

model = ChatOpenAI(base_url=sys.argv[1], api_key="none", model="default")
print(model.invoke("Hello there").content)
print("|".join(chunk.content for chunk in model.stream("Hello again") if chunk.content))
"""
LITELLM = """
import sys
import litellm

options = {"model": "openai/default", "api_base": sys.argv[1], "api_key": "none"}
whole = litellm.completion(messages=[{"role": "user", "content": "Hello there"}], **options)
print(whole.choices[0].message.content)
chunks = litellm.completion(
    messages=[{"role": "user", "content": "Hello again"}], stream=True, **options
)
print("|".join(chunk.choices[0].delta.content or "" for chunk in chunks).strip("|"))
"""


@pytest.mark.parametrize(
    ("package", "script"), [("langchain_openai", LANGCHAIN), ("litellm", LITELLM)]
)
def test_a_tool(package: str, script: str) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    # Neither may ask the network for prices or send traces.
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false"}
    with running() as url:
        done = subprocess.run(
            [sys.executable, "-c", script, f"{url}/v1"],
            capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, **quiet, "NO_PROXY": "127.0.0.1"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole, streamed = done.stdout.splitlines()
    assert whole == "You said: Hello there (2 words)"
    assert streamed.replace("|", "") == "You said: Hello again (2 words)"
    assert streamed.count("|") > 2
