"""The model behind a local site: a function from a conversation to pieces of a reply."""

from __future__ import annotations

import inspect
import re
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import aclosing
from typing import Any

from ..models import Message

Bot = Callable[[Sequence[Message]], Iterable[str] | AsyncIterable[str] | Awaitable[Iterable[str]]]
"""A function that takes the messages, oldest first, and returns or yields the text of the reply.

An async function runs in the event loop of the site, any other in a thread.
"""


def offline_bot(messages: Sequence[Message]) -> Iterator[str]:
    """Repeat the prompt, word by word. Needs no network."""
    prompt = messages[-1].content
    words = len(prompt.split())
    reply = f"You said: {prompt} ({words} {'word' if words == 1 else 'words'}"
    if len(messages) > 1:
        reply += f", message {len(messages)} of this conversation"
    yield from re.findall(r"\s*\S+", reply + ")")


def is_async(bot: Bot) -> bool:
    """Return whether a bot is an async function or an object that is called like one."""
    return any(
        inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function)
        for function in (bot, type(bot).__call__)
    )


def write(bot: Bot, messages: Sequence[Message]) -> Generator[str, None, None]:
    """Yield the pieces of a reply of a plain function."""
    __tracebackhide__ = True
    pieces = _listed(bot(messages))
    try:
        for piece in pieces:
            yield _checked(piece)
    finally:
        if isinstance(pieces, Generator):
            pieces.close()


async def write_async(bot: Bot, messages: Sequence[Message]) -> AsyncGenerator[str, None]:
    """Yield the pieces of a reply of an async function."""
    __tracebackhide__ = True
    reply: Any = bot(messages)
    if inspect.isasyncgen(reply):
        async with aclosing(reply):
            async for piece in reply:
                yield _checked(piece)
    else:
        for piece in _listed(await reply):
            yield _checked(piece)


def _listed(reply: object) -> Iterable[object]:
    __tracebackhide__ = True
    if isinstance(reply, str):
        return [reply]
    if isinstance(reply, Iterable):
        return reply
    if inspect.iscoroutine(reply):
        reply.close()  # it would warn that it was never awaited
    raise TypeError(f"A bot returns or yields text; this one returned {kind_of(reply)}.")


def _checked(piece: object) -> str:
    __tracebackhide__ = True
    if not isinstance(piece, str):
        raise TypeError(f"A bot yields text; this one yielded {kind_of(piece)}.")
    return piece


def kind_of(value: object) -> str:
    """Return the type of a value in words."""
    name = type(value).__name__.replace("_", " ")
    return "None" if value is None else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
