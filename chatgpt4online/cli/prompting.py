"""The prompt of ``chat``, and the commands that it takes."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import WordCompleter
from prompt_toolkit.filters import is_searching
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from ..errors import ChatError, UsageError
from .attachments import watched_files
from .output import say, warn
from .replies import show_stream
from .saving import Talk, load_talk
from .store import Store, new_id

if TYPE_CHECKING:
    from ..sync.client import Client
    from ..sync.conversation import Conversation
    from ..uploads import AnyFile


class ChatPrompt:
    """Reads messages and commands, and shows the replies, until the user leaves.

    Args:
        client: The client.
        talk: The conversation to go on with.
        options: Keyword arguments of each question.
        files: Files to send with the first message.
        plain: Whether to show Markdown as it is.
        verbose: Whether to show what the chatbot does.
    """

    def __init__(
        self,
        client: Client,
        talk: Talk,
        options: dict[str, Any],
        files: Sequence[str],
        *,
        plain: bool,
        verbose: bool,
    ) -> None:
        self._client = client
        self._talk = talk
        self._options = options
        self._files = list(files)
        self._plain = plain
        self._verbose = verbose
        self._failed: tuple[str, list[str]] | None = None  # what /retry sends again
        self._commands: dict[str, Callable[[str], None]] = {
            "/new": self._new,
            "/retry": self._retry,
            "/save": self._save,
            "/load": self._load,
            "/file": self._file,
            "/model": self._model,
            "/system": self._system,
            "/copy": self._copy,
            "/help": self._help,
        }
        self._history = InMemoryHistory()
        self._session: PromptSession[str] = PromptSession(
            history=self._history,
            multiline=True,
            key_bindings=_key_bindings(),
            completer=WordCompleter([*self._commands, "/quit"], sentence=True),
            complete_while_typing=False,
            prompt_continuation="  ",
        )
        self._remember()

    def run(self) -> None:
        """Read and answer until the user leaves."""
        say("Enter sends, Alt-Enter begins a new line, Ctrl-D leaves, /help lists commands.")
        while True:
            try:
                text = self._session.prompt("> ").strip()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text in ("/quit", "/exit"):
                return
            if text:
                self._handle(text)

    def _handle(self, text: str) -> None:
        name, _, rest = text.partition(" ")
        try:
            if name in self._commands:
                self._commands[name](rest.strip())
            elif name.startswith("/") and "/" not in name[1:] and "\n" not in text:
                warn(f"There is no command {name}. /help lists them.")
            else:
                files, self._files = self._files, []
                self._send(text, files)
        except KeyboardInterrupt:
            say("Stopped. /retry sends the message again.")
        except ChatError as error:
            warn(str(error))

    def _send(self, text: str, files: list[str]) -> None:
        self._failed = (text, files)
        with watched_files(files) as opened:
            self._show(self._talk, text, opened)

    def _show(self, talk: Talk, text: str, files: Sequence[AnyFile]) -> None:
        """Send a message and show its reply. Once that is complete, `talk` is the one to go on."""
        with talk.stream(text, files=files, **self._options) as stream:
            show_stream(stream, plain=self._plain, verbose=self._verbose)
            self._talk, self._failed = talk, None

    def _retry(self, _: str) -> None:
        """Send a message again that failed, or ask for another reply to the last one."""
        if self._failed is not None:
            self._send(*self._failed)
            return
        before, last = self._without_last_turn()
        self._show(replace(self._talk, conversation=before), last, ())

    def _without_last_turn(self) -> tuple[Conversation, str]:
        """Return the conversation without its last message and reply, and that message."""
        saved = json.loads(self._talk.conversation.to_json())
        turn = saved["messages"][-2:]
        if [message["role"] for message in turn] != ["user", "assistant"]:
            raise UsageError("There is no message to send again.")
        if not turn[0].get("plain", True):
            raise UsageError("A message that had files cannot be sent again.")
        del saved["messages"][-2:]
        return self._client.load_conversation(json.dumps(saved)), turn[0]["content"]

    def _new(self, _: str) -> None:
        """Begin a new conversation."""
        saved = self._talk.id is not None
        self._failed, self._files = None, []
        self._talk = replace(
            self._talk, conversation=self._client.conversation(), id=new_id() if saved else None
        )

    def _save(self, _: str) -> None:
        """Save the conversation now and after each reply."""
        self._talk = self._talk.with_id()
        self._talk.save()
        if self._talk.conversation.messages:
            say(f"It is saved as {self._talk.id}.")
        else:
            say(f"It will be saved as {self._talk.id} after the first reply.")

    def _load(self, id: str) -> None:
        """Go on with a saved conversation: /load ID. Without an ID, list them."""
        if not id:
            for saved in Store():
                say(f"{saved.id}  {saved.title}")
            return
        self._talk = load_talk(self._client, self._talk.target, Store().find(id))
        self._failed, self._files = None, []
        self._remember()
        for message in self._talk.conversation.messages[-2:]:
            say(f"{message.role}: {message.content}")

    def _file(self, path: str) -> None:
        """Send a file with the next message: /file PATH. Without a PATH, send none."""
        if not path:
            self._files = []
            say("No file goes with the next message.")
            return
        path = os.path.expanduser(path)
        if not os.path.isfile(path):
            raise UsageError(f"No such file: {path}")
        self._files.append(path)
        say(f"{len(self._files)} to send with the next message.")

    def _model(self, name: str) -> None:
        """Use another model: /model NAME. Without a NAME, the chatbot's own."""
        self._options["model"] = name or None

    def _system(self, text: str) -> None:
        """Give the chatbot instructions: /system TEXT. Without a TEXT, only its own."""
        self._options["instructions"] = text or None

    def _copy(self, _: str) -> None:
        """Copy the last reply to the clipboard, if the terminal allows that."""
        messages = self._talk.conversation.messages
        if not messages:
            raise UsageError("There is no reply to copy.")
        encoded = base64.b64encode(messages[-1].content.encode("utf-8", "replace")).decode()
        sys.stdout.write(f"\x1b]52;c;{encoded}\a")
        sys.stdout.flush()

    def _help(self, _: str) -> None:
        """List the commands."""
        for name, function in self._commands.items():
            say(f"{name:<9}{function.__doc__}")
        say(f"{'/quit':<9}Leave, like Ctrl-D.")

    def _remember(self) -> None:
        """Let the arrow keys and Ctrl-R find what was said before."""
        for message in self._talk.conversation.messages:
            if message.role == "user":
                self._history.append_string(message.content)


def _key_bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter", filter=~is_searching)
    def send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @bindings.add("escape", "enter")
    def new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings
