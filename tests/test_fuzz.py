"""The targets of the fuzzer, on what it has found, on recordings, and on what hypothesis makes."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.corpus import CASES, TOKENS, dictionary, seeds
from fuzz.targets import TARGETS

FOUND = sorted(path for path in CASES.glob("*/*"))
LONGEST = 6000


@functools.cache
def recorded(target: str) -> tuple[bytes, ...]:
    """The seeds of a target that are not too long to be tried often."""
    return tuple(dict.fromkeys(seed for seed in seeds(target) if len(seed) <= LONGEST))


@st.composite
def mutated(draw: st.DrawFn, target: str) -> bytes:
    """A recording with some of its bytes left out, put twice, changed, or with others between."""
    data = draw(st.sampled_from(recorded(target)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 60)))
        between = draw(st.one_of(st.binary(max_size=6), st.sampled_from(TOKENS)))
        data = draw(
            st.sampled_from([
                data[:at] + data[end:],
                data[:at] + between + data[at:],
                data[:at] + between + data[end:],
                data[:end] + data[at:],
            ])
        )  # fmt: skip
    return data


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_before(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_every_recording(target: str) -> None:
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


def test_the_dictionary_is_as_libfuzzer_reads_it() -> None:
    lines = dictionary().splitlines()
    assert len(lines) == len(TOKENS)
    assert lines[0] == '"\\x64\\x61\\x74\\x61\\x3a\\x20"'
