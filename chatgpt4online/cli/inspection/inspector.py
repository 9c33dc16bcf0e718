"""Inspecting a site: what the client meets there, step by step."""

from __future__ import annotations

from ...errors import Blocked, ChatError, UsageError
from ...protocol.discovery import SiteInfo
from ...sync.client import Client
from ..target import Target
from .failures import explain
from .findings import Finding, has_problems
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
        info, found = _discover(client, target, traffic)
        turn = None
        if prompt is not None and not has_problems(found):
            turn = take_turn(client, prompt, traffic)
        found += front_findings(site, traffic)
        found += cache_findings(info.era if info else None, traffic)
        if info is not None and (turn is None or not isinstance(turn.error, Blocked)):
            found.append(Finding("ok", "Walls", "None has stopped the client."))
        if turn is not None:
            found += turn_findings(turn, uses_api=target.site.public_api)
        elif prompt is not None:
            found.append(Finding("note", "The prompt was not sent", advice="Solve what is above."))
    return Report(site, tuple(dict.fromkeys(found)), info, turn)


def _discover(
    client: Client, target: Target, traffic: Traffic
) -> tuple[SiteInfo | None, list[Finding]]:
    """Return what the client knows about the site, if anything, and the findings from that."""
    try:
        info = client.discover()
    except UsageError:
        raise
    except ChatError as error:
        return None, [explain(error, traffic.headers)]
    found = [*plugin_findings(info)]
    if info.has_plugin:
        session = [*session_findings(client, info, traffic)]
        found += session
        if not has_problems(session):
            found += credential_findings(client, target.site, traffic)
        found += bot_findings(info, target.site.bot)
    return info, found
