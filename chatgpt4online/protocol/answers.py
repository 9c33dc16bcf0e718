"""What a final answer means: a reply, or which error.

Site owners translate and filter messages, so an answer is judged by its status and code first,
and by the plugin's English words only if nothing else helps.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from ..config import Limits
from ..errors import (
    ApprovalRequired,
    Blocked,
    ChatError,
    LimitReached,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    RateLimited,
    ReplyError,
    RouteNotFound,
    StatusError,
)
from ..models import Action, Block, Extra, Reply, Shortcut, Usage
from .events import End, EventParser, Failure
from .http import Headers, Response
from .jsontext import read_field, sendable
from .site import Site

ExtraT = TypeVar("ExtraT", bound=Extra)

_NO_ROUTE = "rest_no_route"
_NONCE_CODES = ("rest_cookie_invalid_nonce", "rest_forbidden")
_REJECTED = re.compile(r"query (has been|was) rejected", re.IGNORECASE)
_OVER_LIMIT = re.compile(
    r"reached (the|your)( \w+){0,3} limit|limit has been reached", re.IGNORECASE
)
_WEB_PAGE = re.compile(r"<(!doctype\s+html|html|head)\b", re.IGNORECASE)
# What the pages of SiteGround, Cloudflare, Imunify360, Imperva and DDoS-Guard have in them.
_WALL = re.compile(
    r"sgcaptcha|_cf_chl_|>Just a moment\.\.\.<|>One moment, please\.\.\.<|Incapsula incident"
    r"|ddos-guard",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*>")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_LIMITS = Limits(line=2**60, reply=2**60)
_MAX_MESSAGE = 500
_MAX_RAW_MESSAGE = 4096


def read_reply(payload: Mapping[str, Any], streamed: str, chat_id: str | None) -> Reply | None:
    """Return the reply in a plugin's answer object, or None if it has none.

    The streamed text is used if the object has no text of its own.
    """
    images = [item for item in read_field(payload, "images", list, []) if isinstance(item, str)]
    text = read_field(payload, "reply", str, None)
    if text is None and not streamed and not images:
        return None
    response_id = read_field(payload, "responseId", str, None)
    if payload.get("resetResponseId") is True:  # the next turn must not go on from this reply
        response_id = None
    return Reply(
        text=streamed if text is None else text,
        images=tuple(images),
        actions=_extras(Action, payload, "actions"),
        shortcuts=_extras(Shortcut, payload, "shortcuts"),
        blocks=_extras(Block, payload, "blocks"),
        usage=_usage(read_field(payload, "usage", dict, None)),
        response_id=None if response_id is None else sendable(response_id),
        chat_id=chat_id,
        raw={name: value for name, value in payload.items() if name != "new_token"},
    )


def read_approval(
    site: Site, payload: Mapping[str, Any], partial_text: str
) -> ApprovalRequired | None:
    """Return the error for an answer that asks for an approval instead of a reply, or None."""
    approval = read_field(payload, "approval", dict, None)
    if approval is None:
        return None
    tool = _redacted(site, approval.get("tool"))[:_MAX_MESSAGE]
    arguments = read_field(approval, "args", dict, {})
    text = f"The chatbot needs an approval to use the tool {tool}."
    return ApprovalRequired(text, tool=tool, arguments=arguments, partial_text=partial_text)


def _extras(kind: type[ExtraT], payload: Mapping[str, Any], key: str) -> tuple[ExtraT, ...]:
    return tuple(
        kind(item["type"], read_field(item, "data", dict, {}))
        for item in read_field(payload, key, list, [])
        if isinstance(item, dict) and isinstance(item.get("type"), str)
    )


def _usage(raw: dict[str, Any] | None) -> Usage | None:
    if raw is None:
        return None

    def count(name: str, other: str) -> int:
        return read_field(raw, name, int, 0) or read_field(raw, other, int, 0)

    prompt = count("prompt_tokens", "input_tokens")  # image bots use the second names
    completion = count("completion_tokens", "output_tokens")
    total = read_field(raw, "total_tokens", int, 0) or prompt + completion
    return Usage(prompt, completion, total, raw)


def read_failure(site: Site, response: Response) -> ChatError:
    """Return the error that a response means. Its body is read like a streamed reply."""
    parser = EventParser(_NO_LIMITS)  # the body is there already
    pieces = [*parser.feed(response.body), *parser.finish()]
    outcome = parser.outcome
    payload = outcome.payload if isinstance(outcome, End | Failure) else None
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    return explain_failure(site, response, payload, parser.head, text)


def explain_failure(
    site: Site,
    response: Response,
    payload: Mapping[str, Any] | None,
    head: str,
    partial_text: str,
) -> ChatError:
    """Return the error that a parsed answer means.

    `payload` is the JSON object in its body, if there is one; `head` is the start of its body
    without events. Secrets of the site are removed from what it says.
    """
    status = response.status
    if payload is not None:
        said = _plain(payload.get("message"))
        message = _redacted(site, payload.get("message"))[:_MAX_MESSAGE]
        code: str | None = _plain(payload.get("code"))
        if code not in (_NO_ROUTE, *_NONCE_CODES):
            code = _redacted(site, code)[:_MAX_MESSAGE] or None
        over_limit = payload.get("overLimit") is True
        from_plugin = "success" in payload or over_limit or (partial_text and status < 300)
        if not from_plugin and (code or status == 404):
            return _wordpress_error(response, code, message)
        failed = payload.get("success") is not True or status >= 300
        if failed and ("success" in payload or "message" in payload):
            kind, text = ReplyError, "The site reported an error"
            if status == 429 or over_limit or _OVER_LIMIT.search(said):
                kind, text = LimitReached, "The site's usage limit is reached"
            elif status in (400, 403, 413, 422) or _REJECTED.search(said):
                kind, text = QueryRejected, "The site rejected the request"
            text += f": {message}" if message else "."
            return kind(text, message=message, status=status, partial_text=partial_text)
    if status < 300 and (partial_text or not is_web_page(head)):
        return ProtocolError(
            "The response is neither an event stream nor a reply.", partial_text=partial_text
        )
    return _foreign_error(response, head)


def add_hint(error: ChatError, hint: str) -> None:
    """Add a sentence to the text of an error, which may end with what a site has said."""
    text = str(error)
    stop = "" if text.endswith((".", "!", "?", "…")) else "."
    error.args = (f"{text}{stop} {hint}",)


def _wordpress_error(response: Response, code: str | None, message: str) -> StatusError:
    status = response.status
    if code is None or code == _NO_ROUTE:
        return route_not_found(status, message, code)
    if code in _NONCE_CODES and status in (401, 403):
        return NonceRejected(
            f"The site refused the nonce (HTTP {status}, {code}). If the site has nonces on its "
            "pages only, pass the URL of the page that shows the chatbot. A page cache can hold a "
            "stale nonce.",
            status=status, code=code, message=message,
        )  # fmt: skip
    retry_after = read_retry_after(response.headers)
    said = f": {message}" if message else "."
    kind = {429: RateLimited, 503: Blocked}.get(status, StatusError)  # 503: maintenance
    return kind(
        f"WordPress answered with HTTP status {status}, {code}{said}",
        status=status, code=code, message=message, retry_after=retry_after,
        retryable=status in (429, 503) and retry_after is not None,
    )  # fmt: skip


def route_not_found(status: int = 404, message: str = "", code: str | None = None) -> RouteNotFound:
    """Return the error for a site on which AI Engine does not answer."""
    return RouteNotFound(
        "AI Engine was not found. Check that the plugin and its chatbots are active, and that the "
        "address is that of the site, its REST root or its chatbot's page.",
        status=status, code=code, message=message,
    )  # fmt: skip


def _foreign_error(response: Response, head: str) -> StatusError:
    """Return the error for an answer that comes from neither the plugin nor WordPress."""
    status, headers = response.status, response.headers
    what = "The site answered with " + ("a web page" if status < 300 else f"HTTP status {status}")
    if status == 404:
        return route_not_found(status)
    if 300 <= status < 400:
        return StatusError(
            f"{what}, a redirect. A prompt is never redirected; use the address that the site "
            "redirects to.",
            status=status,
        )  # fmt: skip
    if status in (403, 429, 503) or is_wall(response, head):
        retry_after = read_retry_after(headers)
        wait = "" if retry_after is None else f" Retry after {retry_after:g} seconds."
        kind = RateLimited if status == 429 else Blocked
        return kind(
            f"{what}: a bot wall, a rate limit or a maintenance page is in front of it.{wait} "
            "This library does not bypass bot walls; ask the site's owner.",
            status=status, retry_after=retry_after,
            retryable=status in (429, 503) and retry_after is not None,
        )  # fmt: skip
    return StatusError(f"{what} instead of a chatbot's answer.", status=status)


def is_wall(response: Response, head: str) -> bool:
    """Return whether a bot wall has answered with a success. `head` is the start of its body."""
    # Not CF-RAY, which Cloudflare sends with every response of a site.
    by_headers = not response.headers.keys().isdisjoint(("cf-mitigated", "sg-captcha"))
    return response.ok and is_web_page(head) and (by_headers or _WALL.search(head) is not None)


def is_web_page(head: str) -> bool:
    """Return whether these are the first characters of a web page, not just a PHP notice."""
    return _WEB_PAGE.search(head) is not None


def _redacted(site: Site, text: object) -> str:
    """Return a message as one line of plain text, without the secrets of the site."""
    if not isinstance(text, str):
        return ""
    return site.redact(_plain(site.redact(_cut(text, 2 * _MAX_RAW_MESSAGE))))


def _plain(text: object) -> str:
    """Return a message as one line of plain text, without tags and control characters."""
    if not isinstance(text, str):
        return ""
    text = html.unescape(_TAG.sub(" ", _cut(text, _MAX_RAW_MESSAGE)))
    return " ".join(_CONTROL.sub(" ", text).split())


def _cut(text: str, length: int) -> str:
    """Cut a text after a word, if it has any, because half of a secret would not be found."""
    words = text[:length].rsplit(None, 1)
    return words[0] if len(text) > length and len(words) > 1 else text[:length]


def read_retry_after(headers: Headers) -> float | None:
    """Return the seconds that `Retry-After` asks to wait, or None.

    A date is compared with the response's own `Date`, so that the clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
