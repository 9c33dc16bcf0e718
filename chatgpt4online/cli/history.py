"""``history``: saved conversations."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import click

from ..models import Message
from ..protocol.prompt import read_history
from .completing import complete_id
from .output import say, write_line
from .replies import show_text
from .store import Saved, Store


@click.group("history")
def command() -> None:
    """List, show, export and delete saved conversations.

    ask and chat save a conversation with --save, or always if the configuration file has
    save = true. Only you can read the files.
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each.")
def list_saved(as_json: bool) -> None:
    """List them, the last saved first."""
    for saved in Store():
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(saved.time))
        if as_json:
            record = {
                "id": saved.id, "time": when, "site": saved.site, "bot": saved.bot,
                "title": saved.title,
            }  # fmt: skip
            write_line(json.dumps(record, ensure_ascii=False))
        else:
            write_line(f"{saved.id}  {when}  {saved.chatbot}  {saved.title}")


@command.command("show")
@click.argument("id", shell_complete=complete_id)
@click.option("--plain", is_flag=True, help="Do not render Markdown.")
def show(id: str, plain: bool) -> None:
    """Show a conversation. The beginning of its ID is enough."""
    for message in _messages(Store().find(id)):
        write_line(f"{message.role}:")
        show_text(message.content + "\n", plain=plain)


@command.command("export")
@click.argument("id", shell_complete=complete_id)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for load_conversation.")
def export(id: str, as_json: bool) -> None:
    """Print a conversation as Markdown."""
    saved = Store().find(id)
    if as_json:
        write_line(saved.conversation)
        return
    write_line(f"# {saved.title}")
    for message in _messages(saved):
        write_line(f"\n**{message.role}:**\n\n{message.content}")


@command.command("delete")
@click.argument("ids", nargs=-1, required=True, shell_complete=complete_id)
def delete(ids: tuple[str, ...]) -> None:
    """Delete conversations."""
    store = Store()
    found = dict.fromkeys(store.find(id) for id in ids)
    for saved in found:
        store.delete(saved)
        say(f"Deleted {saved.id}.")


def _messages(saved: Saved) -> Sequence[Message]:
    return read_history(json.loads(saved.conversation)["messages"])
