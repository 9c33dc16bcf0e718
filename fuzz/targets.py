"""What is fuzzed: each target takes any bytes, and raises where a promise of the core is broken.

The promises: any bytes give documented errors only; the same bytes give the same however they are
split; nothing is asked of another host; what comes out can be shown, pickled and sent back.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from chatgpt4online.conversation import BaseConversation
from chatgpt4online.errors import ChatError, UsageError
from chatgpt4online.messages import EndEvent, Message, StoredFile
from chatgpt4online.protocol import discussions, files, public_api
from chatgpt4online.protocol.address import (
    Address,
    announced_root,
    link_header_root,
    moved,
    origin,
    parse_address,
    route,
)
from chatgpt4online.protocol.answers import read_retry_after
from chatgpt4online.protocol.call import Call
from chatgpt4online.protocol.chunks import ChunkParser
from chatgpt4online.protocol.discovery import PageReading, PluginQuestion
from chatgpt4online.protocol.exchanges import Exchange
from chatgpt4online.protocol.jsontext import parse_json
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.opening import SessionOpening
from chatgpt4online.protocol.page import read_page
from chatgpt4online.protocol.prompt import Prompt, fold_prompt, read_prompt
from chatgpt4online.protocol.redaction import redact
from chatgpt4online.protocol.site import Site
from chatgpt4online.protocol.turn import Bot, Turn
from chatgpt4online.terminal import harmless

STATUSES = (200, 200, 200, 201, 301, 302, 307, 308, 400, 401, 403, 404, 405, 413, 429, 500, 503)
SITE = "https://site.example"
SMALL = Limits(line=300, reply=900, page=600)
LARGE = Limits(line=2**20, reply=2**20, page=2**20)
_MOST_REQUESTS = 20


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _site() -> Site:
    site = Site(Address(f"{SITE}/", f"{SITE}/wp-json/"))
    site.session = Session("0123456789", "session-id")
    return site


def _headers(lines: list[bytes]) -> dict[str, str]:
    parted = (line.decode("latin-1").partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in parted}


def _answer(data: bytes) -> tuple[int, dict[str, str], bytes]:
    """Make an answer of any bytes: a byte for the status, a line of headers, the body."""
    status = STATUSES[data[0] % len(STATUSES)] if data else 200
    head, _, body = data[1:].partition(b"\n")
    return status, _headers(head.split(b"\t")), body


def check_error(error: ChatError) -> None:
    assert error.__cause__ is None or isinstance(error.__cause__, ChatError)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), vars(copy)) == (str(error), vars(error))
    assert "0123456789" not in str(error)


def chunks(data: bytes) -> None:
    """The parser alone, under small limits and large ones."""
    size = data[0] % 32 + 1 if data else 1
    for limits in (SMALL, LARGE):
        seen = []
        for split in ([data], pieces(data, size)):
            parser = ChunkParser(limits)
            events = [event for piece in split for event in parser.feed(piece)]
            events += parser.finish()
            text = "".join(event for event in events if isinstance(event, str))
            activities = [event for event in events if not isinstance(event, str)]
            outcome = parser.outcome and parser.outcome._fields()
            seen.append((text, activities, type(parser.outcome), outcome))
            assert len(text) <= len(data)
        # By repr, in which NaN is the same as NaN.
        assert repr(seen[0]) == repr(seen[1])


def _run_turn(data: bytes, size: int, kind: type[Turn]) -> Any:
    status, headers, body = _answer(data)
    turn = kind(
        _site(), Prompt("A prompt that is not to be shown"), bot=Bot(), chat_id="c", options={},
        now=lambda: 0, limits=LARGE,
    )  # fmt: skip
    assert turn.next_request() is not None
    turn.receive_head(status, headers)
    events = [event for piece in pieces(body, size) for event in turn.receive_data(piece)]
    events += turn.receive_eof()
    text = "".join(event for event in events if isinstance(event, str))
    if not turn.finished:
        return text, turn.step
    try:
        reply = turn.result()
    except ChatError as error:
        check_error(error)
        assert "A prompt that is" not in str(error)
        if 200 <= status < 300:
            assert getattr(error, "partial_text", text) == text
        return text, type(error), str(error)
    assert isinstance(events[-1], EndEvent)
    assert pickle.loads(pickle.dumps(reply)).text == str(reply)
    for extra in (*reply.actions, *reply.shortcuts, *reply.blocks):
        assert isinstance(getattr(extra, "label", ""), str)
    return text, repr(reply)


def turn(data: bytes) -> None:
    """A whole turn: any status, headers and body."""
    for kind in (Turn, public_api.ApiTurn):
        size = data[-1] % 32 + 1 if data else 1
        assert _run_turn(data, len(data) + 1, kind) == _run_turn(data, size, kind)


def _run_opening(exchange: Exchange, answers: Iterator[tuple[int, dict[str, str], bytes]]) -> None:
    for _ in range(_MOST_REQUESTS):
        request = exchange.next_request()
        if request is None:
            return
        assert urlsplit(request.url).hostname == "site.example"
        assert request.url.startswith("https:")
        assert request.url.isprintable()
        assert " " not in request.url
        assert "X-WP-Nonce" not in request.headers
        status, headers, body = next(answers, (200, {}, b""))
        exchange.receive_head(status, headers)
        exchange.receive_data(body)
        exchange.receive_eof()
    raise AssertionError("the opening of a session asks without end")


def opening(data: bytes) -> None:
    """Opening a session, with any answers one after the other."""
    answers = [_answer(part) for part in data.split(b"\0\0")]
    for address in (f"{SITE}/", f"{SITE}/chat/"):
        site = Site(parse_address(address))
        for exchange in (SessionOpening(site, LARGE), PageReading(site, LARGE)):
            try:
                _run_opening(exchange, iter(answers))
            except ChatError as error:
                check_error(error)
        if site.session is not None and site.session.nonce is not None:
            assert site.session.nonce.isascii()
            assert site.session.nonce.isprintable()
        if site.root is not None:
            assert origin(route(site.root, "mwai/v1/x")) == SITE


def page(data: bytes) -> None:
    """A web page."""
    found = read_page(data, f"{SITE}/chat/")
    assert found.root is None or origin(found.root) == SITE
    for bot in found.bots:
        repr(bot)
        assert Message("assistant", bot.start_sentence).content.encode() is not None


def calls(data: bytes) -> None:
    """The calls that are answered by JSON."""
    status, headers, body = _answer(data)
    site = _site()
    made: list[Call[Any]] = [
        files.list_files(site, 10, 1, None, LARGE),
        files.delete_files(site, ["a"], LARGE),
        discussions.list_discussions(site, Bot(), 0, 10, LARGE),
        discussions.rename_discussion(site, "c", "t", LARGE),
        public_api.list_chatbots(_site(), LARGE),
        public_api.check_auth(_site(), LARGE),
        public_api.text_query(_site(), "m", {}, LARGE),
        PluginQuestion(_site(), LARGE),
    ]
    for call in made:
        site.session = Session("0123456789", "session-id")
        assert call.next_request() is not None
        call.receive_head(status, headers)
        call.receive_data(body)
        call.receive_eof()
        if call.finished:
            try:
                result = call.result()
            except ChatError as error:
                check_error(error)
            else:
                repr(result)
                if isinstance(result, tuple):
                    assert all(getattr(item, "id", "x") for item in result)
                    assert all(
                        isinstance(item.id, str) for item in result if isinstance(item, StoredFile)
                    )


def headers(data: bytes) -> None:
    """Headers that the core reads."""
    text = data.decode("latin-1")
    first, _, second = text.partition("\n")
    wait = read_retry_after({"retry-after": first, "date": second})
    assert wait is None or wait >= 0
    for found in (announced_root(first, SITE), link_header_root(text, SITE)):
        assert found is None or origin(found) == SITE
    target = moved(f"{SITE}/a/b?c", first)
    assert target is None or origin(target) == SITE
    target = moved("http://site.example/", first)
    assert target is None or origin(target) in (SITE, "http://site.example")


def address(data: bytes) -> None:
    """The address that a user gives."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        parsed = parse_address(text)
    except UsageError:
        return
    for url in (parsed.page, parsed.root):
        if url is not None:
            assert origin(url).startswith("http")
            origin(route(url, "mwai/v1/x"))


class _Conversation(BaseConversation[Any]):
    pass


def prompt(data: bytes) -> None:
    """What a caller says, and a conversation that was saved."""
    text = data.decode("utf-8", "replace")
    try:
        value = parse_json(text)
    except ValueError:
        value = text
    said: Any
    for said in (text, value, [value], {"messages": value}):
        for read in (read_prompt, fold_prompt):
            try:
                read(said)
            except UsageError as error:
                check_error(error)
    try:
        chat = _Conversation.from_json(None, text)
    except UsageError as error:
        check_error(error)
    else:
        assert _Conversation.from_json(None, chat.to_json()).messages == chat.messages


def shown(data: bytes) -> None:
    """What is shown to a person: on a terminal, and in errors."""
    text = data.decode("utf-8", "replace")
    for size in (1, 3, len(text) + 1):
        out = "".join(harmless(text[at : at + size]) for at in range(0, len(text), size))
        assert all(char.isprintable() or char in "\n\t" or ord(char) > 0x9F for char in out)
    secret, _, said = text.partition("\n")
    redact(said, [secret, said, *said.split()])


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (chunks, turn, opening, page, calls, headers, address, prompt, shown)
}
