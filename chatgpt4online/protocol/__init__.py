"""The AI Engine protocol without any I/O: bytes in, requests and events out.

- `prompt`: what a caller says, as new message and history.
- `address`, `nonce`: where a site is and how it lets a guest in.
- `chunks`, `jsontext`: bytes to events.
- `answers`: what a final answer means.
- `steps`: the table of all steps; `exchanges`, `opening`, `call`, `turn`: the exchanges.
- `site`: what has been learned about a site.

Nothing in here imports an HTTP library, a socket, a clock or logging.
"""
