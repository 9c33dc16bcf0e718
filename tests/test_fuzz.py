"""Runs the fuzz targets on earlier findings, on recordings, and on inputs from hypothesis."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.corpus import CASES, TOKENS, dictionary, seeds
from fuzz.targets import TARGETS

FOUND = sorted(CASES.glob("*/*"))
MAX_SIZE = 6000


@functools.cache
def recorded(target: str) -> tuple[bytes, ...]:
    """Return the seeds of a target that are short enough to be tried often."""
    return tuple(dict.fromkeys(seed for seed in seeds(target) if len(seed) <= MAX_SIZE))


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """Return a seed with some bytes removed, repeated, replaced or inserted."""
    data = draw(st.sampled_from(recorded(target)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 60)))
        inserted = draw(st.one_of(st.binary(max_size=6), st.sampled_from(TOKENS)))
        data = draw(
            st.sampled_from([
                data[:at] + data[end:],
                data[:at] + inserted + data[at:],
                data[:at] + inserted + data[end:],
                data[:end] + data[at:],
            ])
        )  # fmt: skip
    return data


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_earlier_finding(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_recordings(target: str) -> None:
    assert recorded(target)
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=60)
@given(data=st.data())
def test_mutated_recordings(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(mutated(target)))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary(max_size=200))
def test_any_bytes(target: str, data: bytes) -> None:
    TARGETS[target](data)


def test_dictionary_format() -> None:
    lines = dictionary().splitlines()
    assert len(lines) == len(TOKENS)
    assert lines[0] == '"\\x64\\x61\\x74\\x61\\x3a\\x20"'
