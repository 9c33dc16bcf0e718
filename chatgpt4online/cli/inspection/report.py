"""The report of an inspection, for a terminal and as JSON."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ...protocol.discovery import SiteInfo
from .findings import Finding
from .turn import Turn, pauses_of

_WIDEST = 100
_INDENT = " " * 9


@dataclass(frozen=True, slots=True)
class Report:
    """What an inspection has found.

    Attributes:
        site: The address that was inspected.
        findings: All findings, in their order.
        info: What the client knows about the site; None if it found nothing.
        turn: The turn; None if no prompt was sent.
    """

    site: str
    findings: tuple[Finding, ...]
    info: SiteInfo | None = None
    turn: Turn | None = None


def as_text(report: Report) -> str:
    """Return a report as text."""
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    lines = [report.site, ""]
    for item in report.findings:
        lines += _lines(item, width)
    return "\n".join([*lines, "", _summary(report)])


def _lines(item: Finding, width: int) -> Iterator[str]:
    first = f"{item.level:<{len(_INDENT)}}{item.title}"
    if item.level == "ok" and item.detail:
        yield _wrapped(f"{first}: {item.detail}", width)
        return
    yield first
    for text in (item.detail, item.advice and f"What to do: {item.advice}"):
        if text:
            yield _wrapped(_INDENT + text, width)


def _wrapped(text: str, width: int) -> str:
    # What an owner may copy, such as the name of a header or a URL, stays in one piece.
    return textwrap.fill(
        text,
        width,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _summary(report: Report) -> str:
    counts = Counter(item.level for item in report.findings)
    problems, notes = counts["problem"], counts["note"]
    return (
        f"{problems or 'No'} problem{'' if problems == 1 else 's'}, "
        f"{notes or 'no'} note{'' if notes == 1 else 's'}."
    )


def as_json_text(report: Report) -> str:
    """Return a report as a JSON object."""
    info = report.info
    shown = {
        "site": report.site,
        "root": info.root if info else None,
        "era": info.era.name if info and info.era else None,
        "has_plugin": info.has_plugin if info else None,
        "bots": _bots(info) if info else [],
        "turn": _turn(report.turn) if report.turn else None,
        "findings": [asdict(item) for item in report.findings],
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)


def _bots(info: SiteInfo) -> list[dict[str, Any]]:
    names = (
        "bot_id", "custom_id", "mode", "input_limit", "uploads", "max_uploads", "streaming",
        "start_sentence",
    )  # fmt: skip
    return [{name: getattr(bot, name) for name in names} for bot in info.bots]


def _turn(turn: Turn) -> dict[str, Any]:
    exchange = turn.exchange
    return {
        "answered": turn.answered,
        "first_piece": turn.pieces[0] if turn.pieces else None,
        "last_piece": turn.pieces[-1] if turn.pieces else None,
        "total": turn.total,
        "pieces": len(turn.pieces),
        "bursts": len(pauses_of(turn.pieces)) + 1 if turn.pieces else 0,
        "characters": turn.characters,
        "complete": turn.error is None,
        "http_version": exchange.version if exchange else None,
        "headers": dict(exchange.headers) if exchange else {},
    }
