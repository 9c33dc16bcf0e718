"""Pages that show a chatbot: each is an element with JSON in `data-system` and `data-params`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from .address import announced_root
from .jsontext import parse_json
from .nonce import Session, read_nonce, read_session_id

_MARKERS = re.compile(r"data-system|api\.w\.org")
_MOST_PLACES = 64
_LONGEST_TAG = 256 * 1024
_TAG_MARKS = re.compile("[\"'>]")


@dataclass(frozen=True, slots=True)
class PageBot:
    """A chatbot on a page, as the page tells of it.

    Attributes:
        bot_id: what `bot_id` takes; None for a chatbot that is defined in its page.
        custom_id: what `custom_id` takes; None for any other chatbot.
        context_id: the id of the page; None where it does not tell.
        start_sentence: what the chatbot says first; '' for nothing.
        input_limit: the longest message in characters; None where the page does not tell.
        uploads: whether visitors may upload files; None where the page does not tell.
        max_uploads: how many files a message may have; None where the page does not tell.
        mode: ``chat``, ``assistant``, ``images`` or ``prompt``; None where it does not tell.
        streaming: whether the page streams replies.
        system: all of its `data-system`.
        params: all of its `data-params`.
    """

    bot_id: str | None
    custom_id: str | None
    context_id: int | str | None
    start_sentence: str
    input_limit: int | None
    uploads: bool | None
    max_uploads: int | None
    mode: str | None
    streaming: bool
    system: Mapping[str, Any] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page tells.

    Attributes:
        root: the REST root, on the origin of the page; None where the page has none.
        bots: the chatbots, in their order on the page.
        session: the session with the page's nonce; None where the page has none.
    """

    root: str | None
    bots: tuple[PageBot, ...]
    session: Session | None


def read_page(body: bytes, url: str) -> Page:
    """Read a web page that was found at `url`."""
    reader = _PageReader()
    text = body.decode("utf-8", "replace")
    for opening, closing in (("<!--", "-->"), ("<script", "</script"), ("<style", "</style")):
        text = _without(text, opening, closing)
    for tag in _tags_with_markers(text):
        reader.feed(tag)
        reader.close()
        reader.reset()
    session = None
    for bot in reader.bots:
        nonce = read_nonce(bot.system.get("restNonce"))
        if nonce is not None and session is None:
            session = Session(nonce, read_session_id(bot.system.get("sessionId")))
    announced = [reader.root, *(bot.system.get("restUrl") for bot in reader.bots)]
    roots = (announced_root(text, url) for text in announced if text and isinstance(text, str))
    return Page(next(filter(None, roots), None), tuple(reader.bots), session)


def _without(text: str, opening: str, closing: str) -> str:
    """Leave out all from each `opening` to the `closing` after it."""
    kept, at = [], 0
    while (start := text.find(opening, at)) >= 0:
        kept.append(text[at:start])
        end = text.find(closing, start + len(opening))
        at = len(text) if end < 0 else end + len(closing)
    return "".join([*kept, text[at:]])


def _tags_with_markers(text: str) -> Iterator[str]:
    """Return each tag that tells something, whole.

    The parser is given these alone, and only so many places are tried: all of a malformed
    page can take it hours.
    """
    done = 0
    for match in itertools.islice(_MARKERS.finditer(text), _MOST_PLACES):
        start = text.rfind("<", done, match.start())
        end = _tag_end(text, start) if start >= 0 else -1
        if end > match.start():
            yield text[start:end]
            done = end


def _tag_end(text: str, at: int) -> int:
    """Return where the tag that starts at `at` ends; -1 where it does not within reach."""
    quote = ""
    for match in _TAG_MARKS.finditer(text, at + 1, at + _LONGEST_TAG):
        mark = match[0]
        if mark == ">" and not quote:
            return match.end()
        if mark != ">":
            quote = "" if mark == quote else quote or mark
    return -1


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root: str | None = None
        self.bots: list[PageBot] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") == "https://api.w.org/":
            self.root = self.root or values.get("href")
        system = _read_attribute(values.get("data-system"))
        if system:
            self.bots.append(_read_bot(system, _read_attribute(values.get("data-params"))))


def _read_attribute(text: str | None) -> dict[str, Any]:
    try:
        value = parse_json(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _read_bot(system: Mapping[str, Any], params: Mapping[str, Any]) -> PageBot:
    uploads = [params[key] for key in ("imageUpload", "fileUpload") if key in params]
    context_id = system.get("contextId")
    return PageBot(
        bot_id=_text(system.get("botId")),
        custom_id=_text(system.get("customId")),
        context_id=context_id if isinstance(context_id, int) else _text(context_id),
        start_sentence=_sentence(params.get("startSentence")),
        input_limit=_count(params.get("textInputMaxLength")),
        uploads=any(uploads) if uploads else None,
        max_uploads=_count(params.get("maxUploads")),
        mode=_text(params.get("mode")),
        streaming=bool(system.get("stream")),
        system=system,
        params=params,
    )


def _text(value: object) -> str | None:
    # A text with half a character in it could not be sent back.
    usable = isinstance(value, str) and value and value.isprintable()
    return str(value) if usable else None


def _sentence(value: object) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    """A number above 0, which an owner may have left empty or the page may show as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    return value if isinstance(value, int) and value > 0 and value is not True else None
