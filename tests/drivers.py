"""Both clients behind one blocking face, so that each behaviour is tested once for both."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, Self

from chatgpt4online import AsyncClient, AsyncReplyStream, Client
from chatgpt4online.messages import Event, Reply


class Stream(Protocol):
    """The face of a reply that arrives; it is open from the start."""

    def __iter__(self) -> Iterator[str]: ...
    def __next__(self) -> str: ...
    def events(self) -> Iterator[Event]: ...
    @property
    def text(self) -> str: ...
    @property
    def reply(self) -> Reply: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...


class ClientFace(Protocol):
    """The face of a client."""

    def generate(self, prompt: Any, **options: Any) -> Reply: ...
    def stream(self, prompt: Any, **options: Any) -> Stream: ...
    def open_session(self) -> str | None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...


class Driver(Protocol):
    """Makes clients of one kind."""

    name: str

    def client(self, *arguments: Any, **options: Any) -> ClientFace: ...
    def together(self, client: ClientFace, count: int) -> list[Reply]:
        """Ask `count` prompts at once on one client."""
        ...

    def close(self) -> None: ...


class SyncDriver:
    name = "sync"

    def client(self, *arguments: Any, **options: Any) -> ClientFace:
        return Client(*arguments, **options)

    def together(self, client: ClientFace, count: int) -> list[Reply]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(client.generate, [f"Prompt {n}" for n in range(count)]))

    def close(self) -> None:
        pass


class AsyncDriver:
    name = "async"

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def client(self, *arguments: Any, **options: Any) -> ClientFace:
        return _AsyncFace(self.runner, AsyncClient(*arguments, **options))

    def together(self, client: ClientFace, count: int) -> list[Reply]:
        assert isinstance(client, _AsyncFace)
        inner = client.inner

        async def ask_all() -> list[Reply]:
            return await asyncio.gather(*(inner.generate(f"Prompt {n}") for n in range(count)))

        return self.runner.run(ask_all())

    def close(self) -> None:
        loop = self.runner.get_loop()
        leaked = asyncio.all_tasks(loop)
        self.runner.close()
        assert not leaked, f"tasks are left: {leaked}"


class _AsyncFace:
    def __init__(self, runner: asyncio.Runner, inner: AsyncClient) -> None:
        self.inner = inner
        self._runner = runner

    def generate(self, prompt: Any, **options: Any) -> Reply:
        return self._runner.run(self.inner.generate(prompt, **options))

    def stream(self, prompt: Any, **options: Any) -> Stream:
        async def opened() -> AsyncReplyStream:
            return await self.inner.stream(prompt, **options)

        return _AsyncStreamFace(self._runner, self._runner.run(opened()))

    def open_session(self) -> str | None:
        return self._runner.run(self.inner.open_session())

    def close(self) -> None:
        self._runner.run(self.inner.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _AsyncStreamFace:
    def __init__(self, runner: asyncio.Runner, inner: AsyncReplyStream) -> None:
        self._inner = inner
        self._runner = runner

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        async def step() -> str | None:
            with contextlib.suppress(StopAsyncIteration):
                return await anext(self._inner)
            return None

        piece = self._runner.run(step())
        if piece is None:
            raise StopIteration
        return piece

    def events(self) -> Iterator[Event]:
        events = self._inner.events()

        async def step() -> Event | None:
            with contextlib.suppress(StopAsyncIteration):
                return await anext(events)
            return None

        while (event := self._runner.run(step())) is not None:
            yield event

    @property
    def text(self) -> str:
        return self._inner.text

    @property
    def reply(self) -> Reply:
        return self._inner.reply

    def close(self) -> None:
        self._runner.run(self._inner.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
