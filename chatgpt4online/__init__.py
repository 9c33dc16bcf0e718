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
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .async_client import AsyncClient, AsyncReplyStream
    from .client import Client, ReplyStream
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
        ActivityEvent,
        EndEvent,
        Event,
        Extra,
        Message,
        Reply,
        TextEvent,
        Usage,
    )
    from .onecall import agenerate, astream, generate, stream
    from .protocol.limits import Limits
    from .protocol.prompt import fold_prompt
    from .provider import Chatgpt4Online
    from .retries import RetryPolicy
    from .settings import Timeout

# Names arrive on first use, so that an import loads no HTTP library (PEP 562).
_HOMES = {
    "async_client": ("AsyncClient", "AsyncReplyStream"),
    "client": ("Client", "ReplyStream"),
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
        "ActivityEvent",
        "EndEvent",
        "Event",
        "Extra",
        "Message",
        "Reply",
        "TextEvent",
        "Usage",
    ),
    "onecall": ("agenerate", "astream", "generate", "stream"),
    "protocol.limits": ("Limits",),
    "protocol.prompt": ("fold_prompt",),
    "provider": ("Chatgpt4Online",),
    "retries": ("RetryPolicy",),
    "settings": ("Timeout",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "ActivityEvent",
    "AsyncClient",
    "AsyncReplyStream",
    "Blocked",
    "ChatError",
    "ChatTimeout",
    "Chatgpt4Online",
    "Client",
    "ConnectError",
    "EndEvent",
    "Event",
    "Extra",
    "IncompleteReply",
    "LimitReached",
    "Limits",
    "Message",
    "NonceRejected",
    "ProtocolError",
    "QueryRejected",
    "Reply",
    "ReplyError",
    "ReplyStream",
    "RetryPolicy",
    "RouteNotFound",
    "StatusError",
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
