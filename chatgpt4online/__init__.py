"""A Python client for AI Engine, the WordPress chatbot plugin.

    from chatgpt4online import Client

    with Client("https://example.com") as client:
        for piece in client.stream("Hello there"):
            print(piece, end="", flush=True)

`AsyncClient` is the same for asyncio. The modules:

- `sync`, `aio`: each with its client, conversation, reply stream, transport (one HTTP request and
  its response) and runner (sessions and retries).
- `protocol`: what is sent and what the answers mean, without any I/O.
- `config`, `models`, `errors`: the types that callers see.
- `settings`, `network`, `transport_errors`, `calls`, `retries`, `uploads`, `conversation`,
  `reply_stream`: what both clients share. `settings` checks a client's arguments; `network` knows
  deadlines, proxies, certificates and headers; `calls` whether a prompt may have run.
- `onecall`, `batches`, `dask`, `provider`, `cli`: on top of the clients. `server`: a local site to
  test against. `testing`: the plugin for pytest, a scripted site, and helpers for mocks.
- `llm_plugin`, `g4f_provider`: for llm and g4f, which import them.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # importing typing takes longer than all the rest

__version__ = "0.1.0"

# Names are imported when they are first used, so that an import loads no HTTP library (PEP 562).
_MODULES = {
    "aio.client": ("AsyncClient",),
    "aio.conversation": ("AsyncConversation",),
    "aio.stream": ("AsyncReplyStream",),
    "batches": ("BatchResult", "batch"),
    "config": ("Limits", "RetryPolicy", "Timeout"),
    "errors": (
        "ApprovalRequired", "AuthenticationError", "Blocked", "ChatError", "ChatTimeout",
        "ConnectError", "IncompleteReply", "LimitReached", "NonceRejected", "PromptTooLong",
        "ProtocolError", "QueryRejected", "RateLimited", "ReplyError", "RouteNotFound",
        "StatusError", "TransportError", "UsageError",
    ),
    "models": (
        "Action", "ActivityEvent", "Block", "EndEvent", "Event", "Message", "Reply", "Shortcut",
        "StoredFile", "TextEvent", "Usage",
    ),
    "onecall": ("agenerate", "astream", "generate", "stream"),
    "protocol.discovery": ("SiteInfo",),
    "protocol.discussions": ("Discussion",),
    "protocol.page": ("PageBot",),
    "protocol.prompt": ("PromptInput", "fold_prompt"),
    "protocol.public_api": ("Chatbot",),
    "protocol.site": ("Era",),
    "provider": ("Chatgpt4Online",),
    "sync.client": ("Client",),
    "sync.conversation": ("Conversation",),
    "sync.stream": ("ReplyStream",),
    "uploads": ("FileInput", "Progress"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

# fmt: off
if TYPE_CHECKING:
    from .aio.client import AsyncClient
    from .aio.conversation import AsyncConversation
    from .aio.stream import AsyncReplyStream
    from .batches import BatchResult, batch
    from .config import Limits, RetryPolicy, Timeout
    from .errors import (
        ApprovalRequired, AuthenticationError, Blocked, ChatError, ChatTimeout, ConnectError,
        IncompleteReply, LimitReached, NonceRejected, PromptTooLong, ProtocolError, QueryRejected,
        RateLimited, ReplyError, RouteNotFound, StatusError, TransportError, UsageError,
    )
    from .models import (
        Action, ActivityEvent, Block, EndEvent, Event, Message, Reply, Shortcut, StoredFile,
        TextEvent, Usage,
    )
    from .onecall import agenerate, astream, generate, stream
    from .protocol.discovery import SiteInfo
    from .protocol.discussions import Discussion
    from .protocol.page import PageBot
    from .protocol.prompt import PromptInput, fold_prompt
    from .protocol.public_api import Chatbot
    from .protocol.site import Era
    from .provider import Chatgpt4Online
    from .sync.client import Client
    from .sync.conversation import Conversation
    from .sync.stream import ReplyStream
    from .uploads import FileInput, Progress

__all__ = [
    "Action", "ActivityEvent", "ApprovalRequired", "AsyncClient", "AsyncConversation",
    "AsyncReplyStream", "AuthenticationError", "BatchResult", "Block", "Blocked", "ChatError",
    "ChatTimeout", "Chatbot", "Chatgpt4Online", "Client", "ConnectError", "Conversation",
    "Discussion", "EndEvent", "Era", "Event", "FileInput", "IncompleteReply", "LimitReached",
    "Limits", "Message", "NonceRejected", "PageBot", "Progress", "PromptInput", "PromptTooLong",
    "ProtocolError", "QueryRejected", "RateLimited", "Reply", "ReplyError", "ReplyStream",
    "RetryPolicy", "RouteNotFound", "Shortcut", "SiteInfo", "StatusError", "StoredFile",
    "TextEvent", "Timeout", "TransportError", "Usage", "UsageError", "agenerate", "astream",
    "batch", "fold_prompt", "generate", "stream",
]
# fmt: on


if not TYPE_CHECKING:  # so that a misspelt import is an error for type checkers

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
