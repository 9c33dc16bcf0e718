"""Saved conversations, one file for each."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_data_path

from ..errors import ChatError, UsageError
from ..protocol.address import parse_address
from ..protocol.prompt import read_history
from .files import write_private
from .terminal import shortened

FOLDER_VARIABLE = "CHATGPT4ONLINE_DATA"
_FORMAT = "chatgpt4online.saved"
_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved conversation.

    Attributes:
        id: What `--cid` takes.
        site: The address of its site.
        bot: The id of its chatbot; None for the site's default.
        title: The beginning of its first message.
        conversation: What `Conversation.to_json` has returned.
        time: When it was saved, in seconds since 1970.
    """

    id: str
    site: str
    bot: str | None
    title: str = field(repr=False)
    conversation: str = field(repr=False)
    time: float = field(default_factory=time.time)

    @property
    def chatbot(self) -> str:
        """Its chatbot and its site, for people."""
        return f"{self.bot} at {self.site}" if self.bot else self.site


class Store:
    """The saved conversations of this user. Nobody else may read them (mode 0600)."""

    def __init__(self) -> None:
        given = os.environ.get(FOLDER_VARIABLE)
        data = Path(given) if given else user_data_path("chatgpt4online")
        self.folder = data / "conversations"

    def save(self, saved: Saved) -> None:
        """Write a conversation. A crash leaves the old file or the new one.

        Raises:
            ChatError: It cannot be written.
        """
        record = {
            "format": _FORMAT, "site": saved.site, "bot": saved.bot, "title": saved.title,
            "conversation": json.loads(saved.conversation),
        }  # fmt: skip
        content = json.dumps(record, ensure_ascii=False).encode()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path(saved.id), content)
        except OSError as error:
            raise ChatError(f"Cannot save the conversation: {error.strerror}.") from error

    def find(self, id: str) -> Saved:
        """Return the conversation whose id begins with this.

        Raises:
            UsageError: There is none, or more than one.
        """
        named = [path for path in self._paths() if path.stem.startswith(id)] if id else []
        found = [saved for path in named if (saved := _read(path)) is not None]
        if len(found) != 1:
            many = f"{len(found)} saved conversations begin with it" if found else "there is none"
            raise UsageError(f"No saved conversation with the id {id!r}: {many}.")
        return found[0]

    def latest(self, site: str, bot: str | None) -> Saved:
        """Return the conversation with a site's chatbot that was saved last.

        Raises:
            UsageError: There is none.
        """
        for saved in self:
            if saved.bot == bot and same_site(saved.site, site):
                return saved
        raise UsageError("There is no saved conversation to continue; start one with --save.")

    def delete(self, saved: Saved) -> None:
        """Delete a conversation."""
        self._path(saved.id).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Saved]:
        """Yield the conversations, the last saved first."""
        for path in sorted(self._paths(), key=_time_of, reverse=True):
            saved = _read(path)
            if saved is not None:
                yield saved

    def _paths(self) -> Iterable[Path]:
        return self.folder.glob("*.json") if self.folder.is_dir() else ()

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}.json"


def same_site(one: str, other: str) -> bool:
    """Return whether two addresses, however they are written, are those of the same site."""
    return parse_address(one).page == parse_address(other).page


def new_id() -> str:
    """Return an id for a conversation to save."""
    return secrets.token_hex(4)


def title_of(text: str) -> str:
    """Return the title of a conversation that begins with this message."""
    return shortened(" ".join(text.split()), _TITLE_LENGTH)


def _time_of(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # it has gone in the meantime


def _read(path: Path) -> Saved | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        site, bot, title = record["site"], record["bot"], record["title"]
        texts = isinstance(title, str) and isinstance(bot, str | None)
        if record["format"] != _FORMAT or not texts:
            return None
        parse_address(site)
        read_history(record["conversation"]["messages"])
        conversation = json.dumps(record["conversation"], ensure_ascii=False)
        return Saved(path.stem, site, bot, title, conversation, path.stat().st_mtime)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None  # damaged, or no file of ours
