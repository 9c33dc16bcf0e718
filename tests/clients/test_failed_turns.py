"""Turns that the site ends with an error, in forms that have no recording."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatgpt4online import ChatError, IncompleteReply, LimitReached, ReplyError
from chatgpt4online.testing import ScriptedSite

from ..drivers import Driver
from ..loopback import LoopbackServer, ai_site, end, live, response, send


def failed(**fields: Any) -> bytes:
    return b"data: " + json.dumps({"type": "error", **fields}).encode() + b"\n\n"


DIED_AS_JSON = b'{"code":"wp_die","message":"Dead <b>now</b>","data":{"status":500}}'
DIED_AS_PAGE = (
    b'<!DOCTYPE html>\n<html><head><title>WordPress</title></head><body id="error-page">'
    b'<div class="wp-die-message">Dead <b>now</b></div></body></html>\n'
)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (DIED_AS_JSON, ReplyError, "The site reported an error: Dead now"),
        (DIED_AS_PAGE, IncompleteReply, "ended after 8 characters without an end event"),
        (failed(data="Enough.", overLimit=True), LimitReached, "usage limit is reached: Enough."),
        (failed(data="Model down.", overLimit=False), ReplyError, "an error: Model down."),
    ],
    ids=["json", "page", "limit", "provider"],
)
def test_error_after_some_text(
    body: bytes,
    kind: type[ChatError],
    text: str,
    ai_engine_site: ScriptedSite,
    driver: Driver,
) -> None:
    pieces: list[str] = []
    for _ in range(2):
        ai_engine_site.reply(raw=live("You said") + body)
    with driver.client(ai_engine_site.url) as client:
        with pytest.raises(kind, match=text) as caught:
            pieces.extend(client.stream("Hi"))
        assert "".join(pieces) == "You said"
        with pytest.raises(kind):
            client.generate("Hi")
    assert type(caught.value) is kind
    assert getattr(caught.value, "partial_text", None) == "You said"
    assert len(ai_engine_site.prompts) == 2  # one each


@pytest.mark.parametrize("code", [{}, {"code": "limit"}])
def test_usage_limit_in_json(code: dict[str, str], driver: Driver) -> None:
    body = {"message": "Come back tomorrow.", "overLimit": True, **code}
    with (
        LoopbackServer(ai_site(send(response(body, 429)))) as server,
        driver.client(server.url) as client,
    ):
        with pytest.raises(LimitReached, match="Come back tomorrow") as caught:
            client.generate("Hi", stream=False)
    assert (caught.value.status, caught.value.retryable) == (429, False)
    assert len(server.prompts) == 1


@pytest.mark.parametrize("total", [{}, {"total_tokens": 12}])
def test_tokens_of_an_image_bot(
    total: dict[str, int], ai_engine_site: ScriptedSite, driver: Driver
) -> None:
    ai_engine_site.reply(raw=end(usage={"input_tokens": 5, "output_tokens": 7, **total}))
    with driver.client(ai_engine_site.url) as client:
        counted = client.generate("Hi").usage
    assert counted is not None
    assert (counted.prompt_tokens, counted.completion_tokens, counted.total_tokens) == (5, 7, 12)
