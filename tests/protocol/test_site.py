"""What a client keeps of its site."""

from __future__ import annotations

from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.site import Site


def test_credentials_stay_secret_and_of_cookies_the_last_fifty() -> None:
    site = Site(parse_address("https://a.b"))
    site.credentials = ("password",)
    site.keep_secret(["c0"])
    site.keep_secret(["c0", "password"])
    site.keep_secret(())
    assert [*site.secrets] == ["password", "c0"]
    for number in range(1, 51):
        site.keep_secret([f"c{number}"])
    assert [*site.secrets] == ["password", *(f"c{number}" for number in range(1, 51))]
