"""Prompts that are longer than the site accepts, and conversations through the public API."""

from __future__ import annotations

import pytest

from chatgpt4online import LimitReached, PromptTooLong, StoredFile, UsageError
from chatgpt4online.server import LocalSite

from ..drivers import Driver
from ..loopback import Connection, LoopbackServer, Received
from ..recordings import Recording

TOKEN = "secret-token"


@pytest.mark.parametrize(
    "name",
    [
        "2.6.5/close-delimited/stream-too-long",
        "3.8.1-hybrid/close-delimited/stream-too-long",
        "3.8.1-hybrid/chunked/stream-too-long",
        "3.8.1-hybrid/close-delimited/json-too-long",
        "3.8.1-hybrid/chunked/json-too-long",
    ],
)
def test_refused_prompt_is_too_long_by_the_page(name: str, driver: Driver) -> None:
    refusal = Recording(name)
    opening, page = refusal.sibling("start_session"), refusal.sibling("page")
    assert opening is not None
    assert page is not None

    def handle(connection: Connection, request: Received) -> None:
        posted = refusal if "chats/submit" in request.target else opening
        connection.send((page if request.method == "GET" else posted).response)
        connection.close()

    with LoopbackServer(handle) as server, driver.client(server.url) as client:
        for _ in range(2):  # the second time, the page is known
            with pytest.raises(PromptTooLong, match="600 characters; the site accepts 512") as err:
                client.generate("x" * 600)
            assert (err.value.length, err.value.limit) == (600, 512)
    assert len(server.prompts) == 1


def test_public_api_folds_the_history_if_the_site_keeps_none(driver: Driver) -> None:
    with (
        LocalSite(token=TOKEN, discussions=False) as site,
        driver.client(site.url, token=TOKEN) as client,
    ):
        chat = client.conversation()
        chat.generate("one")
        chat.generate("two")
        assert site.app.submissions[-1]["message"] == (
            "User: one\nAssistant: You said: one (1 word)\nUser: two\nAssistant:"
        )
        with pytest.raises(PromptTooLong, match="trim the conversation") as caught:
            chat.generate("x" * 500)
        assert caught.value.limit == 512
        assert len(chat.messages) == 4
    assert len(site.app.submissions) == 2


def test_public_api_sends_only_the_new_message_if_the_site_keeps_the_history(
    driver: Driver,
) -> None:
    with LocalSite(token=TOKEN) as site, driver.client(site.url, token=TOKEN) as client:
        chat = client.conversation()
        for message in ("one", "x" * 300, "y" * 500):
            chat.generate(message)
            assert site.app.submissions[-1]["message"] == message
        chat.trim(messages=2)
        with pytest.raises(PromptTooLong):  # the site's own history is not the trimmed one
            chat.generate("two")
        chat.trim(messages=0)
        chat.generate("three")
    last = site.app.submissions[-1]
    assert last["message"] == "three"
    assert last["chatId"] != site.app.submissions[0]["chatId"]


def test_site_that_takes_one_file(driver: Driver) -> None:
    with LocalSite(max_uploads=1) as site, driver.client(site.url) as client:
        with pytest.raises(UsageError, match="accepts one file per message"):
            client.generate("Hi", files=[StoredFile("f1"), b"x"])
        client.generate("Hi", files=[b"x"])
    assert len(site.app.files.uploads) == len(site.app.submissions) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_usage_limit_of_the_local_site(stream: bool, driver: Driver) -> None:
    with LocalSite(max_prompts=1) as site, driver.client(site.url) as client:
        client.generate("Hi", stream=stream)
        with pytest.raises(LimitReached, match="Come back tomorrow"):
            client.generate("Hi", stream=stream)
    assert len(site.app.submissions) == 1
