"""The asyncio client, on aiohttp. Every module has its counterpart in `sync`."""
