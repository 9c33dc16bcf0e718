"""``inspect``: what is there at a site, and what keeps its chatbot from working."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from ..errors import UsageError
from .completing import complete_site
from .output import write_line
from .target import Target, target_options


def _site_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the site as an argument, which means the same as ``--site``."""

    @functools.wraps(command)
    def with_site(named: str | None, site: str | None, **others: Any) -> Any:
        if named and site:
            raise UsageError("Pass SITE or --site, not both.")
        return command(site=named or site, **others)

    argument = click.argument(
        "named", metavar="[SITE]", required=False, shell_complete=complete_site
    )
    decorated: Callable[..., Any] = argument(with_site)
    return decorated


@click.command("inspect")
@_site_argument
@target_options
@click.option("--prompt", metavar="TEXT", help="Send this prompt, and watch the reply arrive.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(target: Target, prompt: str | None, as_json: bool) -> int:
    """Find out what is there at a site, and what keeps its chatbot from working.

    Each problem comes with what the site's owner can do about it. SITE is the same as --site.
    Without --prompt, nothing is sent to the chatbot.

    Exit codes: 0 no problem, 1 a problem, 2 usage, 130 interrupted.
    """
    from .inspection.findings import has_problems
    from .inspection.inspector import inspect_site
    from .inspection.report import as_json_text, as_text

    report = inspect_site(target, prompt)
    write_line(as_json_text(report) if as_json else as_text(report))
    return 1 if has_problems(report.findings) else 0
