"""A local site whose replies and faults are scripted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from ..errors import UsageError
from ..models import Event
from ..server import Bot, LocalSite, offline_bot
from ..server.replies import hang_up
from .events import encode_events
from .faults import Fault, make_fault, raw_answer
from .received import ReceivedRequest, receive
from .script import BotFailed, Respond, Script, Step, Target

_LONGEST_SOURCE = 70


class ScriptedSite:
    """An AI Engine site on a free loopback port with scripted replies; a context manager.

    Each prompt that the site accepts gets the next scripted reply. If there is none, the bot
    replies. The site runs in a thread of its own, for sync and async code alike.

    Args:
        bot: The bot that replies to prompts without a scripted reply.
        options: The other options of `LocalSite`.

    Raises:
        UsageError: The bot is not a function.
    """

    def __init__(self, *, bot: Bot = offline_bot, **options: Any) -> None:
        self._script = Script(bot)
        self._requests: list[ReceivedRequest] = []
        self._site = LocalSite(bot=self._script.bot, **options)
        self._site.app.respond = self._script.respond
        self._site.app.middlewares.append(self._receive)

    def __enter__(self) -> Self:
        self._site.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._site.__exit__(*exc_info)

    @property
    def url(self) -> str:
        """The address of the site."""
        return self._site.url

    @property
    def requests(self) -> list[ReceivedRequest]:
        """All requests so far, in order of arrival."""
        return list(self._requests)

    @property
    def prompts(self) -> list[str]:
        """The messages of the prompts so far, as often as each was sent."""
        return [request.prompt for request in self._requests if request.prompt is not None]

    @property
    def uploads(self) -> list[dict[str, Any]]:
        """The files that the site has, each with its id, filename, type, size, purpose and URL."""
        return list(self._site.app.files.uploads.values())

    def reply(
        self,
        *pieces: str,
        events: Iterable[Event | Mapping[str, Any]] | None = None,
        raw: bytes | None = None,
    ) -> None:
        """Script the reply to the next prompt: a text, events or raw bytes.

        Args:
            pieces: The text, in the pieces in which it is streamed.
            events: Events of the library, or dicts that are sent as they are. An end is added
                if there is none.
            raw: The body of the response.

        Raises:
            UsageError: A piece is not text, or an event is not one, or there is not exactly one of
                the three.
        """
        answer = _read_reply(pieces, events, raw)
        given = {name: value for name, value in (("events", events), ("raw", raw)) if value}
        self._script.steps.append(Step(_source("reply", *pieces, **given), answer))

    def fail(
        self,
        fault: Fault,
        *,
        on: Target = "prompt",
        after: str | None = None,
        message: str | None = None,
        retry_after: int | None = None,
        tool: str | None = None,
    ) -> None:
        """Script a fault for the next prompt, or for another request.

        Args:
            fault: ``refuse``, ``stall``, ``cut``, ``error``, ``rejected``, ``usage_limit``,
                ``approval``, ``stale_nonce``, ``bot_wall`` or ``429``.
            on: ``session`` is the next opening of a session, and ``upload`` the next upload of a
                file. They have the faults ``refuse``, ``stall``, ``bot_wall`` and ``429``.
            after: The text that arrives before the fault, if it is ``stall``, ``cut`` or ``error``.
            message: What the site says, if the fault is ``error``.
            retry_after: Seconds to wait, if the fault is ``429``. Default: the site does not say.
            tool: The tool that needs an approval, if the fault is ``approval``.

        Raises:
            UsageError: There is no such fault, or it does not take one of the arguments.
        """
        options = {"after": after, "message": message, "retry_after": retry_after, "tool": tool}
        answer = make_fault(fault, on, **options)
        given = {name: value for name, value in options.items() if value is not None}
        if on != "prompt":
            given["on"] = on
        self._script.steps.append(Step(_source("fail", fault, **given), answer, on))

    @property
    def unused(self) -> str:
        """A sentence on the scripted replies that nothing has asked for, or an empty string."""
        left = ", ".join(step.source for step in self._script.steps)
        count = len(self.prompts)
        received = f"{count} prompt{'' if count == 1 else 's'}"
        return f"The site received {received}, and nothing asked for {left}." if left else ""

    def check_bot(self) -> None:
        """Raise the exception that the bot has raised, if any."""
        __tracebackhide__ = True
        self._script.raise_mistake()

    def verify(self) -> None:
        """Check that the bot raised nothing and that each scripted reply was asked for.

        Raises:
            AssertionError: Scripted replies are left.
            Exception: Whatever the bot has raised.
        """
        __tracebackhide__ = True
        self.check_bot()
        if self.unused:
            raise AssertionError(self.unused)

    @web.middleware
    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._requests.append(await receive(request))
        interruption = await self._script.interrupt(request)
        if interruption is not None:
            return interruption
        try:
            return await handler(request)
        except BotFailed:  # the test is told; the server need not log it
            hang_up(request)
            return web.Response()


def _read_reply(
    pieces: Sequence[str], events: Iterable[Event | Mapping[str, Any]] | None, raw: bytes | None
) -> Sequence[str] | Respond:
    if bool(pieces) + (events is not None) + (raw is not None) != 1:
        raise UsageError("reply() takes a text, or events, or raw bytes.")
    if events is not None:
        return raw_answer(encode_events(events))
    if raw is not None:
        return raw_answer(raw)
    for piece in pieces:
        if not isinstance(piece, str):
            raise UsageError(f"reply() takes text, not {piece!r}.")
    return pieces


def _source(name: str, *arguments: object, **options: object) -> str:
    """Return a call as it stands in a test, but not too long."""
    texts = [*map(repr, arguments), *(f"{key}={value!r}" for key, value in options.items())]
    text = ", ".join(texts)
    return f"{name}({text if len(text) <= _LONGEST_SOURCE else text[:_LONGEST_SOURCE] + '...'})"
