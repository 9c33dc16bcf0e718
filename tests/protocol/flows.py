"""Runs flows against scripted responses, without any I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chatgpt4online.config import Limits
from chatgpt4online.models import Piece
from chatgpt4online.protocol.address import parse_address
from chatgpt4online.protocol.chat import Turn, chat
from chatgpt4online.protocol.files import Attachment
from chatgpt4online.protocol.http import OPEN_SESSION, Flow, Request, Response
from chatgpt4online.protocol.prompt import PromptInput, read_prompt
from chatgpt4online.protocol.reply_reader import ReplyReader
from chatgpt4online.protocol.session import open_session
from chatgpt4online.protocol.site import Bot, Session, Site

from ..recordings import Recording

T = TypeVar("T")

ROOT = "http://a.b/wp-json/"
START_SESSION = f"POST {ROOT}mwai/v1/start_session"
SUBMIT = f"POST {ROOT}mwai-ui/v1/chats/submit"


def recorded(name: str) -> Response:
    recording = Recording(name)
    return Response(recording.status, recording.headers, recording.body)


OPENED = recorded("3.6.2/chunked/start_session")
HELLO_RESPONSE = recorded("3.6.2/chunked/stream-hello")
BAD_NONCE = recorded("3.6.2/chunked/bad-nonce")
NO_NONCE = recorded("3.6.2/chunked/no-nonce")
PLAIN_PAGE = recorded("3.6.2/chunked/page-chat")
NONCE_PAGE = recorded("2.4.0/close-delimited/page")
NO_ROUTE = recorded("2.4.0/close-delimited/start_session")
OLD_PAGE = recorded("1.9.84/close-delimited/page")
OLD_HELLO = recorded("1.9.84/close-delimited/stream-hello")
HTML_PAGE = Response(200, {}, b"<!doctype html><html></html>")


class Script:
    """Answers the requests of flows with the given responses, one after the other."""

    def __init__(self, site: Site, *responses: Response) -> None:
        self.site = site
        self.requests: list[Request] = []
        self._responses = [*responses]

    @property
    def sent(self) -> list[str]:
        """The method and URL of each request."""
        return [f"{request.method} {request.url}" for request in self.requests]

    def run(self, flow: Flow[T]) -> T:
        """Return the result of a flow, which must need all the responses."""
        try:
            return self._run(flow)
        finally:
            assert not self._responses

    def _run(self, flow: Flow[T]) -> T:
        response: Response | None = None
        while True:
            try:
                step = flow.send(response)
            except StopIteration as end:
                result: T = end.value
                return result
            if step is OPEN_SESSION:
                response = self._run(open_session(self.site))
            else:
                self.requests.append(step)
                response = self._responses.pop(0)

    def chat(self, turn: Turn | None = None) -> tuple[ReplyReader, list[Piece]]:
        """Send a prompt, and read the response to its end."""
        reader, response = self.run(chat(self.site, turn or new_turn()))
        return reader, [*reader.feed(response.body), *reader.finish()]


@dataclass
class Source:
    """A file to upload."""

    filename: str = "dot.png"
    content_type: str = "image/png"
    size: int = 5

    def chunks(self) -> Iterator[bytes]:
        yield b"im"
        yield b"age"


def new_site(address: str = "http://a.b/wp-json/", limits: Limits = Limits()) -> Site:
    return Site(parse_address(address), limits)


def opened_site(session: Session = Session("n1"), limits: Limits = Limits()) -> Site:
    site = new_site(limits=limits)
    site.session = session
    return site


def new_turn(
    prompt: PromptInput = "Hello there",
    *,
    bot: Bot = Bot(),
    parameters: Mapping[str, Any] | None = None,
    attachments: Sequence[Attachment] = (),
    greet: bool = False,
) -> Turn:
    return Turn(read_prompt(prompt), bot, "c" * 32, 1_000, parameters or {}, attachments, greet)


def json_of(request: Request) -> Any:
    """Return the JSON in the body of a request."""
    assert isinstance(request.body, bytes)
    return json.loads(request.body)


def answer(**fields: Any) -> Response:
    """Return a JSON answer, after a byte order mark and a PHP notice."""
    return Response(
        200, {}, b"\xef\xbb\xbf<br />\n<b>Notice</b>: x<br />\n" + json.dumps(fields).encode()
    )


def events(*lines: bytes) -> Response:
    return Response(200, {}, b"".join(lines))


def text_of(pieces: Iterable[Piece]) -> str:
    """Return the text in the pieces of a reply."""
    return "".join(piece for piece in pieces if isinstance(piece, str))
