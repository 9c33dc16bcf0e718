"""``check``: regression tests of a chatbot."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ChatError, UsageError
from ..protocol.address import origin, parse_address
from .checks.cases import Case, read_cases
from .checks.results import Result, unanswered
from .checks.runner import Subject, run_cases
from .completing import complete_site
from .configuration import read_config
from .output import is_terminal, write
from .parameters import Parameters, parameter_options
from .target import Target, find_target, target_options

if TYPE_CHECKING:
    from rich.text import Text

_REPORT = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@target_options
@parameter_options
@click.option(
    "--against",
    metavar="NAME|URL",
    shell_complete=complete_site,
    help="A second site to compare with.",
)
@click.option(
    "--against-bot", metavar="ID", help="Its chatbot, or a second chatbot of the same site."
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="N",
    help="Run each case N times. How many times it must pass changes in proportion.",
)
@click.option(
    "-k", "--only", metavar="TEXT", default="", help="Only run cases with this text in their name."
)
@click.option(
    "-n",
    "--concurrency",
    type=click.IntRange(min=1),
    metavar="N",
    default=2,
    show_default=True,
    help="The most conversations with a chatbot at the same time.",
)
@click.option("--junit", type=_REPORT, metavar="FILE", help="Write a report for CI, as JUnit XML.")
@click.option("--html", type=_REPORT, metavar="FILE", help="Write a report with all replies.")
def command(
    target: Target,
    file: Path,
    parameters: Parameters,
    against: str | None,
    against_bot: str | None,
    repeat: int | None,
    only: str,
    concurrency: int,
    junit: Path | None,
    html: Path | None,
) -> int:
    """Test a chatbot with the cases of a TOML file.

    With --against or --against-bot, a second chatbot gets the same prompts, and the report shows
    which cases the first one does worse or better. Only the first one can fail the check.

    Exit codes: 0 all cases passed, 1 a case failed or another error, 2 usage, 130 interrupted.
    """
    from .checks.report import TerminalReport

    cases = _chosen(read_cases(file), only, repeat)
    _check_folders(junit, html)
    start = datetime.now().astimezone()
    with _subjects(target, parameters, against, against_bot) as subjects:
        report = TerminalReport(cases, subjects)
        print_lines = _printer()
        print_lines(report.head())
        save = functools.partial(_save_reports, junit, html, file.name, subjects, start)
        try:
            results = asyncio.run(
                run_cases(
                    cases, subjects, concurrency, lambda result: print_lines(report.result(result))
                )
            )
        except UsageError:
            raise
        except ChatError as error:
            save([unanswered(case, len(subjects), str(error)) for case in cases])
            raise
        print_lines(report.foot(results))
    save(results)
    return 0 if all(result.passed for result in results) else 1


def _chosen(cases: Sequence[Case], only: str, repeat: int | None) -> list[Case]:
    chosen = [case for case in cases if only.casefold() in case.name.casefold()]
    if not chosen:
        raise UsageError(f"No case has {only!r} in its name.")
    return [case if repeat is None else case.repeated(repeat) for case in chosen]


def _check_folders(*paths: Path | None) -> None:
    """Find out before the prompts are sent that a report has no place."""
    for path in paths:
        if path is not None and not path.parent.is_dir():
            raise UsageError(f"There is no folder {path.parent}.")


@contextlib.contextmanager
def _subjects(
    target: Target, parameters: Parameters, against: str | None, against_bot: str | None
) -> Iterator[list[Subject]]:
    """Yield the chatbot to check, and the one to compare it with."""
    with contextlib.ExitStack() as stack:
        entries = [target.site]
        arguments = [stack.enter_context(target.arguments())]
        if against is not None:
            given = {"bot": against_bot}
            entry = find_target(read_config(), against, demo=False, given=given).site
            entries.append(replace(entry, timeout=entry.timeout or target.site.timeout))
            # The secrets in the environment are those of the first site.
            same = origin(entry.url) == origin(target.site.url)
            arguments.append(stack.enter_context(Target(entry, environment=same).arguments()))
        elif against_bot is not None:
            entries.append(replace(target.site, bot=against_bot))
            arguments.append({**arguments[0], "bot_id": against_bot})
        yield [
            _subject(given, parameters.for_site(entry))
            for entry, given in zip(entries, arguments, strict=True)
        ]


def _subject(arguments: Mapping[str, Any], options: Mapping[str, Any]) -> Subject:
    """Return a chatbot. Its label has its id, its site without scheme, and its model."""
    bot, model = arguments["bot_id"], options["model"]
    place = parse_address(arguments["site"]).page.partition("://")[2].rstrip("/")
    label = f"{bot} at {place}" if bot else place
    return Subject(f"{label}, {model}" if model else label, arguments, options)


def _printer() -> Callable[[Iterator[Text]], None]:
    """Return a function that prints lines, in colour on a terminal."""
    if is_terminal(sys.stdout):
        from rich.console import Console
        from rich.text import Text

        console = Console()
        return lambda lines: console.print(Text("\n").join(lines))
    return lambda lines: write("".join(f"{line.plain}\n" for line in lines))


def _save_reports(
    junit: Path | None,
    html: Path | None,
    name: str,
    subjects: Sequence[Subject],
    start: datetime,
    results: Sequence[Result],
) -> None:
    if junit is not None:
        from .checks.junit import junit_xml

        _save(junit, junit_xml(results, name, subjects[0].label, start))
    if html is not None:
        from .checks.page import html_page

        _save(html, html_page(results, name, subjects, start))


def _save(path: Path, report: bytes) -> None:
    try:
        path.write_bytes(report)
    except OSError as error:
        raise click.ClickException(f"Cannot write {path}: {error.strerror}.") from error
