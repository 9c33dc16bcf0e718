"""Nonces, and the answers of start_session."""

from __future__ import annotations

import pytest

from chatgpt4online.protocol.nonce import Session, read_nonce, read_session_answer

from ..recordings import ALL, Recording

PAGE = "https://a.b/chat/"
SESSIONS = [item for item in ALL if "start_session" in item.case and item.status == 200]
PAGES = [item for item in ALL if item.case.startswith("page")]


@pytest.mark.parametrize("recording", SESSIONS, ids=lambda item: str(item.name))
def test_recorded_session_answers(recording: Recording) -> None:
    session = read_session_answer(recording.body)
    assert session is not None
    expected = "e5dd58413b" if "application-password" in recording.name else "bcc9464d05"
    assert session.nonce == expected
    assert session.session_id == ("N/A" if "2.6.5" in recording.name else session.session_id)
    assert expected not in repr(session)


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
        ("x" * 129, None),
        (["x"], None),
    ],
)
def test_what_is_a_nonce(value: object, nonce: str | None) -> None:
    assert read_nonce(value) == nonce


@pytest.mark.parametrize(
    ("answer", "session"),
    [
        ('{"restNonce":"n1","sessionId":"s"}', Session("n1", "s")),
        ('\ufeff{"restNonce":12,"sessionId":34}', Session("0000000012", "34")),
        ('<br />\nNotice<br />\n{"restNonce":"n1","sessionId":null}', Session("n1", None)),
        ('{"restNonce":"n1","sessionId":true}', Session("n1", None)),
        ('{"restNonce":"n1","sessionId":""}', Session("n1", None)),
        ('{"restNonce":null}', None),
        ("[]", None),
        ("", None),
        ("<html>", None),
    ],
)
def test_session_answers(answer: str, session: Session | None) -> None:
    assert read_session_answer(answer.encode()) == session
