"""Inspecting a site: what the client meets there, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Blocked, ChatError, UsageError
from ...protocol.discovery import SiteInfo
from ...sync.client import Client
from ..target import Target
from .failures import explain
from .findings import Finding
from .report import Report
from .site import (
    bot_findings,
    cache_findings,
    credential_findings,
    front_findings,
    plugin_findings,
    session_findings,
)
from .traffic import Traffic
from .turn import take_turn, turn_findings


def inspect_site(target: Target, prompt: str | None) -> Report:
    """Return what is found about a site.

    Args:
        target: The site, and how to reach it.
        prompt: What to send to the chatbot; None to send nothing.

    Raises:
        UsageError: An argument is invalid.
    """
    traffic = Traffic()
    with target.arguments() as arguments, traffic.client(arguments) as client:
        site = arguments["site"]
        try:
            info = client.discover()
        except UsageError:
            raise
        except ChatError as error:
            failure = explain(error, traffic.headers)
            return Report(site, (failure, *_around(site, None, traffic)))
        found = [*plugin_findings(info)]
        turn = None
        if info.has_plugin:
            found += _inside(client, target, info, traffic)
            if prompt is not None and not any(item.level == "problem" for item in found):
                turn = take_turn(client, prompt, traffic)
        found += _around(site, info, traffic)
        if turn is None or not isinstance(turn.error, Blocked):
            found.append(Finding("ok", "Walls", "None has stopped the client."))
        if turn is not None:
            found += turn_findings(turn, uses_api=target.site.token)
    return Report(site, tuple(dict.fromkeys(found)), info, turn)


def _inside(client: Client, target: Target, info: SiteInfo, traffic: Traffic) -> Iterator[Finding]:
    session = [*session_findings(client, info, traffic)]
    yield from session
    if all(item.level == "ok" for item in session):
        yield from credential_findings(client, target.site, traffic)
    yield from bot_findings(info, target.site.bot)


def _around(site: str, info: SiteInfo | None, traffic: Traffic) -> Iterator[Finding]:
    yield from front_findings(site, traffic)
    yield from cache_findings(info.era if info else None, traffic)
