"""Removing secrets from text that a site has sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.protocol.site import MARK, redact


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("nonce abcd1234 refused", ["abcd1234"], f"nonce {MARK} refused"),
        ("abcd1234", ["abcd1234"], MARK),
        ("xabcd1234x", ["abcd1234"], f"x{MARK}x"),
        ("a+b=c, a+b=c", ["a+b=c"], f"{MARK}, {MARK}"),
        ("abcd1234", ["abcd", "abcd1234"], MARK),
        ("abcd and 1234", ["abcd", "1234"], f"{MARK} and {MARK}"),
        ("nothing", ["abcd1234"], "nothing"),
        ("nothing", [], "nothing"),
    ],
)
def test_redact(text: str, secrets: list[str], shown: str) -> None:
    assert redact(text, secrets) == shown


@pytest.mark.parametrize("secret", ["", "i", "is", "his"])
def test_short_secrets_are_left_in_ordinary_words(secret: str) -> None:
    assert redact("this is", [secret]) == "this is"


@given(st.text(), st.text(min_size=4), st.text())
def test_no_secret_is_left(before: str, secret: str, after: str) -> None:
    assert f" {secret} " not in redact(f"{before} {secret} {after}", [secret])
