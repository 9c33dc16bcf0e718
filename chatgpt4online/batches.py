"""Many prompts, several at a time, on threads that share a client."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from .errors import ChatError, UsageError
from .models import Reply, without_raw
from .protocol.prompt import PromptInput

if TYPE_CHECKING:
    from .sync.client import Client

_ROW_OPTIONS = ("model", "temperature", "max_tokens", "instructions", "params")
_AHEAD = 16
"""How many rows may be ahead of the oldest that is not done, for each call at a time."""

Row = PromptInput | Mapping[str, Any]
Slot = Callable[[], AbstractContextManager[Any]]
"""Returns what each call is made within."""


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of a row of a batch. Its repr does not show the prompt.

    Attributes:
        index: The number of the row among those of this call, from 0.
        row: The row, as you passed it.
        reply: The reply, or None.
        error: Why there is no reply, or None.
    """

    index: int
    row: Row = field(repr=False, hash=False)
    reply: Reply | None = field(default=None, repr=False)
    error: ChatError | None = None

    @property
    def outcome(self) -> str:
        """``replied``, ``failed`` or ``unknown``.

        It is unknown if the site may have run the prompt, and charged for it, although there is no
        complete reply. A row that has failed can be sent again without being paid for twice.
        """
        if self.error is None:
            return "replied"
        return "unknown" if self.error.may_have_run else "failed"

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome with the reply or the error, as a dict that can be saved as JSON.

        ``reply`` is the text of the reply; its other parts follow under their own names.
        ``error`` contains the ``type``, the ``message`` and, if any, the ``partial_text``.
        """
        if self.reply is not None:
            reply = without_raw(self.reply)
            return {"outcome": self.outcome, "reply": reply.pop("text"), **reply}
        error = {"type": type(self.error).__name__, "message": str(self.error)}
        partial_text = getattr(self.error, "partial_text", "")
        if partial_text:
            error["partial_text"] = partial_text
        return {"outcome": self.outcome, "error": error}


def batch(
    client: Client,
    prompts: Iterable[Row],
    *,
    concurrency: int = 2,
    per_minute: float | None = None,
    ordered: bool = False,
    **options: Any,
) -> Generator[BatchResult]:
    """Send prompts, several at a time, and yield the result of each.

    A failed row does not end the batch. Each call is tried again by the client's `RetryPolicy`,
    and if the site says how long to wait, all of them wait.

    Prompts are taken one by one, in the thread that iterates over the results and only when they
    can be sent, so they can come from a generator of any length. To stop early, close the
    generator: no more prompts are sent, and calls in flight are given up, which takes until the
    site sends its next bytes, or until a wait before a retry is over.

    Args:
        client: The client to send with.
        prompts: Strings, lists of messages, or mappings with a ``prompt``. A mapping can have
            ``model``, ``temperature``, ``max_tokens``, ``instructions`` and ``params`` for its
            own prompt; its other keys are not sent.
        concurrency: The most calls at the same time.
        per_minute: The most prompts to send in a minute, evenly spread. Default: any number.
        ordered: Whether to yield results in the order of the prompts, rather than as they come.
        options: Keyword arguments of `Client.generate` for all prompts.

    Raises:
        UsageError: An argument is invalid.
    """
    return run(
        client, prompts, concurrency=concurrency, per_minute=per_minute, ordered=ordered, **options
    )


def run(
    client: Client,
    prompts: Iterable[Row],
    *,
    concurrency: int,
    per_minute: float | None,
    ordered: bool,
    slot: Slot = contextlib.nullcontext,
    **options: Any,
) -> Generator[BatchResult]:
    """Do what `batch` does, each call within what `slot` returns."""
    if inspect.iscoroutinefunction(client.generate):
        raise UsageError("batch takes a Client, which it uses on threads, not an AsyncClient.")
    if not isinstance(concurrency, int) or concurrency < 1:
        raise UsageError("concurrency must be an integer, at least 1.")
    if isinstance(prompts, str | Mapping):
        raise UsageError("Pass a list of prompts, or another iterable, rather than one prompt.")
    workers = Workers(client, options, slot)
    ahead = _AHEAD * concurrency if ordered else None
    results = _as_they_come(workers, prompts, concurrency, Pace(per_minute), ahead)
    return _in_order(results) if ordered else results


class Pace:
    """When the next prompt may be sent, if there is a limit per minute.

    Args:
        per_minute: The most prompts in a minute, or None.
        clock: Returns seconds.

    Raises:
        UsageError: The limit is invalid.
    """

    def __init__(
        self, per_minute: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if per_minute is not None and not (
            isinstance(per_minute, int | float) and 0 < per_minute < float("inf")
        ):
            raise UsageError("per_minute must be a positive number; None means no limit.")
        self._interval = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._next = clock()

    def left(self) -> float:
        """Return the seconds until the next prompt may be sent."""
        return max(0.0, self._next - self._clock())

    def start(self) -> None:
        """Take note that a prompt is sent now."""
        self._next = self._clock() + self._interval


class Workers:
    """Threads that send a row each at a time. A thread is started when all others are busy."""

    def __init__(self, client: Client, options: Mapping[str, Any], slot: Slot) -> None:
        self._client = client
        self._options = options
        self._slot = slot
        self._rows: SimpleQueue[tuple[int, Row] | None] = SimpleQueue()
        self._results: SimpleQueue[BatchResult | BaseException] = SimpleQueue()
        self._threads: list[Thread] = []
        self._stopping = Event()

    def send(self, index: int, row: Row, in_flight: int) -> None:
        """Have a row sent; `in_flight` others are not done yet."""
        if in_flight == len(self._threads):
            # A daemon, so that a second Ctrl-C ends the program although the site is silent.
            thread = Thread(target=self._work, name="chatgpt4online batch", daemon=True)
            self._threads.append(thread)
            thread.start()
        self._rows.put((index, row))

    def result(self, timeout: float | None) -> BatchResult | None:
        """Return the next result, or None if there is none in time."""
        try:
            result = self._results.get(timeout=timeout)
        except Empty:
            return None
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        """Give up the calls in flight, and wait for the threads to end."""
        self._stopping.set()
        for _ in self._threads:
            self._rows.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (item := self._rows.get()) is not None and not self._stopping.is_set():
            index, row = item
            try:
                with self._slot():
                    result = BatchResult(index, row, self._ask(row))
            except ChatError as error:
                result = BatchResult(index, row, error=error)
            except BaseException as error:  # noqa: BLE001 - it is raised where the results are read
                self._results.put(error)
                return
            self._results.put(result)

    def _ask(self, row: Row) -> Reply | None:
        prompt, options = _split(row)
        with self._client.stream(prompt, **{**self._options, **options}) as stream:
            for _ in stream:
                if self._stopping.is_set():
                    return None
            return stream.reply


def _split(row: Row) -> tuple[Any, dict[str, Any]]:
    """Return the prompt of a row, and the options that it has for itself."""
    if not isinstance(row, Mapping):
        return row, {}
    if "prompt" not in row:
        raise UsageError("The row has no prompt.")
    return row["prompt"], {name: row[name] for name in _ROW_OPTIONS if row.get(name) is not None}


def _as_they_come(
    workers: Workers, prompts: Iterable[Row], concurrency: int, pace: Pace, ahead: int | None
) -> Generator[BatchResult]:
    source, index = iter(prompts), 0
    in_flight: set[int] = set()
    more = True
    try:
        while more or in_flight:
            room = more and len(in_flight) < concurrency
            if room and ahead is not None and in_flight:
                room = index - min(in_flight) < ahead
            result = workers.result(pace.left() if room else None)
            if result is not None:
                in_flight.remove(result.index)
                yield result
            elif room and not pace.left():
                try:
                    row = next(source)
                except StopIteration:
                    more = False
                    continue
                pace.start()
                workers.send(index, row, len(in_flight))
                in_flight.add(index)
                index += 1
    finally:
        workers.close()


def _in_order(results: Generator[BatchResult]) -> Generator[BatchResult]:
    early: dict[int, BatchResult] = {}
    index = 0
    with contextlib.closing(results):
        for result in results:
            early[result.index] = result
            while index in early:
                yield early.pop(index)
                index += 1
