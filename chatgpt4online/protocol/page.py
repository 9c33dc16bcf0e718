"""Pages with chatbots: each is an element with JSON in `data-system` and `data-params`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from .address import announced_root, link_header_root
from .jsontext import parse_json
from .site import Bot, Session, read_nonce, read_session_id

_MARKERS = re.compile(r"data-system|api\.w\.org")
_MAX_TAGS = 64
_MAX_TAG_LENGTH = 256 * 1024
_TAG_MARKS = re.compile("[\"'>]")


@dataclass(frozen=True, slots=True)
class PageBot:
    """A chatbot on a page.

    Attributes:
        bot_id: The value for `bot_id`; None for a chatbot that is defined on its page.
        custom_id: The value for `custom_id`; None for any other chatbot.
        context_id: The id of the page; None if not given.
        start_sentence: What the chatbot says first, or an empty string.
        input_limit: Longest message in characters; None if not given.
        uploads: Whether visitors may upload files; None if not given.
        max_uploads: How many files a message may have; None if not given.
        mode: ``chat``, ``assistant``, ``images`` or ``prompt``; None if not given.
        streaming: Whether the page streams replies.
        system: The whole of its `data-system`.
        params: The whole of its `data-params`.
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
    system: Mapping[str, Any] = field(repr=False, hash=False)
    params: Mapping[str, Any] = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class Page:
    """The contents of a page.

    Attributes:
        root: The REST root, on the page's own origin; None if the page has none.
        bots: The chatbots, in their order on the page.
        session: The session with the page's nonce; None if the page has no nonce.
    """

    root: str | None
    bots: tuple[PageBot, ...]
    session: Session | None

    def find(self, bot: Bot) -> PageBot | None:
        """Return the chatbot that is wanted, or None if the page does not show it."""
        for shown in self.bots:
            # A wanted id that is None matches any chatbot, so with no id the first one does.
            if bot == Bot(bot.bot_id and shown.bot_id, bot.custom_id and shown.custom_id):
                return shown
        return None


def read_page(body: bytes, url: str, link_header: str = "") -> Page:
    """Parse a web page.

    Args:
        body: The page.
        url: Where it was found.
        link_header: Its `Link` header, which names the REST root too.
    """
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
    root = next(filter(None, roots), None) or link_header_root(link_header, url)
    return Page(root, tuple(reader.bots), session)


def _without(text: str, opening: str, closing: str) -> str:
    """Remove everything from each `opening` to the next `closing`."""
    kept, at = [], 0
    while (start := text.find(opening, at)) >= 0:
        kept.append(text[at:start])
        end = text.find(closing, start + len(opening))
        at = len(text) if end < 0 else end + len(closing)
    return "".join([*kept, text[at:]])


def _tags_with_markers(text: str) -> Iterator[str]:
    """Yield the tags that matter.

    Only these are parsed, and only so many: a malformed page as a whole can take the parser hours.
    """
    done = 0
    for match in itertools.islice(_MARKERS.finditer(text), _MAX_TAGS):
        start = text.rfind("<", done, match.start())
        end = _tag_end(text, start) if start >= 0 else -1
        if end > match.start():
            yield text[start:end]
            done = end


def _tag_end(text: str, at: int) -> int:
    """Return the end of the tag that starts at `at`, or -1 if it has none nearby."""
    quote = ""
    for match in _TAG_MARKS.finditer(text, at + 1, at + _MAX_TAG_LENGTH):
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
    # A string with a lone surrogate could not be sent back.
    usable = isinstance(value, str) and value and value.isprintable()
    return str(value) if usable else None


def _sentence(value: object) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    """Return a positive number, which may be written as a string, or None."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    return value if isinstance(value, int) and value > 0 and value is not True else None
