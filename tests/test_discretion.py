"""What the errors of HTTP libraries keep of what they say."""

from __future__ import annotations

import aiohttp
import pytest
import requests

from chatgpt4online.discretion import without_texts


@pytest.mark.parametrize("library", [requests.ConnectionError, aiohttp.ClientOSError])
def test_kinds_that_others_derive_lose_their_texts_too(library: type[OSError]) -> None:
    kind = type("TheirError", (library,), {"__module__": "elsewhere"})
    error = kind("it quotes a SECRET")
    assert without_texts(error) is error
    assert error.args == ()


def test_what_the_system_says_stays() -> None:
    error = ConnectionResetError(104, "Connection reset by peer")
    assert without_texts(error).args == (104, "Connection reset by peer")
