"""The command ``chatgpt4online``: the reply on stdout, all else on stderr."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from . import __version__
from .client import Client
from .errors import ChatError, UsageError
from .messages import Reply, TextEvent
from .terminal import harmless

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
DEMO_PACE = 0.05


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: what follows the command's name; None for those of the process.

    Returns:
        The exit code: 0 done, 1 error, 2 usage, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Not every terminal can show all of Unicode, and a reply may hold half a character.
            stream.reconfigure(errors="replace")
    try:
        return _ask(options)
    except UsageError as error:
        _complain(str(error))
        return USAGE
    except ChatError as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        _complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; Python's own flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chatgpt4online", description="Talk to an AI Engine chatbot (WordPress)."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ask = commands.add_parser(
        "ask",
        help="ask one question and print the reply as it comes",
        description="Ask one question and print the reply as it comes.",
        epilog="Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.",
    )
    ask.add_argument("prompt", nargs="?", help="the question; read from stdin when left out")
    where = ask.add_mutually_exclusive_group()
    where.add_argument(
        "--site",
        metavar="URL",
        help="the site, its REST root, or its chatbot's page (default: $CHATGPT4ONLINE_SITE)",
    )
    where.add_argument(
        "--demo", action="store_true", help="ask an offline bot on a site that runs meanwhile"
    )
    ask.add_argument("--bot", metavar="ID", help="the chatbot's id (default: the site's default)")
    ask.add_argument("--proxy", metavar="URL", help="an http or https proxy")
    ask.add_argument(
        "--no-stream", action="store_true", help="ask for one answer and print it when complete"
    )
    ask.add_argument("--json", action="store_true", help="print the complete reply as JSON")
    return parser


def _ask(options: argparse.Namespace) -> int:
    prompt = options.prompt
    if prompt is None:
        if sys.stdin.isatty():
            print("Type the question, then Ctrl-D:", file=sys.stderr)
        prompt = sys.stdin.read().strip()
    with (
        _site(options) as site,
        Client(site, options.bot, proxy="" if options.demo else options.proxy) as client,
    ):
        if options.json or options.no_stream:
            reply = client.generate(prompt, stream=not options.no_stream)
            _print(_as_json(reply) if options.json else reply.text, sys.stdout)
        else:
            _print_stream(client, prompt)
    return DONE


@contextlib.contextmanager
def _site(options: argparse.Namespace) -> Iterator[str | None]:
    if not options.demo:
        yield options.site
        return
    from .server import LocalSite

    with LocalSite(pace=DEMO_PACE) as site:
        print(f"Asking the demo site at {site.url}", file=sys.stderr)
        yield site.url


def _print_stream(client: Client, prompt: str) -> None:
    shown = ""
    try:
        with client.stream(prompt) as stream:
            for event in stream.events():
                if isinstance(event, TextEvent):
                    shown = event.text
                    _write(shown, sys.stdout)
    finally:
        if shown and not shown.endswith("\n"):
            _write("\n", sys.stdout)


def _print(text: str, output: TextIO) -> None:
    _write(text if text.endswith("\n") else text + "\n", output)


def _write(text: str, output: TextIO) -> None:
    output.write(harmless(text) if output.isatty() else text)
    output.flush()


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        _print(f"chatgpt4online: {text}", sys.stderr)


def _as_json(reply: Reply) -> str:
    return json.dumps(dataclasses.asdict(reply), ensure_ascii=False, indent=2)
