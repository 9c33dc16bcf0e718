"""Every recording of a real site, replayed byte for byte to both clients."""

from __future__ import annotations

import pytest

from chatgpt4online.errors import NonceRejected
from chatgpt4online.models import ActivityEvent, EndEvent, TextEvent

from ..drivers import Driver
from ..loopback import Connection, LoopbackServer, Received
from ..recordings import SUBMITS, Recording, names, outcome_of


def serve(recording: Recording) -> LoopbackServer:
    """Serve the site of a recording, with the recording as the response to every prompt."""
    opening = recording.sibling("start_session")
    page = recording.sibling("page", "page-chat")

    def handle(connection: Connection, request: Received) -> None:
        served = recording if "chats/submit" in request.target else opening
        if request.method == "GET":
            served = page
        assert served is not None
        connection.send(served.response)
        connection.close()

    return LoopbackServer(handle)


@pytest.mark.parametrize("recording", SUBMITS, ids=names(SUBMITS))
def test_generate(recording: Recording, driver: Driver) -> None:
    expected = outcome_of(recording)
    with serve(recording) as server, driver.client(server.url) as client:
        if expected.error is None:
            reply = client.generate("Hello there")
            assert (str(reply), reply.text) == (expected.text, expected.text)
        else:
            with pytest.raises(expected.error) as caught:
                client.generate("Hello there")
            assert getattr(caught.value, "partial_text", "") == expected.text
        _check_prompts(server, recording)


@pytest.mark.parametrize("recording", SUBMITS, ids=names(SUBMITS))
def test_stream(recording: Recording, driver: Driver) -> None:
    expected = outcome_of(recording)
    pieces: list[str] = []
    with serve(recording) as server, driver.client(server.url) as client:
        if expected.error is None:
            with client.stream("Hello there") as stream:
                pieces.extend(stream)
                assert stream.reply.text == stream.text == expected.text
        else:
            with (
                pytest.raises(expected.error),
                client.stream("Hello there") as stream,
            ):
                pieces.extend(stream)
    assert "".join(pieces) == expected.pieces


@pytest.mark.parametrize("front", ["chunked", "close-delimited"])
def test_activity_events(front: str, driver: Driver) -> None:
    recording = Recording(f"3.6.2/{front}/stream-events")
    with serve(recording) as server, driver.client(server.url) as client:
        events = list(client.stream("Hello there").events())
    assert isinstance(events[-1], EndEvent)
    assert [event.kind for event in events if isinstance(event, ActivityEvent)] == [
        "status", "status", "embeddings", "thinking", "thinking", "thinking", "mcp_discovery",
        "mcp_tool_call", "mcp_tool_result", "tool_call", "tool_result", "web_search", "image_gen",
        "heartbeat", "debug", "status",
    ]  # fmt: skip
    assert len([event for event in events if isinstance(event, TextEvent)]) == 8


@pytest.mark.parametrize("front", ["chunked", "close-delimited"])
def test_actions_shortcuts_blocks_and_usage(front: str, driver: Driver) -> None:
    recording = Recording(f"3.6.2/{front}/stream-extras")
    with serve(recording) as server, driver.client(server.url) as client:
        reply = client.generate("Hello there")
    assert [(action.type, action.data["name"]) for action in reply.actions] == [
        ("function", "openCart")
    ]
    assert [item.data["label"] for item in reply.shortcuts] == ["Tell me more"]
    assert [item.data["html"] for item in reply.blocks] == ["<p>Sign up <b>now</b></p>"]
    assert reply.usage is not None
    assert (reply.usage.total_tokens, reply.usage.raw["queries"]) == (10, 1)
    assert reply.response_id == "chatcmpl-1"


def _check_prompts(server: LoopbackServer, recording: Recording) -> None:
    """A prompt is sent twice only if its nonce was rejected."""
    rejected = outcome_of(recording).error is NonceRejected
    no_nonce = recording.name.startswith("1.9.84")
    assert len(server.prompts) == (2 if rejected else 1)
    for prompt in server.prompts:
        assert prompt.headers.get("x-wp-nonce") == (None if no_nonce else _nonce_of(recording))
    assert "x-wp-nonce" not in server.requests[0].headers


_NONCES = {
    "3.6.2/application-password": "e5dd58413b",
    "3.8.1-hybrid/application-password": "0b9d2ca01f",
    "3.8.1-hybrid/chunked": "7da9deffc1",
    "3.8.1-hybrid/close-delimited": "dbdad02c16",
}


def _nonce_of(recording: Recording) -> str:
    return _NONCES.get(recording.name.rpartition("/")[0], "bcc9464d05")
