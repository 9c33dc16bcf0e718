"""An AI Engine site in miniature, for tests and demonstrations: real HTTP on loopback.

Blocking callers get it in a thread of its own, asyncio callers in their loop::

    with LocalSite() as site:
        print(Client(site.url).generate("Hello"))

    async with LocalSite() as site:
        ...
"""

from .bots import Bot, offline_bot
from .local_site import LocalSite

__all__ = ["Bot", "LocalSite", "offline_bot"]
