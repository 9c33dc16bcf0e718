"""What a site says, without the secrets in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.protocol.redaction import MARK, redact

LONG = "a prompt of more than sixteen characters"


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("nonce abcd1234 refused", ["abcd1234"], f"nonce {MARK} refused"),
        ("abcd1234", ["abcd1234"], MARK),
        ("xabcd1234x", ["abcd1234"], f"x{MARK}x"),
        ("xabcd123", ["abcd123"], "xabcd123"),
        ("this is", ["his"], "this is"),
        ("this is", ["is"], "this is"),
        ("a+b=c, a+b=c", ["a+b=c"], f"{MARK}, {MARK}"),
        (f"You said: '{LONG}'.", [LONG], f"You said: '{MARK}'."),
        (f"You said: '{LONG[:20]}...'", [LONG], f"You said: '{MARK}...'"),
        (f"{LONG[:20]}", [LONG], MARK),
        (f"{LONG[:19]}", [LONG], LONG[:19]),
        (f"...{LONG[8:]}", [LONG], f"...{MARK}"),
        (LONG + LONG, [LONG], MARK),
        ("don\\'t tell them that I said so", ["don't tell them that I said so"], MARK),
        ("\\u0442\\u0430\\u0439\\u043d\\u0430", ["тайна"], MARK),
        ("a\\/b\\/c d", ["a/b/c d"], MARK),
        ("my secret diagnosis today", ["my <b>secret</b> diagnosis today"], MARK),
        ("one line and another", ["one line\r\nand another"], MARK),
        (LONG, ["", LONG, "of more"], MARK),
        ("nothing", [], "nothing"),
    ],
)
def test_redact(text: str, secrets: list[str], shown: str) -> None:
    assert redact(text, secrets) == shown


def test_what_was_said_first_is_looked_for_however_much_follows() -> None:
    password = "a password of many characters"
    shown = redact(f"wrong: {password} {LONG}", [password, "x" * 300_000, LONG])
    assert shown == f"wrong: {MARK} {LONG}"


@given(st.text(), st.text(min_size=4), st.text())
def test_a_secret_is_never_left(before: str, secret: str, after: str) -> None:
    shown = redact(f"{before} {secret} {after}", [secret])
    assert f" {secret} " not in shown
