"""Sites to inspect, and what an inspection has found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import requests

from ...loopback import (
    Connection,
    Handler,
    Received,
    ai_site,
    response,
    send,
)
from ...recordings import Recording

LONG_PROMPT = "one two three four five six seven eight nine ten eleven twelve"
PAGE = '<!DOCTYPE html><html><link rel="https://api.w.org/" href="/wp-json/"></html>'


NO_ROUTE = response('{"code":"rest_no_route","data":{"status":404}}', 404)
CLOUDFLARE = "<!DOCTYPE html><html><title>Just a moment...</title></html>"


class Inspection:
    """An inspection with ``--json``, by the titles of its findings."""

    def __init__(self, code: int, out: str) -> None:
        self.code = code
        self.out = out
        self.report: dict[str, Any] = json.loads(out)
        self.findings = {item["title"]: item for item in self.report["findings"]}
        assert len(set(map(str, self.report["findings"]))) == len(self.report["findings"])

    def level(self, title: str) -> str | None:
        finding = self.findings.get(title)
        return None if finding is None else finding["level"]

    @property
    def problems(self) -> list[str]:
        return [title for title in self.findings if self.level(title) == "problem"]


Inspect = Callable[..., Inspection]


def plain_site(submit: Handler) -> Handler:
    """Return the handler of a site whose page shows no chatbot."""

    def handle(connection: Connection, request: Received) -> None:
        is_page = request.method == "GET" and "users/me" not in request.target
        (send(response(PAGE)) if is_page else ai_site(submit))(connection, request)

    return handle


def recorded_site(version: str, front: str, *headers: str, turn: str = "stream-hello") -> Handler:
    """Return the handler of a recorded site, whose page has more headers."""

    def handle(connection: Connection, request: Received) -> None:
        folder = Recording(f"{version}/{front}/x")
        is_page = request.method == "GET"
        served = folder.sibling("page", "page-chat") if is_page else folder.sibling(turn)
        if "start_session" in request.target:
            served = folder.sibling("start_session")
        assert served is not None
        head, _, rest = served.response.partition(b"\r\n")
        more = "".join(f"{line}\r\n" for line in headers * is_page).encode()
        connection.send(head + b"\r\n" + more + rest)
        connection.close()

    return handle


def buffering_proxy(site: str, *headers: str, gzipped: bool = False) -> Handler:
    """Return the handler of a proxy that passes a reply on once it has all of it."""

    def handle(connection: Connection, request: Received) -> None:
        names = ("accept", "content-type", "x-wp-nonce", "cookie")
        passed = {name: request.headers[name] for name in names if name in request.headers}
        with requests.Session() as session:
            session.trust_env = False
            url = site + request.target
            got = session.request(request.method, url, data=request.body, headers=passed)
        lines = [f"Content-Type: {got.headers['Content-Type']}", *headers]
        if "Set-Cookie" in got.headers:
            lines.append(f"Set-Cookie: {got.headers['Set-Cookie']}")
        body = got.content
        if gzipped:
            body = gzip.compress(body)
            lines.append("Content-Encoding: gzip")
        connection.send(response(body, got.status_code, *lines))

    return handle
