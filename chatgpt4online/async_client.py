"""The async client, on aiohttp."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from typing import Any, Self, TypeVar

import aiohttp

from .async_transport import AsyncAnswer, AsyncTransport
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

_Opened = TypeVar("_Opened")


class AsyncClient(BaseClient[aiohttp.ClientSession]):
    __doc__ = BaseClient.__doc__

    def _connect(self, session: aiohttp.ClientSession | None) -> None:
        self._transport = AsyncTransport(self._settings, session)
        self._opening = Lock()

    async def generate(self, prompt: PromptInput, **options: Any) -> Reply:
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
        async with self.stream(prompt, **options) as stream:
            async for _ in stream.events():
                pass
            return stream.reply

    def stream(self, prompt: PromptInput, **options: Any) -> AsyncReplyStream:
        """Return the reply to a prompt as it arrives.

        The prompt is sent when the stream is first iterated, entered or awaited; after
        ``await client.stream(prompt)`` the site has accepted it. The arguments and errors are
        those of `generate`.
        """
        self._check_open()
        make_turn = self._turn_maker(prompt, options)
        return AsyncReplyStream(
            make_turn(), lambda: self._retrying(self._open, make_turn), self._transport
        )

    async def open_session(self) -> str | None:
        """Open a session now, where none is open, rather than with the first prompt.

        Returns:
            The nonce in use; None on a site that needs none.

        Raises:
            ChatError: as for `generate`.
        """
        await self._retrying(self._open_session)
        session = self._site.session
        return session.nonce if session else None

    async def close(self) -> None:
        """Close the connections; an injected session stays open."""
        self._closed = True
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _retrying(
        self, opening: Callable[..., Awaitable[_Opened]], *arguments: Any
    ) -> _Opened:
        """Call ``opening(*arguments, deadline)``, again where the policy allows it."""
        from tenacity import AsyncRetrying

        self._check_open()
        deadline = Deadline(self._timeout.total)
        retrying = AsyncRetrying(**retrying_options(self._retry, self._timeout.total))
        return await retrying(opening, *arguments, deadline)

    async def _open(
        self, make_turn: Callable[[], Turn], deadline: Deadline
    ) -> tuple[Turn, AsyncAnswer]:
        """Send a turn; return it with its answer once the site has accepted it."""
        turn = make_turn()
        while True:
            await self._open_session(deadline)
            request = turn.next_request()
            assert request is not None
            answer = await self._send(turn, request, deadline)
            if turn.accepted:
                return turn, answer
            await self._read_all(turn, answer)
            if turn.finished:
                turn.result()

    async def _open_session(self, deadline: Deadline) -> None:
        """Open a session where none is open; of several tasks only one does so."""
        if self._site.session is not None:
            return
        async with self._opening:
            if self._site.session is None:
                exchange = SessionOpening(self._site, self._limits)
                while (request := exchange.next_request()) is not None:
                    answer = await self._send(exchange, request, deadline)
                    await self._read_all(exchange, answer)

    async def _send(self, exchange: Exchange, request: Request, deadline: Deadline) -> AsyncAnswer:
        try:
            answer = await self._transport.send(request, self._headers(request), deadline)
        except TransportError as error:
            raise_interrupted(exchange, error)
        exchange.receive_head(answer.status, answer.headers)
        return answer

    async def _read_all(self, exchange: Exchange, answer: AsyncAnswer) -> None:
        try:
            while data := await answer.read():
                exchange.receive_data(data)
        except TransportError as error:
            raise_interrupted(exchange, error)
        finally:
            answer.close()
        exchange.receive_eof()


class AsyncReplyStream(BaseReplyStream, AsyncIterator[str]):
    """A reply while it arrives. Iterate it for the pieces of the text.

    Use it with ``async with``, or call `close`, where it may not be read to its end. Awaiting
    it opens it. Reading raises what went wrong, once all that had arrived before is handed out.
    """

    def __init__(
        self,
        turn: Turn,
        open_turn: Callable[[], Awaitable[tuple[Turn, AsyncAnswer]]],
        transport: AsyncTransport,
    ) -> None:
        super().__init__(turn)
        self._open_turn: Callable[[], Awaitable[tuple[Turn, AsyncAnswer]]] | None = open_turn
        self._answer: AsyncAnswer | None = None
        self._transport = transport
        self.owner: AsyncClient | None = None
        """A client that is closed with the stream; None where it goes on."""

    async def __anext__(self) -> str:
        while (event := await self._next_event()) is not None:
            if isinstance(event, TextEvent):
                return event.text
        raise StopAsyncIteration

    async def events(self) -> AsyncIterator[Event]:
        """Return the events of the reply, text and all else, from here on."""
        while (event := await self._next_event()) is not None:
            yield event

    async def close(self) -> None:
        """End the reading. A reply that is not complete by now stays incomplete."""
        self._open_turn = None
        answer, self._answer = self._answer, None
        self._ready.clear()
        if answer is not None:
            if self._turn.succeeded:
                self._transport.linger(answer)
            else:
                answer.close()
        if self.owner is not None:
            await self.owner.close()

    def __del__(self) -> None:
        # A loop that is left by `break` has no other way to give the connection up.
        if self._answer is not None:
            self._answer.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self._opened().__await__()

    async def __aenter__(self) -> Self:
        return await self._opened()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _opened(self) -> Self:
        open_turn, self._open_turn = self._open_turn, None
        if open_turn is not None:
            try:
                self._turn, self._answer = await open_turn()
            except BaseException:
                await self.close()
                raise
        return self

    async def _next_event(self) -> Event | None:
        if self._open_turn is not None:
            await self._opened()
        while not self._ready:
            if self._answer is None:
                return None
            if self._turn.finished:
                await self.close()
                self._turn.result()
                return None
            await self._read(self._answer)
        return self._ready.popleft()

    async def _read(self, answer: AsyncAnswer) -> None:
        try:
            self._take(await answer.read())
        except TransportError as error:
            # What the turn makes of it is raised when all that arrived is handed out.
            interrupted(self._turn, error)
        except BaseException:
            await self.close()
            raise
