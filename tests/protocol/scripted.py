"""Run an exchange of the core against answers from a script, without a transport."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatgpt4online.messages import Piece, StoredFile
from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.exchanges import Exchange, Request
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.prompt import PromptInput, read_prompt
from chatgpt4online.protocol.site import Site
from chatgpt4online.protocol.turn import Bot, Turn

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


OPENED = recorded("3.6.2/chunked/start_session")
HELLO_ANSWER = recorded("3.6.2/chunked/stream-hello")
BAD_NONCE = recorded("3.6.2/chunked/bad-nonce")
NO_NONCE = recorded("3.6.2/chunked/no-nonce")
NO_ROUTE, OLD_PAGE, OLD_HELLO = (
    recorded(f"1.9.84/close-delimited/{case}") for case in ("start_session", "page", "stream-hello")
)
END = b'data: {"type":"end","data":"{\\"success\\":true,\\"reply\\":\\"%s\\"}"}\n\n'


class Script:
    """Answers requests in turn, and keeps them."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.events: list[Piece] = []

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.url}" for request in self.requests]

    def run(self, exchange: Exchange) -> None:
        """Run an exchange until it is at its end or accepted, as a transport does."""
        while not exchange.finished:
            opening = exchange.opening() if exchange.needs_opening else None
            if opening is not None:
                self.run(opening)
            request = exchange.next_request()
            assert request is not None
            self.answer(exchange, request)
            if exchange.accepted:
                return

    def answer(self, exchange: Exchange, request: Request) -> None:
        self.requests.append(request)
        answer = self.answers.pop(0)
        exchange.receive_head(answer.status, answer.headers)
        if answer.body:
            self.events += exchange.receive_data(answer.body)
        self.events += exchange.receive_eof()


def json_of(request: Request) -> Any:
    """The JSON that a request carries."""
    assert isinstance(request.body, bytes)
    return json.loads(request.body)


def new_site(address: str = "http://a.b") -> Site:
    return Site(parse_address(address))


def new_turn(
    site: Site,
    prompt: PromptInput = "Hello there",
    *,
    bot: Bot = Bot(),
    options: Mapping[str, Any] | None = None,
    limits: Limits = Limits(),
    files: Sequence[StoredFile] = (),
    greeted: bool = False,
) -> Turn:
    turn = Turn(
        site,
        read_prompt(prompt),
        bot=bot,
        chat_id="c" * 32,
        options=options or {},
        now=lambda: 1_000,
        limits=limits,
        greeted=greeted,
    )
    turn.attach(files)
    return turn


def run(
    *answers: Answer, site: Site | None = None, limits: Limits = Limits()
) -> tuple[Turn, Script]:
    """Run a turn on an open site, or on `site`."""
    if site is None:
        site = new_site()
        site.session = Session("n1")
    turn, script = new_turn(site, limits=limits), Script(*answers)
    script.run(turn)
    assert not script.answers
    return turn, script


def streamed(*lines: bytes) -> Answer:
    return Answer(200, b"".join(lines))
