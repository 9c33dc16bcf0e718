"""The responses of aioresponses."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import aiohttp


class MockedResponse(aiohttp.ClientResponse):
    """A response that aioresponses 0.7.9 can make with aiohttp 3.14.

    That version does not know an argument that aiohttp requires from then on.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
            options.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*arguments, **options)
