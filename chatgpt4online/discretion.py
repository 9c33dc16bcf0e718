"""Keeping secrets out of tracebacks.

Error trackers show the local variables of every frame that an error has passed. Among those of
a failed call are prompts, nonces and passwords, so the frames are emptied before the error
leaves the library.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, ParamSpec, TypeVar, cast

_P = ParamSpec("_P")
_R = TypeVar("_R")

_CO_COROUTINE = 0x80
"""That of `inspect`, whose import takes 3 ms."""
_SENT_BY = {"aiohttp", "chatgpt4online", "requests", "tenacity", "urllib3", "yarl"}
_EMPTIED = _SENT_BY | sys.stdlib_module_names


def discreet(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Have the errors of a function, or of a coroutine function, keep no local variables.

    The frames stay, with their lines; those of the caller are not touched.
    """
    if getattr(function, "__code__").co_flags & _CO_COROUTINE:  # noqa: B009
        return cast("Callable[_P, _R]", _discreet_coroutine(function))

    @functools.wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            empty_frames(error)
            raise

    return call


def _discreet_coroutine(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await function(*args, **kwargs)
        except BaseException as error:
            del args, kwargs
            empty_frames(error)
            raise

    return call


def empty_frames(error: BaseException) -> None:
    """Clear the local variables that the tracebacks of an error and of its causes hold.

    Only the frames of this library, of those that it sends by and of Python's own are cleared.
    """
    for raised in _raised_meanwhile(error):
        if raised.__suppress_context__ and raised.__cause__ is None:
            raised.__context__ = None  # it was left out because of what it holds
        step = raised.__traceback__
        while step is not None:
            if _is_ours(step.tb_frame):
                with contextlib.suppress(RuntimeError):  # it is still running
                    step.tb_frame.clear()
            step = step.tb_next


def without_texts(error: BaseException) -> BaseException:
    """Return an error of an HTTP library without the texts in it, and in those that it is from.

    They quote what came over the wire, in which a site can echo what it was sent; and some hold
    the request. The kind of the error stays, and what the operating system said.
    """
    for raised in _raised_meanwhile(error):
        kinds = {kind.__module__.partition(".")[0] for kind in type(raised).__mro__}
        if not isinstance(raised, OSError) or kinds & {"aiohttp", "requests"}:
            _strip(raised)
    return error


def _raised_meanwhile(error: BaseException) -> Iterator[BaseException]:
    """Give an error and all that it is from, or holds, save for what the caller was handling."""
    left: list[object] = [error]
    seen = set()
    while left:
        found = left.pop()
        if not isinstance(found, BaseException) or id(found) in seen:
            continue
        seen.add(id(found))
        outermost = found.__traceback__
        if outermost is None or _is_ours(outermost.tb_frame):
            left += (found.__cause__, found.__context__, *found.args, *vars(found).values())
            yield found


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in _EMPTIED


def _strip(error: BaseException) -> None:
    error.args = tuple(item for item in error.args if isinstance(item, int | BaseException))
    for name, value in vars(error).items():
        if isinstance(value, str | bytes):
            setattr(error, name, type(value)())
        elif name in ("request", "response", "headers", "history"):
            setattr(error, name, None)
        elif name == "request_info":  # aiohttp's own text of the error needs one
            headers = value.headers.copy()
            headers.clear()
            bare = type(value)(value.url, value.method, type(value.headers)(headers), value.url)
            setattr(error, name, bare)
