"""The command ``chatgpt4online``: replies go to stdout, everything else to stderr."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import ChatError, UsageError
from ..models import Reply
from ..settings import SITE_VARIABLE
from .terminal import harmless

if TYPE_CHECKING:
    from ..sync.client import Client

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_DEMO_PACE = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line without the command's name. Default: that of the process.

    Returns:
        The exit code: 0 done, 1 error, 2 usage, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every terminal can show all of Unicode, and a reply may contain a lone surrogate.
            stream.reconfigure(errors="replace")
    try:
        return _ask(options)
    except UsageError as error:
        _warn(str(error))
        return USAGE
    except ChatError as error:
        _warn(str(error))
        return FAILED
    except KeyboardInterrupt:
        _warn("Interrupted.")
        return INTERRUPTED
    except _OutputError as error:
        if sys.stdout is not None:
            # Python's own flush at exit must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error.__cause__, BrokenPipeError):
            _warn(str(error))
        return FAILED


class _OutputError(Exception):
    """The reply cannot be written to stdout."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatgpt4online", description="Talk to an AI Engine chatbot (WordPress)."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ask = commands.add_parser(
        "ask",
        help="ask one question and print the reply as it arrives",
        description="Ask one question and print the reply as it arrives.",
        epilog="Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.",
    )
    ask.add_argument("prompt", nargs="?", help="the question (default, and -: read it from stdin)")
    where = ask.add_mutually_exclusive_group()
    where.add_argument(
        "--site",
        metavar="URL",
        help="the site's home page, REST root or chatbot page (default: $CHATGPT4ONLINE_SITE)",
    )
    where.add_argument(
        "--demo", action="store_true", help="ask a built-in demo bot, without a network"
    )
    ask.add_argument("--bot", metavar="ID", help="the chatbot's id (default: the site's default)")
    ask.add_argument("--proxy", metavar="URL", help="an http, https or SOCKS proxy")
    ask.add_argument("--no-stream", action="store_true", help="print the reply once it is complete")
    ask.add_argument("--json", action="store_true", help="print the complete reply as JSON")
    return parser


def _ask(options: argparse.Namespace) -> int:
    # Importing it takes a while, and Ctrl-C must not end in a traceback in that time.
    from ..sync.client import Client

    if not options.demo and not options.site and not os.environ.get(SITE_VARIABLE):
        raise UsageError(f"No site is given: pass --site URL, set {SITE_VARIABLE}, or try --demo.")
    try:
        prompt = _read_prompt() if options.prompt in (None, "-") else options.prompt
        prompt.encode()  # Python turns bytes of an argument that are not UTF-8 into surrogates
    except UnicodeError:
        raise UsageError("The question is not UTF-8.") from None
    with (
        _site(options) as site,
        Client(site, options.bot, proxy="" if options.demo else options.proxy) as client,
    ):
        if options.json or options.no_stream:
            reply = client.generate(prompt, stream=not options.no_stream)
            _print(_as_json(reply) if options.json else reply.text)
            shown = reply.text
        else:
            shown, reply = _print_stream(client, prompt)
    if shown != reply.text:
        _warn("The site changed the reply at its end. Use --no-stream to print the final text.")
    if reply.images and not options.json:
        _warn(f"The reply has {len(reply.images)} images. Use --json to print them.")
    return DONE


def _read_prompt() -> str:
    if sys.stdin is None:
        raise UsageError("No question is given: pass one, or send it to stdin.")
    if sys.stdin.isatty():
        _warn("Type your question, then press Ctrl-D.")
    elif isinstance(sys.stdin, io.TextIOWrapper):
        # Files of Windows can begin with a byte order mark.
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    return sys.stdin.read().strip()


@contextlib.contextmanager
def _site(options: argparse.Namespace) -> Iterator[str | None]:
    if not options.demo:
        yield options.site
        return
    from ..server import LocalSite

    with LocalSite(pace=_DEMO_PACE) as site:
        _warn(f"Asking the demo site at {site.url}.")
        yield site.url


def _print_stream(client: Client, prompt: str) -> tuple[str, Reply]:
    """Print a reply as it arrives; return what was printed, and the reply."""
    shown: list[str] = []
    try:
        with client.stream(prompt) as stream:
            for piece in stream:
                shown.append(piece)
                _write(piece)
    finally:
        if shown and not shown[-1].endswith("\n"):
            _write("\n")
    return "".join(shown), stream.reply


def _print(text: str) -> None:
    _write(text if text.endswith("\n") else text + "\n")


def _write(text: str) -> None:
    if sys.stdout is None:
        raise _OutputError("The reply cannot be written: stdout is closed.")
    try:
        sys.stdout.write(harmless(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()
    except OSError as error:
        raise _OutputError(f"The reply cannot be written: {error.strerror}.") from error


def _warn(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            line = f"chatgpt4online: {text}\n"
            sys.stderr.write(harmless(line) if sys.stderr.isatty() else line)
            sys.stderr.flush()


def _as_json(reply: Reply) -> str:
    shown = dataclasses.asdict(dataclasses.replace(reply, raw={}))
    del shown["raw"]
    return json.dumps(shown, ensure_ascii=False, indent=2)
