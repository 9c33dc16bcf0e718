"""Run an exchange of the core against answers from a script, without a transport."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chatgpt4online.messages import Event
from chatgpt4online.protocol.call import Call
from chatgpt4online.protocol.exchanges import Exchange, Request
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.opening import SessionOpening
from chatgpt4online.protocol.site import Site

from ..recordings import Recording


@dataclass(frozen=True)
class Answer:
    """An answer of the script."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def recorded(name: str) -> Answer:
    recording = Recording(name)
    return Answer(recording.status, recording.body, recording.headers)


class Script:
    """Answers requests in turn, and keeps them."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.events: list[Event] = []

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.requests]

    def run(self, exchange: Exchange) -> None:
        """Run an exchange to its end, as a transport does."""
        while (request := exchange.next_request()) is not None:
            self.answer(exchange, request)

    def run_call(self, call: Call, site: Site, limits: Limits = Limits()) -> None:
        """Run a call to its end, with the sessions that it needs."""
        while True:
            if site.session is None:
                self.run(SessionOpening(site, limits))
            request = call.next_request()
            assert request is not None
            self.answer(call, request)
            if call.accepted or getattr(call, "finished", False):
                return

    def answer(self, exchange: Exchange, request: Request) -> None:
        self.requests.append(request)
        answer = self.answers.pop(0)
        exchange.receive_head(answer.status, answer.headers)
        received: list[Sequence[Event]] = [exchange.receive_data(answer.body)] if answer.body else []
        received.append(exchange.receive_eof())
        self.events += [event for events in received for event in events]
