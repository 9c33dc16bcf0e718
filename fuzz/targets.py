"""Fuzz targets. Each takes arbitrary bytes and raises if the protocol core breaks a promise.

The promises:

- Any input leads to a result or to a documented error.
- The same bytes lead to the same result, however they are split.
- No request leaves the site's host.
- Results and errors can be printed and pickled, and results can be sent back to the site.
- No error text contains a nonce.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chatgpt4online.cli.terminal import harmless
from chatgpt4online.config import Limits, RetryPolicy, Timeout
from chatgpt4online.conversation import BaseConversation
from chatgpt4online.errors import (
    ChatError,
    IncompleteReply,
    ProtocolError,
    ReplyError,
    TransportError,
    UsageError,
)
from chatgpt4online.models import EndEvent, Message, Piece, StoredFile
from chatgpt4online.protocol import discussions, files, public_api
from chatgpt4online.protocol.address import (
    Address,
    announced_root,
    follow_redirect,
    link_header_root,
    origin,
    parse_address,
    route,
)
from chatgpt4online.protocol.answers import read_retry_after
from chatgpt4online.protocol.chat import Turn, chat
from chatgpt4online.protocol.discovery import discover
from chatgpt4online.protocol.events import EventParser
from chatgpt4online.protocol.http import OPEN_SESSION, Flow, Response
from chatgpt4online.protocol.jsontext import encode_json, parse_json
from chatgpt4online.protocol.page import read_page
from chatgpt4online.protocol.prompt import Prompt, fold_prompt, read_prompt
from chatgpt4online.protocol.public_api import chat_by_api
from chatgpt4online.protocol.reply_reader import ReplyReader
from chatgpt4online.protocol.session import open_session, read_site_page
from chatgpt4online.protocol.site import Bot, Era, Session, Site, redact
from chatgpt4online.settings import read_settings

T = TypeVar("T")

STATUSES = (200, 200, 200, 201, 301, 302, 307, 308, 400, 401, 403, 404, 405, 413, 429, 500, 503)
SITE = "https://site.example"
NONCE = "0123456789"
PROMPT = "A prompt that no error may show"
SMALL = Limits(line=300, reply=900, page=600)
LARGE = Limits(line=2**20, reply=2**20, page=2**20)
_MAX_REQUESTS = 20


def _split(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _open_site() -> Site:
    """Return a site with an open session."""
    site = Site(Address(f"{SITE}/", f"{SITE}/wp-json/"), LARGE)
    _reopen(site)
    return site


def _reopen(site: Site) -> None:
    site.open(Session(NONCE, "session-id"), Era.START_SESSION)


def _response(data: bytes) -> Response:
    """Make a response of arbitrary bytes: one for the status, a line of headers, the body."""
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    head, _, body = data[1:].partition(b"\n")
    parts = (line.decode("latin-1").partition(":") for line in head.split(b"\t"))
    headers = {name.strip().lower(): value.strip() for name, _, value in parts}
    return Response(status, headers, body)


def _run(
    flow: Flow[T],
    responses: Iterable[Response],
    open_a_session: Callable[[], None],
    *,
    sends_nonce: bool = True,
) -> T:
    """Run a flow against scripted responses, and check its requests.

    The body of a streamed response is its `stream`.
    """
    scripted = iter(responses)
    response: Response | None = None
    for _ in range(_MAX_REQUESTS):
        try:
            request = flow.send(response)
        except StopIteration as done:
            result: T = done.value
            return result
        if request is OPEN_SESSION:
            open_a_session()
            response = None
            continue
        assert not isinstance(request, type(OPEN_SESSION))
        assert request.url.startswith("https:")
        assert urlsplit(request.url).hostname == "site.example"
        assert request.url.isprintable()
        assert " " not in request.url
        assert sends_nonce or "X-WP-Nonce" not in request.headers
        assert isinstance(request.body, bytes | None) or b"".join(request.body)
        response = next(scripted, Response(200))
        if request.stream and response.ok:
            response = Response(response.status, response.headers, stream=response.body)
    raise AssertionError("the flow does not end")


def _check_error(error: ChatError, secret: str = NONCE) -> None:
    assert error.__cause__ is None or isinstance(error.__cause__, ChatError)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), repr(vars(copy))) == (str(error), repr(vars(error)))
    assert secret not in str(error)
    assert PROMPT not in str(error)


def _check_result(result: object) -> None:
    try:
        pickled = pickle.dumps(result)
    except RecursionError:
        return  # pickle gives up on JSON of a few hundred levels, which can be read and printed
    # By repr, in which NaN equals NaN.
    assert repr(pickle.loads(pickled)) == repr(result)


def _text(pieces: Iterable[object]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def events(data: bytes) -> None:
    """The event parser alone, with small limits and large ones."""
    size = data[0] % 32 + 1 if data else 1
    for limits in (SMALL, LARGE):
        seen = []
        for split in ([data], _split(data, size)):
            parser = EventParser(limits)
            pieces = [piece for part in split for piece in parser.feed(part)]
            pieces += parser.finish()
            payload = getattr(parser.outcome, "payload", None)
            activities = [piece for piece in pieces if not isinstance(piece, str)]
            seen.append(repr((_text(pieces), activities, parser.outcome, payload)))
            assert len(_text(pieces)) <= len(data)
            assert parser.outcome is None or parser.feed(data) == []
        assert seen[0] == seen[1]


def _read_reply(reader: ReplyReader, body: bytes, size: int) -> list[Piece]:
    pieces = [piece for part in _split(body, size) for piece in reader.feed(part)]
    return pieces + reader.finish()


def _run_turn(make_flow: Callable[..., Flow[Any]], data: bytes, size: int) -> tuple[str, str]:
    site, response = _open_site(), _response(data)
    turn = Turn(Prompt(PROMPT), Bot(), chat_id="c", timestamp=0)
    try:
        # A refused nonce is renewed once, and the new one meets the same response.
        reader, answer = _run(make_flow(site, turn), [response, response], partial(_reopen, site))
    except ChatError as error:
        _check_error(error)
        return "", repr((type(error), str(error), vars(error)))
    assert response.ok
    pieces = _read_reply(reader, answer.stream, size)
    text = _text(pieces)
    assert reader.finished
    try:
        reply = reader.result()
    except ChatError as error:
        _check_error(error)
        assert getattr(error, "partial_text", text) == text == reader.text
        return text, repr((type(error), str(error), vars(error)))
    assert pieces[-1] == EndEvent(reply)
    assert reader.feed(data) == reader.finish() == []
    assert reader.text == str(reply)
    _check_result(reply)
    for extra in (*reply.actions, *reply.shortcuts, *reply.blocks):
        for name in ("name", "label", "shortcut_id", "message", "html"):
            assert isinstance(getattr(extra, name, ""), str)
    return text, repr(reply)


def _interrupt(data: bytes, size: int) -> None:
    """Feed a part of a reply, then let the connection fail."""
    site, response = _open_site(), _response(data)
    turn = Turn(Prompt(PROMPT), Bot(), chat_id="c", timestamp=0)
    reader = ReplyReader(site, turn.chat_id, response, session=site.session)
    pieces = reader.feed(response.body[: len(response.body) * size // 32])
    was_finished = reader.finished
    reader.fail(TransportError("The connection failed."))
    assert was_finished or isinstance(reader.error, IncompleteReply)
    if reader.error is not None:
        _check_error(reader.error)
        if isinstance(reader.error, IncompleteReply | ProtocolError | ReplyError):
            assert reader.error.partial_text == _text(pieces)


def turn(data: bytes) -> None:
    """A whole turn: any status, headers and body."""
    size = data[-1] % 32 + 1 if data else 1
    for make_flow in (chat, chat_by_api):
        assert _run_turn(make_flow, data, len(data) + 1) == _run_turn(make_flow, data, size)
    _interrupt(data, size)


def opening(data: bytes) -> None:
    """Opening a session, reading the page and discovering, with any sequence of responses."""
    responses = [_response(part) for part in data.split(b"\0\0")]
    for address in (f"{SITE}/", f"{SITE}/chat/"):
        site = Site(parse_address(address), LARGE)
        scripted = iter(responses)

        def open_it(site: Site = site, scripted: Iterator[Response] = scripted) -> None:
            _run(open_session(site), scripted, _never, sends_nonce=False)

        made: list[Flow[Any]] = [open_session(site), read_site_page(site), discover(site)]
        for flow in made:
            try:
                _check_result(_run(flow, scripted, open_it, sends_nonce=False))
            except ChatError as error:
                _check_error(error, PROMPT)
        if site.session is not None and site.session.nonce is not None:
            assert site.session.nonce.isascii()
            assert site.session.nonce.isprintable()
        if site.root is not None:
            assert origin(route(site.root, "mwai/v1/x")) == SITE


def _never() -> None:
    raise AssertionError("opening a session must not ask for one")


def page(data: bytes) -> None:
    """A web page."""
    found = read_page(data, f"{SITE}/chat/")
    _check_result(found)
    assert found.root is None or origin(found.root) == SITE
    for bot in found.bots:
        shown = Bot(bot.bot_id, bot.custom_id)
        assert found.find(shown) is not None
        encode_json({"id": bot.bot_id, "custom": bot.custom_id, "context": bot.context_id})
        assert bot.start_sentence.encode() is not None
        assert bot.input_limit is None or bot.input_limit > 0


class _File:
    filename = 'a"b.txt'
    content_type = "text/plain"
    size = 3

    def chunks(self) -> Iterator[bytes]:
        yield b"abc"


_CALLS: tuple[Callable[[Site], Flow[Any]], ...] = (
    lambda site: files.upload(site, _File(), "N/A", "boundary"),
    lambda site: files.list_files(site, 10, 1, None),
    lambda site: files.delete_files(site, ["a"]),
    lambda site: discussions.list_discussions(site, Bot(), 0, 10),
    lambda site: discussions.rename_discussion(site, "c", "t"),
    lambda site: discussions.delete_discussions(site, ["c"]),
    public_api.list_chatbots,
    public_api.check_auth,
    lambda site: public_api.text_query(site, "m", {}),
)


def calls(data: bytes) -> None:
    """The calls that are answered with JSON."""
    response = _response(data)
    for make_flow in _CALLS:
        site = _open_site()
        try:
            result = _run(make_flow(site), [response, response], partial(_reopen, site))
        except ChatError as error:
            _check_error(error)
            continue
        _check_result(result)
        for item in result if isinstance(result, tuple) else ():
            assert isinstance(item.id, str)
            assert item.id or not isinstance(item, StoredFile)
        if isinstance(result, discussions.DiscussionPage):
            paging = discussions.Paging(10)
            assert len(paging.add(result)) <= len(result.discussions)
            assert paging.done or paging.offset > 0


def headers(data: bytes) -> None:
    """The headers that the core reads."""
    text = data.decode("latin-1")
    first, _, second = text.partition("\n")
    wait = read_retry_after({"retry-after": first, "date": second})
    assert wait is None or wait >= 0
    for found in (announced_root(first, SITE), link_header_root(text, SITE)):
        assert found is None or origin(found) == SITE
    target = follow_redirect(f"{SITE}/a/b?c", first)
    assert target is None or origin(target) == SITE
    target = follow_redirect("http://site.example/", first)
    assert target is None or origin(target) in (SITE, "http://site.example")


def address(data: bytes) -> None:
    """The address of a site, as a user gives it."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        parsed = parse_address(text)
    except UsageError as error:
        _check_error(error)
        return
    for url in (parsed.page, parsed.root):
        if url is not None:
            assert origin(url).startswith("http")
            assert origin(route(url, "mwai/v1/x")) == origin(url)


class _Conversation(BaseConversation):
    pass


def _load_conversation(text: str) -> _Conversation:
    settings = read_settings(
        SITE, None, None, auth=None, token=None, allow_insecure_auth=False, proxy="",
        timeout=Timeout(), retry=RetryPolicy(), headers=None, verify=True,
        limits=LARGE, max_connections=None,
    )  # fmt: skip
    return _Conversation.from_json(settings, None, text)


def prompt(data: bytes) -> None:
    """A prompt of a caller, and a saved conversation."""
    text = data.decode("utf-8", "replace")
    try:
        value = parse_json(text)
    except ValueError:
        value = text
    said: Any
    for said in (text, value, [value], {"messages": value}):
        try:
            read = read_prompt(said)
        except UsageError as error:
            _check_error(error)
        else:
            for message in (*read.history, Message("user", read.new_message)):
                encode_json({message.role: message.content})
        try:
            fold_prompt(said).encode()
        except UsageError as error:
            _check_error(error)
    try:
        conversation = _load_conversation(text)
    except UsageError as error:
        _check_error(error)
    else:
        saved = conversation.to_json()
        loaded = _load_conversation(saved)
        assert (loaded.chat_id, loaded.messages) == (conversation.chat_id, conversation.messages)
        assert loaded.to_json() == saved


def shown(data: bytes) -> None:
    """Text that people read: on a terminal, and in errors."""
    text = data.decode("utf-8", "replace")
    for size in (1, 3, len(text) + 1):
        out = "".join(harmless(text[at : at + size]) for at in range(0, len(text), size))
        assert all(char.isprintable() or char in "\n\t" or ord(char) > 0x9F for char in out)
    secret, _, said = text.partition("\n")
    clean = redact(said, [secret, said, *said.split()])
    assert len(secret) < 4 or secret not in clean or secret in "[…]"


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (events, turn, opening, page, calls, headers, address, prompt, shown)
}
