"""What a client knows about its site: session, nonces and secrets."""

from __future__ import annotations

import pytest

from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.site import MARK, Era, Session, Site, read_nonce, read_session_id

from .flows import new_site


def test_open_uses_the_session() -> None:
    site = new_site()
    session = Session("n000000001", "s1")
    site.open(session, Era.START_SESSION)
    assert site.session is session
    assert site.era is Era.START_SESSION


def test_renewed_nonce_keeps_the_session_id() -> None:
    site = new_site()
    used = Session("n000000001", "s1")
    site.open(used, Era.START_SESSION)
    site.renew_nonce(used, "n000000002")
    assert site.session == Session("n000000002", "s1")


@pytest.mark.parametrize("nonce", [None, "", 5.5, "two words", "n000000001"])
def test_session_is_kept_without_a_new_nonce(nonce: object) -> None:
    site = new_site()
    used = Session("n000000001")
    site.open(used, Era.START_SESSION)
    site.renew_nonce(used, nonce)
    assert site.session is used


def test_late_nonce_of_a_former_session_is_ignored() -> None:
    site = new_site()
    former, current = Session("n000000001"), Session("n000000001")
    site.open(current, Era.START_SESSION)
    site.renew_nonce(former, "n000000002")
    assert site.session is current


def test_refused_session_is_dropped_unless_it_was_replaced() -> None:
    site = new_site()
    former, current = Session("n000000001"), Session("n000000002")
    site.open(current, Era.START_SESSION)
    site.drop_session(former)
    assert site.session is current
    site.drop_session(current)
    assert site.session is None


def test_secrets_are_redacted() -> None:
    site = Site(parse_address("https://a.b"), credentials=["password"])
    site.open(Session("n000000001", "session1"), Era.START_SESSION)
    site.renew_nonce(Session("n000000001", "session1"), "n000000002")
    site.remember("cookie1", None, "", "cookie2")
    for secret in ("password", "n000000001", "session1", "n000000002", "cookie1", "cookie2"):
        assert site.redact(f"Bad {secret}.") == f"Bad {MARK}."
    assert site.redact("Nothing bad.") == "Nothing bad."


def test_credentials_and_the_last_hundred_other_secrets_are_remembered() -> None:
    site = Site(parse_address("https://a.b"), credentials=["password"])
    for number in range(101):
        site.remember(f"cookie-{number:03}", f"cookie-{number:03}")
    assert site.redact("password") == MARK
    assert site.redact("cookie-000") == "cookie-000"
    assert site.redact("cookie-001 cookie-100") == f"{MARK} {MARK}"


def test_session_repr_shows_no_secrets() -> None:
    assert repr(Session("n000000001", "s1")) == "Session()"


@pytest.mark.parametrize(
    ("value", "nonce"),
    [
        ("bcc9464d05", "bcc9464d05"),
        (12345678, "0012345678"),
        (0, "0000000000"),
        (9999999999, "9999999999"),
        (99999999999, None),
        (-1, None),
        (1.5, None),
        (True, None),
        (None, None),
        ("", None),
        ("a b", None),
        ("a\r\nCookie: x", None),
        ("\u041f", None),
        ("x" * 128, "x" * 128),
        ("x" * 129, None),
        (["x"], None),
    ],
)
def test_read_nonce(value: object, nonce: str | None) -> None:
    assert read_nonce(value) == nonce


@pytest.mark.parametrize(
    ("value", "session_id"),
    [
        ("s1", "s1"),
        ("N/A", "N/A"),
        (34, "34"),
        (True, None),
        (None, None),
        ("", None),
        ("a b", None),
        ("\ud83d", None),
    ],
)
def test_read_session_id(value: object, session_id: str | None) -> None:
    assert read_session_id(value) == session_id
