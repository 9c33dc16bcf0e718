"""A local AI Engine site for tests and demos. It serves real HTTP on a loopback port.

With ``with`` it runs in a thread of its own, with ``async with`` in the running event loop::

    with LocalSite() as site:
        print(Client(site.url).generate("Hello"))

    async with LocalSite() as site:
        ...
"""

from .bots import Bot, offline_bot
from .local_site import LocalSite

__all__ = ["Bot", "LocalSite", "offline_bot"]
