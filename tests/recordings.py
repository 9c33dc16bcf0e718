"""The recordings of real sites in `tests/wire`, and the expected outcome of each."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from chatgpt4online.errors import (
    ApprovalRequired,
    ChatError,
    IncompleteReply,
    LimitReached,
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
    """A recorded exchange. Its name is VERSION/FRONT/CASE."""

    name: str

    @property
    def version(self) -> str:
        return self.name.split("/", 1)[0]

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
        """The response headers by lower-case name, repeated ones joined by commas."""
        headers: dict[str, str] = {}
        for line in self.response.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
            name, _, value = line.partition(":")
            old = headers.get(name.lower())
            headers[name.lower()] = f"{old}, {value.strip()}" if old else value.strip()
        return headers

    @functools.cached_property
    def chunks(self) -> list[bytes]:
        """The body in the chunks it was sent in. A body that is not chunked is one chunk."""
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
        """Return the first of `cases` that was recorded on the same site, or None."""
        folder = self.name.rsplit("/", 1)[0]
        found = (Recording(f"{folder}/{case}") for case in cases)
        return next((item for item in found if (WIRE / f"{item.name}.response").exists()), None)


@dataclass(frozen=True)
class Outcome:
    """The expected outcome of a prompt.

    Attributes:
        text: The reply, or the part of it that arrived before the error.
        error: The expected exception; None for a complete reply.
        streamed: The text of the pieces, if it differs from the final text.
    """

    text: str = ""
    error: type[ChatError] | None = None
    streamed: str | None = None

    @property
    def pieces(self) -> str:
        """The text of all pieces."""
        return self.text if self.streamed is None else self.streamed


SHORT_HELLO = "You said: Hello (2 messages)"
_HISTORY = (
    '[["system", "Converse as if you were an AI assistant. Be friendly, creative."], '
    '["assistant", "Hi! How can I help you?"], ["user", "My name is Ann"], '
    '["assistant", "Hello Ann"], ["user", "HIST"]]'
)
_HYBRID_HISTORY = (
    '[["system", "Converse as if you were an AI assistant. Be friendly, creative."], '
    '["assistant", "Hi!"], ["user", "a"], ["assistant", "b"], ["user", "HIST"]]'
)
_LONG = "".join(f"tok{number} " for number in range(300))
_IMAGE = "[image data:image/png;base64,iVBORw0KGgoAAAANSU 122]"

OUTCOMES = {
    "stream-hello": Outcome(HELLO),
    "json-hello": Outcome(HELLO),
    "stream-bom": Outcome(HELLO),
    "json-bom": Outcome(HELLO),
    "stream-extras": Outcome(HELLO),
    "json-extras": Outcome("You said: EXTRAS (2 messages)"),
    "json-function": Outcome("You said: function said the value 42 (4 messages)"),
    "stream-events": Outcome(HELLO, streamed="YouTyped  said: Hello there (2 messages)"),
    "stream-badutf8": Outcome(HELLO, streamed="You: Hello there (2 messages)"),
    "stream-unicode": Outcome(UNICODE),
    "stream-long": Outcome(_LONG.rstrip(), streamed=_LONG),
    "stream-delay": Outcome("one two three four"),
    "stream-history": Outcome(_HISTORY),
    "stream-file": Outcome(f"You said: Look{_IMAGE} (2 messages)"),
    "stream-files": Outcome(f"You said: Look{_IMAGE}{_IMAGE} (2 messages)"),
    "stream-new_token": Outcome(SHORT_HELLO),
    "stream-with-cookie": Outcome(SHORT_HELLO),
    "stream-nocookie": Outcome(SHORT_HELLO),
    "stream-wrong-password": Outcome(SHORT_HELLO),  # WordPress treated the user as a guest
    "stream-approval": Outcome(error=ApprovalRequired),
    "stream-upstream-429": Outcome(error=ReplyError),
    "json-upstream-429": Outcome(error=ReplyError),
    "stream-upstream-cut": Outcome("You said: ", ReplyError),
    "stream-expired-response-id": Outcome(error=ReplyError),
    "stream-fatal": Outcome("You said", IncompleteReply),
    "json-wp_die": Outcome(error=StatusError),
    "stream-limit": Outcome(error=LimitReached),
    "stream-limit-string": Outcome(error=LimitReached),
    "json-limit": Outcome(error=LimitReached),
    "json-limit-string": Outcome(error=LimitReached),
    "stream-empty": Outcome(error=QueryRejected),
    "stream-empty-message": Outcome(error=QueryRejected),
    "no-bot": Outcome(error=QueryRejected),
    "stream-banned": Outcome(error=QueryRejected),
    "stream-too-long": Outcome(error=QueryRejected),
    "json-too-long": Outcome(error=ReplyError),  # the site gives no reason
    "stream-shortcut-bogus": Outcome(error=QueryRejected),
    "bad-json": Outcome(error=StatusError),
    "bad-nonce": Outcome(error=NonceRejected),
    "no-nonce": Outcome(error=NonceRejected),
    "stream-no-nonce": Outcome(error=NonceRejected),
    "stream-auth-page-nonce": Outcome(error=NonceRejected),
    # Responses to other requests. None of them may be taken for a reply.
    "api-unauthorized": Outcome(error=NonceRejected),
    "api-auth_check": Outcome(error=ProtocolError),
    "api-list_chatbots": Outcome(error=ProtocolError),
    "api-simple_chatbot_query": Outcome(error=ProtocolError),
    "api-simple_chatbot_query-2": Outcome(error=ProtocolError),
    "users-me": Outcome(error=ProtocolError),
    "wrong-password-users-me": Outcome(error=StatusError),
    "discussions-list": Outcome(error=ChatError),  # guests are told to sign in
    "discussions-list-search": Outcome(error=ProtocolError),
    "discussions-get": Outcome(error=ProtocolError),
    "discussions-get-after-truncate": Outcome(error=ProtocolError),
    "discussions-edit": Outcome(error=ProtocolError),
    "discussions-truncate": Outcome(error=ProtocolError),
    "discussions-delete": Outcome(error=ProtocolError),
    "discussions-delete-unknown": Outcome(error=NonceRejected),
    "files-delete": Outcome(error=ProtocolError),
    "files-list": Outcome(error=ChatError),  # the plugin crashed for guests
    "upload-png": Outcome(error=ProtocolError),
    "upload-exe": Outcome(error=QueryRejected),
}

_BY_VERSION = {
    ("1.9.84", "stream-too-long"): Outcome(f"You said: {'x' * 600} (2 messages)"),
    ("3.8.1-hybrid", "stream-hello"): Outcome(SHORT_HELLO),
    ("3.8.1-hybrid", "json-hello"): Outcome(SHORT_HELLO),
    ("3.8.1-hybrid", "stream-extras"): Outcome("You said: EXTRAS (2 messages)"),
    ("3.8.1-hybrid", "stream-history"): Outcome(_HYBRID_HISTORY),
    ("3.8.1-hybrid", "stream-long"): Outcome(_LONG.rstrip()),
    ("3.8.1-hybrid", "stream-fatal"): Outcome(SHORT_HELLO, IncompleteReply),
    ("3.8.1-hybrid", "stream-too-long"): Outcome(error=ReplyError),  # the site gives no reason
}

_SETUP_CASES = (
    "start_session",
    "start_session-bom",
    "restroute-start_session",
    "wrong-password-start_session",
    "page",
    "page-chat",
)


def outcome_of(recording: Recording) -> Outcome:
    """Return the expected outcome of a prompt that gets this recording as its response."""
    return _BY_VERSION.get((recording.version, recording.case)) or OUTCOMES[recording.case]


ALL = [
    Recording(str(path.relative_to(WIRE).with_suffix("")))
    for path in sorted(WIRE.glob("**/*.response"))
]
SUBMITS = [recording for recording in ALL if recording.case not in _SETUP_CASES]
"""All recordings that can be served as the response to a prompt, whatever their request was."""


def names(recordings: list[Recording]) -> list[str]:
    """Return the names of recordings, as test ids."""
    return [recording.name for recording in recordings]
