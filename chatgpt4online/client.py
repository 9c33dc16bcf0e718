"""The sync client, on requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Self, TypeVar

import requests

from .base_client import BaseClient
from .errors import TransportError
from .messages import Event, Reply, TextEvent
from .protocol.exchanges import Exchange, Request
from .protocol.opening import SessionOpening
from .protocol.prompt import PromptInput
from .protocol.turn import Turn
from .reply_stream import BaseReplyStream, interrupted, raise_interrupted
from .retries import retrying_options
from .settings import Deadline
from .transport import Answer, Transport

_Opened = TypeVar("_Opened")


class Client(BaseClient[requests.Session]):
    __doc__ = BaseClient.__doc__

    def _connect(self, session: requests.Session | None) -> None:
        self._transport = Transport(self._settings, session)
        self._opening = Lock()

    def generate(self, prompt: PromptInput, **options: Any) -> Reply:
        """Send a prompt and return the complete reply.

        Args:
            prompt: a text, or messages (`Message`, or dicts with role and content), oldest
                first and the user's last.
            options: parameters of the chatbot: model, temperature, max_tokens, instructions,
                or any other by the plugin's own name. ``stream=False`` asks the site for one
                JSON answer in place of events.

        Raises:
            ChatError: see `chatgpt4online.errors` for each kind.
        """
        with self.stream(prompt, **options) as stream:
            for _ in stream.events():
                pass
            return stream.reply

    def stream(self, prompt: PromptInput, **options: Any) -> ReplyStream:
        """Send a prompt and return its reply as it arrives, once the site has accepted it.

        The arguments and errors are those of `generate`.
        """
        turn, answer = self._retrying(self._open, self._turn_maker(prompt, options))
        return ReplyStream(turn, answer, self._transport)

    def open_session(self) -> str | None:
        """Open a session now, where none is open, rather than with the first prompt.

        Returns:
            The nonce in use; None on a site that needs none.

        Raises:
            ChatError: as for `generate`.
        """
        self._retrying(self._open_session)
        session = self._site.session
        return session.nonce if session else None

    def close(self) -> None:
        """Close the connections; an injected session stays open."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _retrying(self, opening: Callable[..., _Opened], *arguments: Any) -> _Opened:
        """Call ``opening(*arguments, deadline)``, again where the policy allows it."""
        from tenacity import Retrying

        self._check_open()
        deadline = Deadline(self._timeout.total)
        retrying = Retrying(**retrying_options(self._retry, self._timeout.total))
        return retrying(opening, *arguments, deadline)

    def _open(self, make_turn: Callable[[], Turn], deadline: Deadline) -> tuple[Turn, Answer]:
        """Send a turn; return it with its answer once the site has accepted it."""
        turn = make_turn()
        while True:
            self._open_session(deadline)
            request = turn.next_request()
            assert request is not None
            answer = self._send(turn, request, deadline)
            if turn.accepted:
                return turn, answer
            self._read_all(turn, answer)
            if turn.finished:
                turn.result()

    def _open_session(self, deadline: Deadline) -> None:
        """Open a session where none is open; of several threads only one does so."""
        if self._site.session is not None:
            return
        with self._opening:
            if self._site.session is None:
                exchange = SessionOpening(self._site, self._limits)
                while (request := exchange.next_request()) is not None:
                    self._read_all(exchange, self._send(exchange, request, deadline))

    def _send(self, exchange: Exchange, request: Request, deadline: Deadline) -> Answer:
        try:
            answer = self._transport.send(request, self._headers(request), deadline)
        except TransportError as error:
            raise_interrupted(exchange, error)
        exchange.receive_head(answer.status, answer.headers)
        return answer

    def _read_all(self, exchange: Exchange, answer: Answer) -> None:
        try:
            while data := answer.read():
                exchange.receive_data(data)
        except TransportError as error:
            raise_interrupted(exchange, error)
        finally:
            answer.close()
        exchange.receive_eof()


class ReplyStream(BaseReplyStream, Iterator[str]):
    """A reply while it arrives. Iterate it for the pieces of the text.

    Use it as a context manager, or call `close`, where it may not be read to its end. Reading
    raises what went wrong, once all that had arrived before is handed out.
    """

    def __init__(self, turn: Turn, answer: Answer, transport: Transport) -> None:
        super().__init__(turn)
        self._answer: Answer | None = answer
        self._transport = transport
        self.owner: Client | None = None
        """A client that is closed with the stream; None where it goes on."""

    def __next__(self) -> str:
        while (event := self._next_event()) is not None:
            if isinstance(event, TextEvent):
                return event.text
        raise StopIteration

    def events(self) -> Iterator[Event]:
        """Return the events of the reply, text and all else, from here on."""
        while (event := self._next_event()) is not None:
            yield event

    def close(self) -> None:
        """End the reading. A reply that is not complete by now stays incomplete."""
        answer, self._answer = self._answer, None
        self._ready.clear()
        if answer is not None:
            if self._turn.succeeded:
                self._transport.linger(answer)
            else:
                answer.close()
        if self.owner is not None:
            self.owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _next_event(self) -> Event | None:
        while not self._ready:
            if self._answer is None:
                return None
            if self._turn.finished:
                self.close()
                self._turn.result()
                return None
            self._read(self._answer)
        return self._ready.popleft()

    def _read(self, answer: Answer) -> None:
        try:
            self._take(answer.read())
        except TransportError as error:
            # What the turn makes of it is raised when all that arrived is handed out.
            interrupted(self._turn, error)
        except BaseException:
            self.close()
            raise
