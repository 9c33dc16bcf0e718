"""What a site's final answer means: a reply, or which error.

Messages are translated and changed by site owners, so an answer is judged by its status and
code first, by the plugin's own English words only where nothing else tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from ..errors import (
    Blocked,
    ChatError,
    LimitReached,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
)
from ..messages import Action, Block, Extra, Reply, Shortcut, Usage
from .redaction import redact

ExtraT = TypeVar("ExtraT", bound=Extra)

Headers = Mapping[str, str]
"""Response headers: names in lower case, repeated ones joined by commas."""

NONCE_CODES = frozenset({"rest_cookie_invalid_nonce", "rest_forbidden"})
_NO_ROUTE = "rest_no_route"
_KNOWN_CODES = NONCE_CODES | {_NO_ROUTE}
# Compiled when an error is read, which few programs ever do: an import should not take as long.
_REJECTED = r"(?i)query (has been|was) rejected"
_OVER_LIMIT = r"(?i)reached (the|your) limit"
_CONTROL = r"[\x00-\x1f\x7f-\x9f]"
_PAGE_START = r"(?i)<(!doctype\s+html|html|head)\b"
_LONGEST_MESSAGE = 500
_LONGEST_RAW = 4096


def read_reply(payload: Mapping[str, Any], streamed: str, chat_id: str | None) -> Reply | None:
    """Return the reply of a plugin's answer object; None where it holds none.

    Args:
        payload: the object, of the end event or of a JSON answer.
        streamed: the text that had arrived as pieces; it counts where `reply` is missing.
        chat_id: the id of the conversation, for the reply's `chat_id`.
    """
    images = tuple(item for item in _list(payload, "images") if isinstance(item, str))
    text = payload.get("reply")
    if not isinstance(text, str):
        text = streamed
        if not text and not images:
            return None
    response_id = payload.get("responseId")
    return Reply(
        text=text,
        images=images,
        actions=_extras(Action, payload, "actions"),
        shortcuts=_extras(Shortcut, payload, "shortcuts"),
        blocks=_extras(Block, payload, "blocks"),
        usage=_usage(payload.get("usage")),
        response_id=response_id if isinstance(response_id, str) else None,
        chat_id=chat_id,
    )


def _list(payload: Mapping[str, Any], key: str) -> list[Any]:
    value = payload.get(key)
    return value if isinstance(value, list) else []


def _extras(kind: type[ExtraT], payload: Mapping[str, Any], key: str) -> tuple[ExtraT, ...]:
    extras = []
    for item in _list(payload, key):
        if isinstance(item, dict) and isinstance(item.get("type"), str):
            data = item.get("data")
            extras.append(kind(item["type"], data if isinstance(data, dict) else {}))
    return tuple(extras)


def _usage(raw: object) -> Usage | None:
    if not isinstance(raw, dict):
        return None
    keys = ("prompt_tokens", "completion_tokens", "total_tokens")
    prompt, completion, total = (raw[key] if isinstance(raw.get(key), int) else 0 for key in keys)
    return Usage(prompt, completion, total, raw)


def read_failure(
    status: int,
    headers: Headers,
    payload: Mapping[str, Any] | None,
    head: str,
    partial_text: str,
    *,
    secrets: Iterable[str] = (),
) -> ChatError:
    """Return the error that an answer means.

    Args:
        status: the HTTP status.
        headers: the response headers.
        payload: its JSON object; None where it has none.
        head: the first characters of its body that are not events.
        partial_text: the text of the reply that had arrived.
        secrets: what was sent and must not be shown, should the site echo it.
    """
    if payload is not None:
        said = _plain(payload.get("message"))
        message = redact(said, secrets)[:_LONGEST_MESSAGE]
        code = payload.get("code")
        if isinstance(code, str) and "success" not in payload:
            shown = code if code in _KNOWN_CODES else redact(_plain(code), secrets)
            return _wordpress_error(status, shown[:_LONGEST_MESSAGE], message, headers)
        if status == 404 and "success" not in payload:
            return route_not_found(status, message)
        failed = payload.get("success") is not True or status >= 300
        if failed and ("success" in payload or "message" in payload):
            kind, text = _plugin_failure(status, payload, said)
            text += f": {message}" if message else "."
            return kind(text, message=message, status=status, partial_text=partial_text)
    if status < 300:
        if partial_text or not is_web_page(head):
            return ProtocolError(
                "The site's answer is neither events nor a reply.", partial_text=partial_text
            )
        return _foreign_error(status, headers, "The site answered with a web page")
    return _foreign_error(status, headers, f"The site answered with HTTP status {status}")


def _wordpress_error(status: int, code: str, message: str, headers: Headers) -> StatusError:
    if code == _NO_ROUTE:
        return route_not_found(status, message, code)
    if code in NONCE_CODES and status in (401, 403):
        return NonceRejected(
            f"The site refused the nonce (HTTP {status}, {code}). If the site gives nonces on its "
            "pages only, use the address of the page that shows the chatbot; a page cache there "
            "can hold a stale nonce.",
            status=status, code=code, message=message,
        )  # fmt: skip
    retry_after = read_retry_after(headers)
    said = f": {message}" if message else "."
    return StatusError(
        f"WordPress answered with HTTP status {status}, {code}{said}",
        status=status, code=code, message=message, retry_after=retry_after,
        retryable=status in (429, 503) and retry_after is not None,
    )  # fmt: skip


def _plugin_failure(
    status: int, payload: Mapping[str, Any], said: str
) -> tuple[type[ReplyError], str]:
    if status == 429 or payload.get("overLimit") is True or re.search(_OVER_LIMIT, said):
        return LimitReached, "The site's usage limit is reached"
    if status in (400, 403, 413, 422) or re.search(_REJECTED, said):
        return QueryRejected, "The site refused what was sent"
    return ReplyError, "The site says that it failed"


def route_not_found(status: int, message: str = "", code: str | None = None) -> RouteNotFound:
    """Return the error for a site on which AI Engine does not answer."""
    return RouteNotFound(
        "AI Engine does not answer there: the plugin or its chatbot module is absent, or the "
        "address is not that of the site, its REST root or its chatbot's page.",
        status=status, code=code, message=message,
    )  # fmt: skip


def _foreign_error(status: int, headers: Headers, what: str) -> StatusError:
    """An answer that neither the plugin nor WordPress' REST API has made."""
    retry_after = read_retry_after(headers)
    if 300 <= status < 400:
        return StatusError(
            f"{what}, a redirect. A prompt is not sent on; use the address that the site "
            "redirects to.",
            status=status,
        )
    if status == 404:
        return route_not_found(status)
    behind_wall = any(name.startswith("cf-") for name in headers)
    if status in (403, 429, 503) or (behind_wall and status < 300):
        wait = "" if retry_after is None else f" It asks to wait {retry_after:g} seconds."
        return Blocked(
            f"{what}: a bot wall, a rate limit or a maintenance page stands in front of it."
            f"{wait} This library does not get round bot walls; ask the site's owner.",
            status=status, retry_after=retry_after,
            retryable=status in (429, 503) and retry_after is not None,
        )  # fmt: skip
    return StatusError(f"{what}, where a chatbot's answer was expected.", status=status)


def is_web_page(head: str) -> bool:
    """Whether the first characters of an answer are those of a web page.

    A PHP notice or fatal error is HTML too, but no page.
    """
    return re.search(_PAGE_START, head) is not None


def _plain(text: object) -> str:
    """A message of the site as one line of plain text, tags and control characters left out."""
    if not isinstance(text, str):
        return ""
    from html import unescape  # not above: its table of entities takes 2 ms

    text = unescape(re.sub(r"<[^<>]*>", " ", text[:_LONGEST_RAW]))
    return " ".join(re.sub(_CONTROL, " ", text).split())


def read_retry_after(headers: Headers) -> float | None:
    """Return the seconds that `Retry-After` asks to wait; None where it asks nothing.

    A date is counted from the answer's own `Date`, so that the two clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
