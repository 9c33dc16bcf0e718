"""Findings about a site: its plugin, session, credentials and chatbots, and what is in front."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...errors import ChatError
from ...network import is_private
from ...protocol.discovery import SiteInfo
from ...protocol.page import PageBot
from ...protocol.session import USERS_ME
from ...protocol.site import Era
from ...sync.client import Client
from ..configuration import SiteEntry
from .failures import ROUTES, explain
from .findings import Finding
from .traffic import CACHE_HEADERS, Exchange, Traffic, without_query

_NONCE_LIFE = 12 * 60 * 60
"""Seconds that a nonce is valid at least."""
_NONCES = {
    Era.START_SESSION: "The nonce comes from start_session.",
    Era.PAGE_NONCE: "The nonce comes from the page.",
    Era.NO_NONCE: "The plugin needs no nonce.",
}


def plugin_findings(info: SiteInfo) -> Iterator[Finding]:
    """Yield what is found about the REST API and the plugin."""
    yield Finding("ok", "REST root", info.root)
    if not info.has_plugin:
        yield Finding(
            "problem",
            "AI Engine is not active",
            "WordPress answers, but it has no route of the plugin's chatbots (rest_no_route).",
            "Install AI Engine, activate it, and switch its chatbots on.",
        )
    elif info.era is Era.START_SESSION:
        # A page says how many files a message may have since this version.
        newer = any(bot.max_uploads for bot in info.bots)
        yield Finding("ok", "AI Engine", f"Version {'3.1.2' if newer else '2.4.4'} or later.")
    elif info.era is not None:
        versions = info.era.value.partition(":")[0]
        yield Finding("note", "AI Engine is old", f"Version {versions}.", "Update the plugin.")


def session_findings(client: Client, info: SiteInfo, traffic: Traffic) -> Iterator[Finding]:
    """Yield whether the site lets the client in."""
    try:
        client.open_session()
    except ChatError as error:
        yield explain(error, traffic.headers)
        return
    assert info.era is not None
    yield Finding("ok", "Session", _NONCES[info.era])


def credential_findings(client: Client, entry: SiteEntry, traffic: Traffic) -> Iterator[Finding]:
    """Yield what is found about the user or the token. The session is open."""
    if entry.public_api:
        try:
            client.check_auth()
        except ChatError as error:
            yield explain(error, traffic.headers, uses_token=True)
        else:
            yield Finding("ok", "Credentials", "The public API accepts the token.")
    elif not entry.user:
        yield Finding("ok", "Credentials", "The client is a guest.")
    elif (answer := traffic.last(USERS_ME)) is not None and answer.status == 200:
        yield Finding("ok", "Credentials", f"The site knows {entry.user}.")
    else:
        yield Finding(
            "note",
            "The password cannot be checked",
            f"The site hides the route {USERS_ME}, and WordPress serves a wrong password as a "
            "guest.",
            "Allow this route in the security plugin that hides it.",
        )


def bot_findings(info: SiteInfo, wanted: str | None) -> Iterator[Finding]:
    """Yield the chatbots on the page."""
    for bot in info.bots:
        yield Finding(
            "ok", f"Chatbot {bot.bot_id or bot.custom_id or 'without an id'}", _limits(bot)
        )
        if not bot.streaming:
            yield Finding(
                "note",
                "The page does not stream",
                "It shows its visitors each reply once it is complete.",
                "Switch Streaming on in the plugin's settings.",
            )
    if not info.bots:
        yield Finding(
            "note",
            "No chatbot is on the page",
            "Its limits are unknown.",
            "Inspect the page that shows the chatbot.",
        )
    elif wanted and wanted not in [bot.bot_id for bot in info.bots]:
        yield Finding(
            "note",
            f"Chatbot {wanted} is not on the page",
            "Many versions of the plugin answer for an unknown id with the default chatbot.",
            "Check the id, or inspect the page that shows the chatbot.",
        )


def _limits(bot: PageBot) -> str:
    length = "any length"
    if bot.input_limit is not None:
        length = f"up to {bot.input_limit} characters"
    files = "no files"
    if bot.uploads:
        files = f"up to {bot.max_uploads} files" if bot.max_uploads else "one file"
    return f"Messages may have {length}, and {files}. Mode: {bot.mode or 'chat'}."


def front_findings(site: str, traffic: Traffic) -> Iterator[Finding]:
    """Yield what is found about redirects, servers and caches in front of the site."""
    if not traffic.exchanges:
        return
    if not is_private(site):
        yield Finding(
            "note",
            "The site uses plain http",
            "Others can read what is sent, so no password is sent to it.",
            "Get a certificate, and use https.",
        )
    yield from _redirects(traffic)
    headers = traffic.headers
    server = [headers[name] for name in ("server", "via") if name in headers]
    if "cf-ray" in headers and "cloudflare" not in " ".join(server).lower():
        server.append("Cloudflare")
    yield Finding("ok", "Server", ", ".join(server) or "It does not tell its name.")


def _redirects(traffic: Traffic) -> Iterator[Finding]:
    for item in traffic.exchanges:
        if item.redirect is not None:
            yield Finding(
                "note",
                "Redirect",
                f"{without_query(item.url)} redirects to {item.redirect}.",
                "Use the address that it redirects to. A prompt is never redirected.",
            )


def cache_findings(era: Era | None, traffic: Traffic) -> Iterator[Finding]:
    """Yield what is found about caches."""
    cached = [item for item in traffic.exchanges if _signs(item)]
    if traffic.exchanges and not cached:
        yield Finding("ok", "Caches", "Nothing came from a cache, as far as the headers tell.")
    for item in cached:
        if not item.is_page:
            yield Finding(
                "problem",
                "The REST API comes from a cache",
                f"Visitors share nonces and get old ones ({_signs(item)}).",
                f"Exclude {ROUTES} from the cache, and empty it.",
            )
        elif era is Era.PAGE_NONCE:
            yield Finding(
                "problem" if _age(item) >= _NONCE_LIFE else "note",
                "The page comes from a cache",
                "The nonce on it is valid for 12 to 24 hours, and a stale one refuses every "
                f"prompt ({_signs(item)}).",
                "Exclude the pages that show the chatbot from the cache, or keep them for less "
                "than 12 hours. Later versions of the plugin need no nonce on the page.",
            )
        else:
            yield Finding(
                "note",
                "The page comes from a cache",
                f"The chatbot works all the same, but new settings show late ({_signs(item)}).",
                "Empty the cache after you have changed the chatbot.",
            )


def _signs(item: Exchange) -> str:
    """Return the headers that say that a response came from a cache."""
    found = [name for name in CACHE_HEADERS if "hit" in item.headers.get(name, "").lower()]
    found += ["age"] if _age(item) else []
    return ", ".join(f"{name}: {item.headers[name]}" for name in found)


def _age(item: Exchange) -> int:
    age = item.headers.get("age", "")
    return int(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0
