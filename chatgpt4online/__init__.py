"""Talk to AI Engine chatbots, the WordPress plugin whose protocol chatgpt4online.org spoke.

Blocking::

    from chatgpt4online import Client

    with Client("https://example.com") as client:
        for piece in client.stream("Hello there"):
            print(piece, end="", flush=True)

For asyncio there is `AsyncClient`, with the same methods to await.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# That of typing, whose import takes 14 ms: more than ten times the rest.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .async_client import AsyncClient
    from .async_conversation import AsyncConversation
    from .async_reply_stream import AsyncReplyStream
    from .client import Client
    from .errors import (
        Blocked,
        ChatError,
        ChatTimeout,
        ConnectError,
        IncompleteReply,
        LimitReached,
        NonceRejected,
        ProtocolError,
        QueryRejected,
        ReplyError,
        RouteNotFound,
        StatusError,
        TransportError,
        UsageError,
    )
    from .messages import (
        Action,
        ActivityEvent,
        Block,
        EndEvent,
        Event,
        Message,
        Reply,
        Shortcut,
        StoredFile,
        TextEvent,
        Usage,
    )
    from .onecall import agenerate, astream, generate, stream
    from .protocol.discovery import SiteInfo
    from .protocol.discussions import Discussion
    from .protocol.limits import Limits
    from .protocol.page import PageBot
    from .protocol.prompt import fold_prompt
    from .protocol.public_api import Chatbot
    from .protocol.site import Era
    from .provider import Chatgpt4Online
    from .retries import RetryPolicy
    from .settings import Timeout
    from .sync_conversation import Conversation
    from .sync_reply_stream import ReplyStream

# Names arrive on first use, so that an import loads no HTTP library (PEP 562).
_HOMES = {
    "async_client": ("AsyncClient",),
    "async_conversation": ("AsyncConversation",),
    "async_reply_stream": ("AsyncReplyStream",),
    "client": ("Client",),
    "errors": (
        "Blocked",
        "ChatError",
        "ChatTimeout",
        "ConnectError",
        "IncompleteReply",
        "LimitReached",
        "NonceRejected",
        "ProtocolError",
        "QueryRejected",
        "ReplyError",
        "RouteNotFound",
        "StatusError",
        "TransportError",
        "UsageError",
    ),
    "messages": (
        "Action",
        "ActivityEvent",
        "Block",
        "EndEvent",
        "Event",
        "Message",
        "Reply",
        "Shortcut",
        "StoredFile",
        "TextEvent",
        "Usage",
    ),
    "onecall": ("agenerate", "astream", "generate", "stream"),
    "protocol.discovery": ("SiteInfo",),
    "protocol.discussions": ("Discussion",),
    "protocol.limits": ("Limits",),
    "protocol.page": ("PageBot",),
    "protocol.prompt": ("fold_prompt",),
    "protocol.public_api": ("Chatbot",),
    "protocol.site": ("Era",),
    "provider": ("Chatgpt4Online",),
    "retries": ("RetryPolicy",),
    "settings": ("Timeout",),
    "sync_conversation": ("Conversation",),
    "sync_reply_stream": ("ReplyStream",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Action",
    "ActivityEvent",
    "AsyncClient",
    "AsyncConversation",
    "AsyncReplyStream",
    "Block",
    "Blocked",
    "ChatError",
    "ChatTimeout",
    "Chatbot",
    "Chatgpt4Online",
    "Client",
    "ConnectError",
    "Conversation",
    "Discussion",
    "EndEvent",
    "Era",
    "Event",
    "IncompleteReply",
    "LimitReached",
    "Limits",
    "Message",
    "NonceRejected",
    "PageBot",
    "ProtocolError",
    "QueryRejected",
    "Reply",
    "ReplyError",
    "ReplyStream",
    "RetryPolicy",
    "RouteNotFound",
    "Shortcut",
    "SiteInfo",
    "StatusError",
    "StoredFile",
    "TextEvent",
    "Timeout",
    "TransportError",
    "Usage",
    "UsageError",
    "agenerate",
    "astream",
    "fold_prompt",
    "generate",
    "stream",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
