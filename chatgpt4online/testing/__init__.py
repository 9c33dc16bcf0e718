"""Tests of code that talks to a chatbot: a scripted site, and helpers for mocks.

pytest loads `testing.plugin` by itself, which has the fixtures `ai_engine_site` and
`make_ai_engine_site`. Elsewhere, use the site as a context manager::

    with ScriptedSite() as site:
        site.reply("Hello!")
        assert Client(site.url).generate("Hi").text == "Hello!"
        site.verify()
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # importing typing takes time, and pytest imports this in every run

if TYPE_CHECKING:
    from .aiohttp_response import MockedResponse
    from .mocks import mock_aiohttp, mock_requests
    from .received import ReceivedRequest
    from .site import ScriptedSite

__all__ = ["MockedResponse", "ReceivedRequest", "ScriptedSite", "mock_aiohttp", "mock_requests"]

# Names are imported when they are first used, because the local site needs aiohttp.
_MODULE_OF = {
    "MockedResponse": "aiohttp_response",
    "ReceivedRequest": "received",
    "ScriptedSite": "site",
    "mock_aiohttp": "mocks",
    "mock_requests": "mocks",
}

if not TYPE_CHECKING:  # so that a misspelt import is an error for type checkers

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
