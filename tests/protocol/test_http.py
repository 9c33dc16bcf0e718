"""Requests, responses and forms."""

from __future__ import annotations

import pytest

from chatgpt4online.protocol.http import Form, Request, Response

from .flows import Source


def test_form_can_be_read_again() -> None:
    form = Form(b"<", Source(), b">")
    assert [*form] == [*form] == [b"<", b"im", b"age", b">"]
    assert len(form) == len(b"".join(form)) == 7


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False)]
)
def test_success_is_any_2xx_status(status: int, ok: bool) -> None:
    assert Response(status).ok is ok


def test_repr_shows_no_contents() -> None:
    request = Request("POST", "http://a.b/", {"X-WP-Nonce": "secret"}, b"secret")
    response = Response(200, {"set-cookie": "secret"}, b"secret")
    assert "secret" not in repr(request)
    assert "secret" not in repr(response)
    assert "http://a.b/" in repr(request)
