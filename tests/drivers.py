"""Both clients behind one blocking interface, so that each test is written only once."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, Self

from chatgpt4online import AsyncClient, AsyncConversation, AsyncReplyStream, Client, RetryPolicy
from chatgpt4online.models import Event, Reply

NO_RETRY = RetryPolicy(attempts=1, max_retry_after=0)
NO_BACKOFF = RetryPolicy(backoff=0)


class Driver(Protocol):
    """Creates sync or async clients."""

    name: str

    def client(self, *arguments: Any, **options: Any) -> Any:
        """Return a sync client, or an async one with the interface of a sync one."""
        ...

    def together(self, client: Any, count: int) -> list[Reply]:
        """Send `count` prompts concurrently on one client."""
        ...

    def one_after_the_other(self, client: Any, begin: threading.Event) -> list[str]:
        """Send a prompt, and another one once `begin` is set. Return the texts of the replies."""
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

    def one_after_the_other(self, client: Any, begin: threading.Event) -> list[str]:
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(client.generate, "One")
            assert begin.wait(20)
            second = client.generate("Two")
            return [first.result().text, second.text]

    def close(self) -> None:
        pass


class AsyncDriver:
    name = "async"

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def client(self, *arguments: Any, **options: Any) -> Any:
        return _BlockingWrapper(self.runner, AsyncClient(*arguments, **options))

    def together(self, client: Any, count: int) -> list[Reply]:
        inner = client.inner

        async def send_all() -> list[Reply]:
            calls = (inner.generate(f"Prompt {n}") for n in range(count))
            return list(await asyncio.gather(*calls))

        replies: list[Reply] = self.runner.run(send_all())
        return replies

    def one_after_the_other(self, client: Any, begin: threading.Event) -> list[str]:
        inner = client.inner

        async def send_both() -> list[str]:
            first = asyncio.create_task(inner.generate("One"))
            assert await asyncio.to_thread(begin.wait, 20)
            second = await inner.generate("Two")
            return [(await first).text, second.text]

        texts: list[str] = self.runner.run(send_both())
        return texts

    def close(self) -> None:
        loop = self.runner.get_loop()
        self.runner.run(_finish_cancelled_tasks())
        leaked = asyncio.all_tasks(loop)
        self.runner.close()
        assert not leaked, f"leaked tasks: {leaked}"


class _BlockingWrapper:
    """An async client or conversation with the interface of a sync one."""

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

    def _adapt(self, value: Any) -> Any:
        if inspect.iscoroutine(value):
            return self._adapt(self._runner.run(value))
        if inspect.isasyncgen(value):
            return iter(self._runner.run(_collect(value)))
        if isinstance(value, AsyncReplyStream):
            return _BlockingStream(self._runner, self._runner.run(_open(value)))
        if isinstance(value, AsyncConversation | AsyncClient):
            return _BlockingWrapper(self._runner, value)
        return value


async def _finish_cancelled_tasks() -> None:
    """Let tasks that were cancelled just now end."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    if tasks:
        await asyncio.wait(tasks, timeout=5)


async def _open(stream: AsyncReplyStream) -> AsyncReplyStream:
    return await stream


async def _collect(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


class _BlockingStream:
    """An async stream with the interface of a sync one."""

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
        self._runner.run(self._inner.aclose())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
