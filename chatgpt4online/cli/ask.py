"""``ask``: one question, and its reply as it arrives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from ..models import EndEvent, Event, Reply, TextEvent, without_raw
from .attachments import watched_files
from .output import warn, write_line
from .parameters import chat_options
from .prompts import read_prompt
from .replies import show_stream
from .saving import Talk, saving_options, start_talk
from .target import Target, target_options


@click.command("ask")
@click.argument("words", nargs=-1, metavar="[QUESTION]...")
@target_options
@chat_options
@saving_options
@click.option("--no-stream", is_flag=True, help="Print the reply once it is complete.")
@click.option("--plain", is_flag=True, help="Do not render Markdown, which is done on a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the complete reply as JSON.")
@click.option("--events", "as_events", is_flag=True, help="Print a line of JSON for each event.")
@click.option("-v", "--verbose", is_flag=True, help="Show what the chatbot does, on stderr.")
def command(
    target: Target,
    words: Sequence[str],
    files: Sequence[str],
    options: dict[str, Any],
    save: bool | None,
    go_on: bool,
    no_stream: bool,
    plain: bool,
    as_json: bool,
    as_events: bool,
    verbose: bool,
) -> None:
    """Ask one question and print the reply as it arrives.

    What is piped in follows the question. Without a question, or with -, all of it is read from
    stdin.

    Exit codes: 0 done, 1 error, 2 usage, 130 interrupted.
    """
    if as_json and as_events:
        raise click.UsageError("Pass --json or --events, not both.")
    prompt = read_prompt(words)
    with target.client() as client, watched_files(files) as opened:
        talk = start_talk(client, target, save=save, go_on=go_on)
        options |= {"files": opened, "stream": not no_stream}
        if as_json or (no_stream and not as_events):
            reply = talk.conversation.generate(prompt, **options)
            shown = reply.text
            try:
                talk.save()
            finally:
                write_line(as_json_text(reply) if as_json else shown)
        elif as_events:
            shown, reply = _print_events(talk, prompt, options)
        else:
            with talk.stream(prompt, **options) as stream:
                shown = show_stream(stream, plain=plain, verbose=verbose)
            reply = stream.reply
    if shown != reply.text and not as_events:
        warn("The site changed the reply at its end. Use --no-stream to print the final text.")
    if reply.images and not (as_json or as_events):
        warn(f"Images in the reply: {len(reply.images)}. Use --json to print them.")
    elif not reply.text.strip():
        warn("The reply is empty.")


def as_json_text(reply: Reply) -> str:
    """Return a reply as a JSON object."""
    return json.dumps(without_raw(reply), ensure_ascii=False, indent=2)


def _print_events(talk: Talk, prompt: str, options: dict[str, Any]) -> tuple[str, Reply]:
    with talk.stream(prompt, **options) as stream:
        for event in stream.events():
            write_line(json.dumps(_event_as_dict(event), ensure_ascii=False))
    return stream.reply.text, stream.reply


def _event_as_dict(event: Event) -> dict[str, Any]:
    if isinstance(event, TextEvent):
        return {"type": "text", "text": event.text}
    if isinstance(event, EndEvent):
        return {"type": "end", "reply": without_raw(event.reply)}
    return {"type": "activity", **without_raw(event)}
