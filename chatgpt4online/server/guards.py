"""Who may use a server, from where, and with how much."""

from __future__ import annotations

import base64
import hmac
import ipaddress
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from .openai_answers import error_response
from .openai_dialect import PREFIX
from .openai_requests import InvalidRequest
from .responses import error

HEALTH = "/healthz"
LARGEST_REQUEST = 16 * 1024 * 1024
"""Bytes."""
API_USER = "api"
"""The user whose application password the API key is, in AI Engine's dialect."""


def is_loopback(host: str) -> bool:
    """Return whether only programs on this machine can reach a server on this address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_pages_only(host: str) -> Middleware:
    """Return a middleware against pages of other sites in a browser on this machine.

    Browsers name a page's origin in its requests. A page whose own host name has come to mean this
    machine still has that name in the Host header.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        foreign = origin is not None and origin.partition("://")[2] != request.host
        if foreign or (is_loopback(host) and not _is_named(request.host, host)):
            return refuse(request, 403, "forbidden", "Other sites' pages may not use this server.")
        return await handler(request)

    return check


def needs_key(api_key: str) -> Middleware:
    """Return a middleware that asks for an API key: as a bearer's token, or a user's password."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = _given_key(request.headers.get("Authorization", ""))
        if request.path == HEALTH or hmac.compare_digest(given, api_key.encode()):
            return await handler(request)
        response = refuse(request, 401, "invalid_api_key", "The API key is missing or wrong.")
        response.headers["WWW-Authenticate"] = 'Basic realm="chatgpt4online"'
        return response

    return check


@web.middleware
async def limit_size(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse requests that are too large, before or while they arrive."""
    try:
        if (request.content_length or 0) <= LARGEST_REQUEST:
            return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        pass
    return refuse(request, 413, "request_too_large", "The request is too large.")


def refuse(request: web.Request, status: int, code: str, message: str) -> web.Response:
    """Return an error in the dialect of the route."""
    if f"{request.path}/".startswith(f"{PREFIX}/"):
        return error_response(InvalidRequest(message, code=code, status=status))
    return error(status, code, message)


def _is_named(given: str, host: str) -> bool:
    try:
        name = urlsplit(f"//{given}").hostname or ""
    except ValueError:
        return False
    return name == host or is_loopback(name)


def _given_key(header: str) -> bytes:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode(errors="surrogateescape")
    if scheme.lower() != "basic":
        return b""
    try:
        user, _, password = base64.b64decode(value, validate=True).partition(b":")
    except ValueError:
        return b""
    return password if user == API_USER.encode() else b""
