"""The AI Engine protocol without any I/O.

Every exchange with a site is a *flow*: a generator that yields requests and is sent the
responses. The clients run flows over HTTP. Nothing in this package imports an HTTP library, a
socket, a clock or a logger.

- `http`: requests, responses and flows.
- `address`, `site`: where a site is and what is known about it.
- `session`, `call`, `chat`: opening a session, calling a route, sending a prompt.
- `events`, `jsontext`, `answers`: from bytes to events, replies and errors.
- `prompt`, `page`, `files`, `discussions`, `public_api`, `discovery`: one feature each.
"""
