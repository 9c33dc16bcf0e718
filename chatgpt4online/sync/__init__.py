"""The blocking client, on requests. Every module has its counterpart in `aio`."""
