"""Sites and bots for the tests of the chat page."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence

import requests

from chatgpt4online import Message
from chatgpt4online.server import LocalSite

from ..loopback import SESSION, WAIT_LIMIT, Connection, Received, live, response

GREETING = "Hi! How can I help you?"
CUT = response(live("Half of"), 200, "Content-Type: text/event-stream", length=False)
OPENED = response(SESSION, 200, "Connection: close")
GOES_ON = b": goes on"
"""The end of an answer after which the site leaves the connection open."""


class ScriptedSite:
    """Handles requests as a site with the chat page that gives one answer to all messages."""

    def __init__(self, page: LocalSite, answer: bytes, session: bytes = OPENED) -> None:
        self._page = page
        self._answer = answer
        self._session = session

    def __call__(self, connection: Connection, request: Received) -> None:
        if "start_session" in request.target:
            connection.send(self._session)
            connection.close()
        elif "submit" in request.target:
            connection.send(self._answer)
            if self._answer.endswith(GOES_ON):
                connection.wait_closed()
            connection.close()
        else:
            found = requests.get(self._page.url + request.target, timeout=WAIT_LIMIT)
            kind = f"Content-Type: {found.headers['Content-Type']}"
            connection.send(response(found.content, found.status_code, kind))


class HandFedBot:
    """Replies with the pieces that a test gives it, when the test gives them."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __call__(self, messages: Sequence[Message]) -> Iterator[str]:
        while (piece := self._pieces.get(timeout=WAIT_LIMIT)) is not None:
            yield piece
        self._ended.put(None)

    def give(self, *pieces: str | None) -> None:
        """Give pieces of a reply; None ends it."""
        for piece in pieces:
            self._pieces.put(piece)

    def finish(self, *pieces: str) -> None:
        """Give the last pieces of the first reply that has not ended, and wait for its end."""
        self.give(*pieces, None)
        self._ended.get(timeout=WAIT_LIMIT)


def saying(text: str) -> HandFedBot:
    """Return a bot that says a text once."""
    bot = HandFedBot()
    bot.give(text, None)
    return bot
