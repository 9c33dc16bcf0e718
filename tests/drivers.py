"""Both clients behind one blocking face, so that each behaviour is tested once for both."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, Self

from chatgpt4online import AsyncClient, AsyncConversation, AsyncReplyStream, Client
from chatgpt4online.models import Event, Reply


class Driver(Protocol):
    """Makes clients of one kind."""

    name: str

    def client(self, *arguments: Any, **options: Any) -> Any:
        """Return a client, or what looks like a sync one."""
        ...

    def together(self, client: Any, count: int) -> list[Reply]:
        """Ask `count` prompts at once on one client."""
        ...

    def close(self) -> None: ...


class SyncDriver:
    name = "sync"

    def client(self, *arguments: Any, **options: Any) -> Any:
        return Client(*arguments, **options)

    def together(self, client: Any, count: int) -> list[Reply]:
        with ThreadPoolExecutor(count) as pool:
            replies: list[Reply] = list(
                pool.map(client.generate, [f"Prompt {n}" for n in range(count)])
            )
        return replies

    def close(self) -> None:
        pass


class AsyncDriver:
    name = "async"

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def client(self, *arguments: Any, **options: Any) -> Any:
        return _AsyncFace(self.runner, AsyncClient(*arguments, **options))

    def together(self, client: Any, count: int) -> list[Reply]:
        inner = client.inner

        async def ask_all() -> list[Reply]:
            asked = (inner.generate(f"Prompt {n}") for n in range(count))
            return list(await asyncio.gather(*asked))

        replies: list[Reply] = self.runner.run(ask_all())
        return replies

    def close(self) -> None:
        loop = self.runner.get_loop()
        self.runner.run(_ended())
        leaked = asyncio.all_tasks(loop)
        self.runner.close()
        assert not leaked, f"tasks are left: {leaked}"


class _AsyncFace:
    """An async client or conversation that looks like a sync one."""

    def __init__(self, runner: asyncio.Runner, inner: Any) -> None:
        self.inner = inner
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if not callable(value):
            return value
        return lambda *arguments, **options: self._adapt(value(*arguments, **options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._runner.run(self.inner.close())

    def _adapt(self, made: Any) -> Any:
        if inspect.iscoroutine(made):
            return self._adapt(self._runner.run(made))
        if inspect.isasyncgen(made):
            return iter(self._runner.run(_collected(made)))
        if isinstance(made, AsyncReplyStream):
            return _AsyncStreamFace(self._runner, self._runner.run(_opened(made)))
        if isinstance(made, AsyncConversation):
            return _AsyncFace(self._runner, made)
        return made


async def _ended() -> None:
    """Let what was cancelled last come to its end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=5)


async def _opened(stream: AsyncReplyStream) -> AsyncReplyStream:
    return await stream


async def _collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


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
