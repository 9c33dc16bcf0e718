"""What is special about a source: several chatbots, images, and a package that is missing."""

from __future__ import annotations

import html
import json
import sys
from functools import partial
from typing import Any

import pytest
from openai import NotFoundError

from chatgpt4online import Client, ReplyError, UsageError
from chatgpt4online.server.upstream import UpstreamSource

from ..loopback import (
    HELLO_SITE,
    Connection,
    Handler,
    LoopbackServer,
    Received,
    ai_site,
    end,
    live,
    reply_with,
    response,
)
from .servers import event, piece, refused, running, site, streamed
from .test_openai_clients import HELLO, client


def page_with(*bots: dict[str, Any]) -> Handler:
    """Return the handler of a site whose page has these chatbots."""

    def handle(connection: Connection, request: Received) -> None:
        if request.method != "GET":
            HELLO_SITE(connection, request)
            return
        root = f"http://{request.headers['host']}/wp-json"
        containers = "".join(
            "<div class='mwai-chatbot-container' data-params='{}' data-system='"
            + html.escape(json.dumps({"sessionId": "N/A", "restUrl": root, **bot}))
            + "'></div>"
            for bot in bots
        )
        page = f"<!doctype html><html><head></head><body>{containers}</body></html>"
        connection.send(response(page, 200, "Content-Type: text/html"))

    return handle


def test_the_chatbots_on_a_page() -> None:
    bots = ({"botId": "shop", "customId": None}, {"botId": None, "customId": "own"})
    with LoopbackServer(page_with(*bots)) as server, running(site(server.url)) as url:
        with client(url) as ai:
            assert [model.id for model in ai.models.list()] == ["shop", "own"]
            for name in ("own", "shop", "default"):
                ai.chat.completions.create(model=name, messages=HELLO)
            with pytest.raises(NotFoundError, match="there is shop, own"):
                ai.chat.completions.create(model="other", messages=HELLO)
        with Client(url, "shop") as asking:
            asking.generate("Hi")
    asked = [(item.json["botId"], item.json["customId"]) for item in server.prompts]
    assert [name or own for name, own in asked] == ["own", "shop", "default", "shop"]


def test_images_follow_the_text() -> None:
    image = "https://example.com/a.png"
    submit = reply_with(live("Look:"), end("Look:", images=[image]))
    with LoopbackServer(ai_site(submit)) as server, running(site(server.url)) as url:
        with Client(url) as asking:
            reply = asking.generate("Hi")
            assert (reply.text, reply.images) == ("Look:", (image,))
        with client(url) as ai:
            whole = ai.chat.completions.create(model="default", messages=HELLO)
            assert whole.choices[0].message.content == f"Look:\n\n![]({image})"
            with ai.chat.completions.create(model="default", messages=HELLO, stream=True) as chunks:
                text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            assert text == f"Look:\n\n![]({image})"


def test_a_text_that_the_site_filters() -> None:
    submit = reply_with(live("Damn it."), end("D*** it."))
    with LoopbackServer(ai_site(submit)) as server, running(site(server.url)) as url:
        with client(url) as ai:
            whole = ai.chat.completions.create(model="default", messages=HELLO)
            assert whole.choices[0].message.content == "D*** it."
            cut = ai.chat.completions.create(model="default", messages=HELLO, stop="*")
            assert cut.choices[0].message.content == "D"


def test_an_upstream_that_repeats_its_key() -> None:
    key = "sk-key-of-this-test"
    for parts in (refused(400, f"Bad: {key}."), streamed(piece("One"), failed(f"Bad: {key}."))):
        with LoopbackServer(parts) as server:
            with running(partial(UpstreamSource, server.url, "small", key)) as url:
                with Client(url) as asking, pytest.raises(ReplyError, match="Bad: ") as caught:
                    asking.generate("Hi")
                assert key not in str(caught.value)
                assert server.requests[0].headers["authorization"] == f"Bearer {key}"


def failed(message: str) -> bytes:
    return event({"error": {"message": message, "type": "t", "param": None, "code": None}})


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(UsageError, match=r'pip install "chatgpt4online\[serve\]"'):
        UpstreamSource("http://127.0.0.1:1", "small")
