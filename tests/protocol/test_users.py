"""Whether the site knows the user whom a session is opened for."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import (
    AuthenticationError,
    Blocked,
)
from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.http import Response
from chatgpt4online.protocol.session import open_session
from chatgpt4online.protocol.site import Site, User

from .flows import (
    HTML_PAGE,
    NO_ROUTE,
    NONCE_PAGE,
    OPENED,
    ROOT,
    START_SESSION,
    Script,
    recorded,
)

HTML = HTML_PAGE.body
NOT_FOUND = Response(404, {}, HTML)
REFUSED = Response(403, {}, b'{"success":false,"message":"no"}')
ME = f"GET {ROOT}wp/v2/users/me"


def sign_in(*responses: Response, address: str = "http://a.b") -> Site:
    site = Site(parse_address(address), user=User.UNVERIFIED)
    Script(site, *responses).run(open_session(site))
    return site


def test_the_user_is_verified_once() -> None:
    me = recorded("3.8.1-hybrid/application-password/users-me")
    site = Site(parse_address("http://a.b"), user=User.UNVERIFIED)
    first, second = Script(site, OPENED, me), Script(site, OPENED)
    first.run(open_session(site))
    assert site.user is User.VERIFIED
    assert first.sent == [START_SESSION, ME]
    second.run(open_session(site))
    assert second.sent == [START_SESSION]


@pytest.mark.parametrize(
    "answer",
    [
        recorded("3.8.1-hybrid/application-password/wrong-password-users-me"),
        Response(403, {}, b'{"code":"incorrect_password","message":"no"}'),
        Response(401, {}, b"<html>"),
    ],
)
def test_wrong_credentials(answer: Response) -> None:
    site = Site(parse_address("http://a.b"), user=User.UNVERIFIED)
    with pytest.raises(AuthenticationError, match="does not accept the user name") as caught:
        Script(site, OPENED, answer).run(open_session(site))
    assert caught.value.status == answer.status
    assert (site.session, site.user) == (None, User.UNVERIFIED)


def test_a_password_that_was_revoked() -> None:
    """The nonce is refused then, and a guest would get a new one."""
    me = recorded("3.8.1-hybrid/application-password/users-me")
    wrong = recorded("3.8.1-hybrid/application-password/wrong-password-users-me")
    site = sign_in(OPENED, me)
    assert site.session is not None
    site.drop_session(site.session)
    with pytest.raises(AuthenticationError):
        Script(site, OPENED, wrong).run(open_session(site))


REDIRECTED = Response(302, {"location": "https://sso.example/"}, b"")


@pytest.mark.parametrize(
    "answer", [NOT_FOUND, REFUSED, HTML_PAGE, REDIRECTED, Response(200, {}, b"{}")]
)
def test_a_site_that_hides_its_users(answer: Response) -> None:
    assert sign_in(OPENED, answer).user is User.HIDDEN


@pytest.mark.parametrize("status", [429, 503])
def test_a_check_that_fails(status: int) -> None:
    with pytest.raises(Blocked):
        sign_in(OPENED, Response(status, {}, HTML))


def test_users_of_plugins_with_nonces_on_the_page() -> None:
    with pytest.raises(AuthenticationError, match="let only guests chat"):
        sign_in(NO_ROUTE, NONCE_PAGE)


def test_wrong_credentials_without_a_code() -> None:
    with pytest.raises(AuthenticationError, match=r"\(HTTP 401\)") as caught:
        sign_in(OPENED, Response(401, {}, b"<html>"))
    assert caught.value.code is None
