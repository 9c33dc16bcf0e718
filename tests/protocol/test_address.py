"""Addresses of sites, REST roots, routes and redirects."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import UsageError
from chatgpt4online.protocol.address import (
    announced_root,
    follow_redirect,
    link_header_root,
    origin,
    parse_address,
    route,
)


@pytest.mark.parametrize(
    ("site", "page", "root"),
    [
        ("https://a.b", "https://a.b/", "https://a.b/wp-json/"),
        (" https://a.b/ ", "https://a.b/", "https://a.b/wp-json/"),
        ("https://a.b/#chat", "https://a.b/", "https://a.b/wp-json/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/wp-json/"),
        ("http://[::1]:8000/", "http://[::1]:8000/", "http://[::1]:8000/wp-json/"),
        ("https://a.b/chat/", "https://a.b/chat/", None),
        ("https://a.b/blog", "https://a.b/blog", None),
        ("https://a.b/?p=4", "https://a.b/?p=4", None),
        ("https://a.b/wp-json", "https://a.b/", "https://a.b/wp-json/"),
        ("https://a.b/wp-json/", "https://a.b/", "https://a.b/wp-json/"),
        ("https://a.b/wp-json/mwai-ui/v1/chats/submit?x=1", "https://a.b/", "https://a.b/wp-json/"),
        ("https://a.b/blog/wp-json/", "https://a.b/blog/", "https://a.b/blog/wp-json/"),
        ("https://a.b/index.php/wp-json/", "https://a.b/", "https://a.b/index.php/wp-json/"),
        ("https://a.b/?rest_route=/", "https://a.b/", "https://a.b/?rest_route=/"),
        ("https://a.b/?rest_route=", "https://a.b/", "https://a.b/?rest_route=/"),
        (
            "https://a.b/x/index.php?rest_route=/mwai/v1/a",
            "https://a.b/x/",
            "https://a.b/x/index.php?rest_route=/",
        ),
        ("https://a.b/?lang=ru&rest_route=/", "https://a.b/", "https://a.b/?lang=ru&rest_route=/"),
        ("https://a.b/?no_rest_route=/", "https://a.b/?no_rest_route=/", None),
    ],
)
def test_parse_address(site: str, page: str, root: str | None) -> None:
    address = parse_address(site)
    assert (address.page, address.root) == (page, root)
    # Only the root of a home page is a guess.
    assert address.is_guess is (root is not None and "/wp-json" not in site and "=" not in site)


@pytest.mark.parametrize(
    "site",
    [
        "",
        "example.com",
        "ftp://a.b",
        "https://",
        "https:///chat",
        "//a.b",
        "https://a.b:port/",
        "https://a.b:0",
        "https://a.b:99999/",
        "http://[::1",
        "https://u:p@a.b/",
        "https://a.b/a b",
        "https://a.b/\x7f",
    ],
)
def test_invalid_address(site: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(site)
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        ("https://a.b/wp-json/", "https://a.b/wp-json/mwai/v1/x"),
        ("https://a.b/index.php/wp-json", "https://a.b/index.php/wp-json/mwai/v1/x"),
        ("https://a.b/?rest_route=/", "https://a.b/?rest_route=/mwai/v1/x"),
        ("https://a.b/index.php?rest_route=", "https://a.b/index.php?rest_route=/mwai/v1/x"),
        ("https://a.b/?rest_route=%2F&lang=en", "https://a.b/?rest_route=/mwai/v1/x&lang=en"),
    ],
)
def test_route(root: str, expected: str) -> None:
    assert route(root, "mwai/v1/x") == expected


def test_origin_has_no_default_port() -> None:
    assert origin("https://A.b:443/x") == "https://a.b"
    assert origin("http://a.b:443/x") == "http://a.b:443"
    assert origin("http://[::1]:80/") == "http://[::1]"


@pytest.mark.parametrize(
    ("announced", "root"),
    [
        ("http://127.0.0.1/wp-json/", "https://a.b:8/wp-json/"),
        ("https://evil.example/steal/wp-json", "https://a.b:8/steal/wp-json/"),
        ("http://x/index.php?rest_route=/", "https://a.b:8/index.php?rest_route=/"),
        ("http://x?rest_route=/", "https://a.b:8/?rest_route=/"),
        ("/wp-json/", "https://a.b:8/wp-json/"),
        ("api", "https://a.b:8/chat/api/"),
        ("http://[x/", None),
        ("http://x/a\nb", None),
        ("mailto:.evil.example/wp-json/", None),
        ("x:8813/wp-json/", None),
        ("ftp://a.b/wp-json/", None),
    ],
)
def test_announced_root_is_on_the_origin_of_the_page(announced: str, root: str | None) -> None:
    assert announced_root(announced, "https://a.b:8/chat/") == root


@pytest.mark.parametrize(
    "header",
    [
        '<http://x/api/>; rel="https://api.w.org/"',
        "<http://x/api/>; rel=https://api.w.org/",
        '<http://x/a,b>; rel="shortlink", <http://x/api/>; title="t"; rel="https://api.w.org/"',
    ],
)
def test_root_in_link_header(header: str) -> None:
    assert link_header_root(header, "https://a.b/") == "https://a.b/api/"


def test_link_header_without_root() -> None:
    assert link_header_root("", "https://a.b/") is None
    assert link_header_root('<http://x/?p=4>; rel="shortlink"', "https://a.b/") is None


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("http://a.b/chat", "/chat/", "http://a.b/chat/"),
        ("http://a.b/chat", "http://A.b:80/chat/#x", "http://A.b:80/chat/"),
        ("http://a.b/chat", "https://a.b/chat", "https://a.b/chat"),
        ("http://\u044f.b/chat", "http://xn--41a.b/chat/", "http://xn--41a.b/chat/"),
        ("http://\u044f.b/chat", "https://XN--41A.b/chat", "https://XN--41A.b/chat"),
        ("http://xn--41a.b:8/chat", "http://\u042f.b:8/chat/", "http://\u042f.b:8/chat/"),
        ("http://\uff42\u044f.b/chat", "http://xn--b-0ub.b/chat/", "http://xn--b-0ub.b/chat/"),
        ("http://\u044f.b/chat", "http://xn--41b.b/chat/", None),
        ("http://\u044f.b/chat", "http://\u00ff\u2044.b/chat/", None),
        ("http://a.b:8000/chat", "https://a.b/chat", None),
        ("http://a.b:8000/chat", "https://a.b:8000/chat", None),
        ("http://a.b/chat", "https://a.b:8443/chat", None),
        ("http://a.b/chat", "http://a.b:81/chat", None),
        ("https://a.b/chat", "http://a.b/chat", None),
        ("http://a.b/chat", "http://www.a.b/chat", None),
        ("http://a.b/chat", "http://u:p@a.b/chat", None),
        ("http://a.b/chat", "file:///etc/passwd", None),
        ("http://a.b/chat", "ftp://a.b/", None),
        ("http://a.b/chat", "http://[a.b/", None),
        ("http://a.b/chat", "http://a.b:x/", None),
    ],
)
def test_redirects_are_followed_on_the_same_host_only(
    url: str, location: str, target: str | None
) -> None:
    assert follow_redirect(url, location) == target


@pytest.mark.parametrize("location", ["/a b", "/a\u2028b", "/\x07", "/\ud800"])
def test_redirect_with_unprintable_characters_is_not_followed(location: str) -> None:
    assert follow_redirect("https://a.b/", location) is None
