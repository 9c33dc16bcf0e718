"""How the sync client runs exchanges with its site: retries, sessions, one loop for all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from .base_client import BaseClient, TurnPlan
from .discretion import discreet
from .errors import ChatError, TransportError
from .files import LocalFile
from .messages import StoredFile
from .protocol.call import Call
from .protocol.exchanges import Exchange
from .protocol.files import NO_PURPOSE
from .reply_stream import raise_interrupted
from .retries import retrying_options
from .settings import Deadline
from .sync_answer import Answer
from .sync_reply_stream import ReplyStream
from .transport import Transport

if TYPE_CHECKING:
    from .protocol.discovery import SiteInfo

_Result = TypeVar("_Result")


class SyncEngine(BaseClient[requests.Session]):
    """Runs the exchanges of a client with its site, blocking."""

    def _connect(self, session: requests.Session | None) -> None:
        self._transport = Transport(self._settings, session)
        self._opening = Lock()
        self._closing = Event()

    def _stream(self, plan: TurnPlan) -> ReplyStream:
        self._transport.check_usable()
        deadline = self._deadline()
        turn = self._turn(plan)
        turn.attach(
            [
                file if isinstance(file, StoredFile) else self._upload(file, deadline)
                for file in plan.files
            ]
        )
        return ReplyStream(turn, self._run(turn, deadline, retries=True), self._transport)

    def _upload(self, file: LocalFile, deadline: Deadline, purpose: str = NO_PURPOSE) -> StoredFile:
        return self._ask(self._upload_call(file, purpose), deadline)

    def _retrying(self, opening: Callable[[Deadline], _Result], deadline: Deadline) -> _Result:
        """Call ``opening(deadline)``, again where the policy allows it."""
        try:
            return opening(deadline)
        except ChatError as error:
            if not self._retry.retries(error):
                raise
            failed = error
        return self._once_more(failed, partial(opening, deadline), deadline)

    def _once_more(
        self, failed: ChatError, opening: Callable[[], _Result], deadline: Deadline
    ) -> _Result:
        from tenacity import Retrying

        options = retrying_options(self._retry, deadline.left(), failed)
        sleep: Any = self._closing.wait
        left = [failed]

        def again() -> _Result:
            if left:
                raise left.pop()
            return opening()

        return Retrying(sleep=sleep, **options)(again)

    @discreet
    def _ask(self, call: Call[_Result], deadline: Deadline | None = None) -> _Result:
        """Make a call and return its result."""
        answer = self._run(call, deadline or self._deadline(), retries=True)
        if answer is not None:
            self._read_all(call, answer)
        return call.result()

    def _run(
        self, exchange: Exchange, deadline: Deadline, *, retries: bool = False
    ) -> Answer | None:
        """Send what an exchange asks for; return the answer that it accepts, None at its end.

        Args:
            exchange: what is asked; a call where it may be retried.
            deadline: when it must be over.
            retries: whether to send it again where the policy allows it.
        """
        try:
            while not exchange.finished:
                if exchange.needs_opening:
                    self._open_session(deadline, exchange.opening)
                request = exchange.next_request()
                if request is None:
                    continue  # the session was dropped by another thread
                try:
                    answer = self._transport.send(request, deadline)
                except TransportError as error:
                    raise_interrupted(exchange, error)
                self._site.keep_secret(answer.cookies)
                exchange.receive_head(answer.status, answer.headers)
                if exchange.accepted:
                    return answer
                self._read_all(exchange, answer)
            exchange.result()
            return None
        except ChatError as error:
            if not (retries and self._retry.retries(error)):
                raise
            failed = error
        exchange.start_over()  # at once: while there may be another try, this one has not failed
        again = partial(self._run_again, exchange, deadline)
        return self._once_more(failed, again, deadline)

    def _run_again(self, exchange: Exchange, deadline: Deadline) -> Answer | None:
        try:
            return self._run(exchange, deadline)
        except ChatError:
            exchange.start_over()
            raise

    def _discover(self, deadline: Deadline) -> SiteInfo:
        from .protocol.discovery import PageReading, PluginQuestion, plugin_is_known, site_info

        self._open_session(deadline)
        if self._site.page is None:
            self._run(PageReading(self._site, self._limits), deadline)
        has_plugin = plugin_is_known(self._site)
        if not has_plugin:
            question = PluginQuestion(self._site, self._limits)
            answer = self._run(question, deadline)
            if answer is not None:
                self._read_all(question, answer)
            has_plugin = question.result()
        return site_info(self._site, has_plugin)

    def _open_session(
        self, deadline: Deadline, opening: Callable[[], Exchange | None] | None = None
    ) -> None:
        """Run what `opening` returns, by default what opens a session where none is open.

        Of several threads only one does so. Where it fails, those that waited for it fail too.
        """
        self._transport.check_usable()
        opening = opening or self._session_opening
        failed_before = self._failed_openings
        left = deadline.left()
        if not self._opening.acquire(timeout=-1 if left is None else left):
            raise deadline.passed()
        try:
            self._check_opening(failed_before)
            exchange = opening()
            if exchange is not None:
                self._run(exchange, deadline)
        except ChatError as error:
            if not deadline.is_over():  # those who wait have a time of their own
                self._opening_failed(error, failed_before)
            raise
        finally:
            self._opening.release()

    def _read_all(self, exchange: Exchange, answer: Answer) -> None:
        try:
            while not exchange.has_enough and (data := answer.read()):
                exchange.receive_data(data)
        except TransportError as error:
            raise_interrupted(exchange, error)
        finally:
            answer.close()
        exchange.receive_eof()
