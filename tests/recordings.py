"""The recordings of real sites in `tests/wire`, and what each answer to a prompt means."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from chatgpt4online.errors import (
    ChatError,
    IncompleteReply,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    StatusError,
)

WIRE = Path(__file__).parent / "wire"

HELLO = "You said: Hello there (2 messages)"
UNICODE = (
    'Привет! \U0001f469\u200d\U0001f469\u200d\U0001f467 ok \u2028line2\n"q" \\ /slash </script>'
)


@dataclass(frozen=True)
class Recording:
    """One recorded exchange; `name` is VERSION/FRONT/CASE."""

    name: str

    @property
    def case(self) -> str:
        return self.name.rsplit("/", 1)[1]

    @functools.cached_property
    def response(self) -> bytes:
        return (WIRE / f"{self.name}.response").read_bytes()

    @functools.cached_property
    def status(self) -> int:
        return int(self.response.split(b" ", 2)[1])

    @functools.cached_property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name, as a transport hands them to the core."""
        headers: dict[str, str] = {}
        for line in self.response.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
            name, _, value = line.partition(":")
            old = headers.get(name.lower())
            headers[name.lower()] = f"{old}, {value.strip()}" if old else value.strip()
        return headers

    @functools.cached_property
    def chunks(self) -> list[bytes]:
        """The body in the chunks of its framing; one chunk where it has none."""
        body = self.response.partition(b"\r\n\r\n")[2]
        if self.headers.get("transfer-encoding") != "chunked":
            return [body]
        chunks: list[bytes] = []
        while True:
            size, _, body = body.partition(b"\r\n")
            if int(size, 16) == 0:
                return chunks
            chunks.append(body[: int(size, 16)])
            body = body[int(size, 16) + 2 :]

    @functools.cached_property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def sibling(self, *cases: str) -> Recording | None:
        """The first of `cases` that was recorded on the same site; None where none was."""
        folder = self.name.rsplit("/", 1)[0]
        found = (Recording(f"{folder}/{case}") for case in cases)
        return next((item for item in found if (WIRE / f"{item.name}.response").exists()), None)


@dataclass(frozen=True)
class Outcome:
    """What a client must make of an answer to a prompt.

    `text` is that of the reply, or the part of it that had arrived before `error`.
    """

    text: str = ""
    error: type[ChatError] | None = None
    streamed: str | None = None

    @property
    def pieces(self) -> str:
        """The pieces of a stream, joined."""
        return self.text if self.streamed is None else self.streamed


_HISTORY = (
    '[["system", "Converse as if you were an AI assistant. Be friendly, creative."], '
    '["assistant", "Hi! How can I help you?"], ["user", "My name is Ann"], '
    '["assistant", "Hello Ann"], ["user", "HIST"]]'
)

_LONG = "".join(f"tok{number} " for number in range(300))

OUTCOMES = {
    "stream-hello": Outcome(HELLO),
    "json-hello": Outcome(HELLO),
    "stream-bom": Outcome(HELLO),
    "json-bom": Outcome(HELLO),
    "stream-extras": Outcome(HELLO),
    "stream-events": Outcome(HELLO, streamed="YouTyped  said: Hello there (2 messages)"),
    "stream-badutf8": Outcome(HELLO, streamed="You: Hello there (2 messages)"),
    "stream-unicode": Outcome(UNICODE),
    "stream-long": Outcome(_LONG.rstrip(), streamed=_LONG),
    "stream-delay": Outcome("one two three four"),
    "stream-history": Outcome(_HISTORY),
    "stream-new_token": Outcome("You said: Hello (2 messages)"),
    "stream-with-cookie": Outcome("You said: Hello (2 messages)"),
    "stream-nocookie": Outcome("You said: Hello (2 messages)"),
    "stream-upstream-429": Outcome(error=ReplyError),
    "json-upstream-429": Outcome(error=ReplyError),
    "stream-upstream-cut": Outcome("You said: ", ReplyError),
    "stream-fatal": Outcome("You said", IncompleteReply),
    "stream-empty": Outcome(error=QueryRejected),
    "no-bot": Outcome(error=QueryRejected),
    "stream-banned": Outcome(error=QueryRejected),
    "stream-too-long": Outcome(error=QueryRejected),
    "stream-shortcut-bogus": Outcome(error=QueryRejected),
    "bad-json": Outcome(error=StatusError),
    "bad-nonce": Outcome(error=NonceRejected),
    "no-nonce": Outcome(error=NonceRejected),
    "stream-no-nonce": Outcome(error=NonceRejected),
    # Answers to other questions, here given to a prompt: nothing that could be a reply.
    "api-unauthorized": Outcome(error=NonceRejected),
    "api-auth_check": Outcome(error=ProtocolError),
    "api-list_chatbots": Outcome(error=ProtocolError),
    "api-simple_chatbot_query": Outcome(error=ProtocolError),
    "discussions-list": Outcome(error=ChatError),
    "discussions-edit": Outcome(error=ChatError),
    "discussions-delete": Outcome(error=ChatError),
    "files-delete": Outcome(error=ChatError),
    "files-list": Outcome(error=ChatError),
    "upload-png": Outcome(error=ProtocolError),
    "upload-exe": Outcome(error=QueryRejected),
}

_BY_NAME = {
    "1.9.84/close-delimited/stream-too-long": Outcome(f"You said: {'x' * 600} (2 messages)"),
}

_SETUP_CASES = (
    "start_session",
    "start_session-bom",
    "restroute-start_session",
    "page",
    "page-chat",
)


def outcome_of(recording: Recording) -> Outcome:
    return _BY_NAME.get(recording.name) or OUTCOMES[recording.case]


ALL = [
    Recording(str(path.relative_to(WIRE).with_suffix("")))
    for path in sorted(WIRE.glob("**/*.response"))
]
SUBMITS = [recording for recording in ALL if recording.case not in _SETUP_CASES]


def names(recordings: list[Recording]) -> list[str]:
    """Test ids."""
    return [recording.name for recording in recordings]
