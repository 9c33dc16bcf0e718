"""``history``: saved conversations."""

from __future__ import annotations

import json
import time

import click

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
            record = {"id": saved.id, "time": when, "site": saved.site, "title": saved.title}
            write_line(json.dumps(record, ensure_ascii=False))
        else:
            write_line(f"{saved.id}  {when}  {saved.site}  {saved.title}")


@command.command("show")
@click.argument("id")
@click.option("--plain", is_flag=True, help="Do not render Markdown.")
def show(id: str, plain: bool) -> None:
    """Show a conversation. The beginning of its ID is enough."""
    for role, content in _messages(Store().find(id)):
        write_line(f"{role}:")
        show_text(content + "\n", plain=plain)


@command.command("export")
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for load_conversation.")
def export(id: str, as_json: bool) -> None:
    """Print a conversation as Markdown."""
    saved = Store().find(id)
    if as_json:
        write_line(saved.conversation)
        return
    write_line(f"# {saved.title}")
    for role, content in _messages(saved):
        write_line(f"\n**{role}:**\n\n{content}")


@command.command("delete")
@click.argument("ids", nargs=-1, required=True)
def delete(ids: tuple[str, ...]) -> None:
    """Delete conversations."""
    store = Store()
    found = [store.find(id) for id in ids]
    for saved in found:
        store.delete(saved)
        say(f"Deleted {saved.id}.")


def _messages(saved: Saved) -> list[tuple[str, str]]:
    messages = json.loads(saved.conversation).get("messages", [])
    return [(item["role"], item["content"]) for item in messages]
