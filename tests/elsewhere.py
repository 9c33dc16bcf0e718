"""What stands between a client and its site: proxies, and certificates."""

from __future__ import annotations

import ssl
from pathlib import Path

from chatgpt4online import RetryPolicy

from . import loopback
from .loopback import Connection, Handler, Received, ai_site, answer

HELLO = ai_site(loopback.HELLO)
CERTIFICATE = str(Path(__file__).parent / "tls" / "cert.pem")
ONCE = RetryPolicy(attempts=1)
AT_ONCE = RetryPolicy(backoff=0)


def tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.replace("cert", "key"))
    return context


def proxy_server(seen: list[str]) -> Handler:
    """A proxy that answers in place of the sites that it is asked for."""

    def handle(connection: Connection, request: Received) -> None:
        seen.append(request.target)
        if request.method == "CONNECT":
            connection.send(answer("", 403))
            connection.close()
        else:
            HELLO(connection, request)

    return handle
