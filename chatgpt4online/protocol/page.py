"""Pages with chatbots: each is an element with JSON in `data-system` and `data-params`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from .address import announced_root, link_header_root
from .jsontext import parse_object, read_count, read_field, sendable
from .site import Bot, Session, read_nonce, read_session_id

# What a page does not show. If it is unclosed, it reaches to the end of the page.
_HIDDEN = re.compile(r"(?s)<!--.*?(?:-->|\Z)|<(script|style).*?(?:</\1|\Z)")
_MARKERS = re.compile(r"data-system|api\.w\.org")
_TAG = re.compile(r"""<(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>""")
_MAX_TAGS = 64
_MAX_TAG_LENGTH = 256 * 1024
_MAX_SCANNED = 16 * 1024 * 1024
_LEAST_SCANNED = 1024
_MAX_PARSED = 1024 * 1024
"""Characters. The parser is slow on tags with many attributes."""


@dataclass(frozen=True, slots=True)
class PageBot:
    """A chatbot on a page.

    Attributes:
        bot_id: The value for `bot_id`; None for a chatbot that is defined on its page.
        custom_id: The value for `custom_id`; None for a chatbot of the site.
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

    root: str | None = None
    bots: tuple[PageBot, ...] = ()
    session: Session | None = None

    def find(self, bot: Bot) -> PageBot | None:
        """Return the chatbot that is wanted, or None if the page does not show it."""
        for shown in self.bots:
            # A wanted id that is None matches any chatbot, so with no id the first one does.
            if bot == Bot(bot.bot_id and shown.bot_id, bot.custom_id and shown.custom_id):
                return shown
        return None


def read_page(body: bytes, url: str, link_header: str = "") -> Page:
    """Parse a web page. Its `Link` header names the REST root too."""
    reader = _PageReader()
    for tag in _tags_with_markers(_HIDDEN.sub("", body.decode("utf-8", "replace"))):
        reader.feed(tag)
        reader.reset()
    systems = [bot.system for bot in reader.bots]
    sessions = (
        Session(nonce, read_session_id(system.get("sessionId")))
        for system in systems
        if (nonce := read_nonce(system.get("restNonce")))
    )
    announced = [reader.root, *(system.get("restUrl") for system in systems)]
    roots = (announced_root(item, url) for item in announced if item and isinstance(item, str))
    root = next(filter(None, roots), None) or link_header_root(link_header, url)
    return Page(root, tuple(reader.bots), next(sessions, None))


def _tags_with_markers(text: str) -> Iterator[str]:
    """Yield the tags that matter.

    Only these are parsed, and only so much: a malformed page as a whole can take the parser hours.
    """
    done, to_scan, to_parse = 0, _MAX_SCANNED, _MAX_PARSED
    for marker in itertools.islice(_MARKERS.finditer(text), _MAX_TAGS):
        start = marker.start()
        if start < done:
            continue
        # Attributes before the marker may have a "<" in them.
        while to_scan > 0 and (start := text.rfind("<", done, start)) >= 0:
            end = min(len(text), start + min(to_parse, _MAX_TAG_LENGTH))
            tag = _TAG.match(text, start, end)
            end = tag.end() if tag is not None else end
            to_scan -= max(end - start, _LEAST_SCANNED)
            if tag is not None and end > marker.start():
                yield tag[0]
                to_parse -= end - start
                done = end
                break
        else:
            done = marker.end()


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root: str | None = None
        self.bots: list[PageBot] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "link" and values.get("rel") == "https://api.w.org/":
            self.root = self.root or values.get("href")
        system = parse_object(values.get("data-system") or "")
        if system:
            self.bots.append(_read_bot(system, parse_object(values.get("data-params") or "") or {}))


def _read_bot(system: Mapping[str, Any], params: Mapping[str, Any]) -> PageBot:
    uploads = [params[key] for key in ("imageUpload", "fileUpload") if key in params]
    context_id, sentence = system.get("contextId"), read_field(params, "startSentence", str, "")
    return PageBot(
        bot_id=_text(system.get("botId")),
        custom_id=_text(system.get("customId")),
        context_id=context_id if isinstance(context_id, int) else _text(context_id),
        start_sentence=sendable(sentence),
        input_limit=read_count(params, "textInputMaxLength") or None,
        uploads=any(uploads) if uploads else None,
        max_uploads=read_count(params, "maxUploads") or None,
        mode=_text(params.get("mode")),
        streaming=bool(system.get("stream")),
        system=system,
        params=params,
    )


def _text(value: object) -> str | None:
    # A string with a lone surrogate could not be sent back.
    return value if isinstance(value, str) and value and value.isprintable() else None
