"""The commands, each imported when it is used, and how they end."""

from __future__ import annotations

import difflib
import importlib
import os
import shlex
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from .. import __version__
from ..errors import ChatError, UsageError
from .output import OutputError, replace_unprintable, say, silence_stdout, warn

COMPLETION_VARIABLE = "_CHATGPT4ONLINE_COMPLETE"
"""Shells set it to ask for completions; click gives it its meaning."""

_NAME = "chatgpt4online"
DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "ask": ("ask", "Ask one question and print the reply as it arrives."),
    "chat": ("chat", "Talk to the chatbot at a prompt."),
    "inspect": ("inspect", "Find out what keeps a site's chatbot from working."),
    "check": ("check", "Test a chatbot with the cases of a TOML file."),
    "batch": ("batch", "Ask many questions and write the replies to a file."),
    "serve": ("serve", "Serve a chatbot on this machine, as AI Engine and OpenAI do."),
    "history": ("history", "List, show, export and delete saved conversations."),
    "config": ("config", "Name sites in a configuration file, and keep their secrets."),
    "completion": ("completion", "Print the code that completes commands in a shell."),
}
"""The module of each command, and what it does in one line."""


class Commands(click.Group):
    """The commands. A question without a command is for ``ask``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; return None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}", __package__)
        command: click.Command = module.command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``ask`` before a question, and before piped input."""
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().parse_args(ctx, args)
        if args == ["help"]:
            args = ["--help"]
        known = {name for item in self.get_params(ctx) for name in item.opts}
        piped = not args and sys.stdin is not None and not sys.stdin.isatty()
        if piped or (args and args[0] not in known and self._is_question(args)):
            args = ["ask", *args]
        return super().parse_args(ctx, args)

    def _is_question(self, args: list[str]) -> bool:
        first = args[0]
        if first in COMMANDS:
            return False
        several_words = " " in first or (len(args) > 1 and not args[1].startswith("-"))
        if first.startswith("-") or several_words:
            return True
        # A single word that looks like a command is a mistake more often than a question.
        if close := difflib.get_close_matches(first, COMMANDS, cutoff=0.6):
            raise UsageError(
                f"There is no command {first!r}. Did you mean {close[0]!r}? "
                f"To ask it: {shlex.join([_NAME, 'ask', *args])}"
            )
        return True

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=_NAME, message="%(prog)s %(version)s")
def commands() -> None:
    """Talk to an AI Engine chatbot (WordPress).

    chatgpt4online "a question" is short for chatgpt4online ask "a question".

    Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    replace_unprintable()
    if wanted := os.environ.get(COMPLETION_VARIABLE):
        return shell_complete(commands, {}, _NAME, COMPLETION_VARIABLE, wanted)
    try:
        with commands.make_context(_NAME, list(arguments)) as context:
            code = commands.invoke(context)
        return code if isinstance(code, int) else DONE
    except click.exceptions.Exit as done:  # of --help and --version
        return done.exit_code
    except click.ClickException as error:
        return _explain(error)
    except ChatError as error:
        warn(str(error))
        return USAGE if isinstance(error, UsageError) else FAILED
    except (KeyboardInterrupt, EOFError, click.Abort):
        warn("Interrupted.")
        return INTERRUPTED
    except OutputError as error:
        return _give_up_output(str(error), error.__cause__)
    except OSError as error:  # of a help text, which click prints
        what = error.filename or "The output cannot be written"
        return _give_up_output(f"{what}: {error.strerror}.", error)


def _explain(error: click.ClickException) -> int:
    """Say what is wrong with the command line, and return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return USAGE
    warn(error.format_message())
    if not isinstance(error, click.UsageError):
        return FAILED
    if error.ctx is not None:
        say(f"Try: {error.ctx.command_path} --help")
    return USAGE


def _give_up_output(text: str, cause: BaseException | None) -> int:
    silence_stdout()
    if not isinstance(cause, BrokenPipeError):  # such as that of: ... | head -1
        warn(text)
    return FAILED
