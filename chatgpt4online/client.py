"""The sync client, on requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from .discretion import discreet
from .files import AnyFile, FileInput, LocalFile, Progress
from .messages import Reply, Shortcut, StoredFile
from .protocol import files
from .protocol.files import NO_PURPOSE
from .protocol.prompt import PromptInput, read_prompt
from .sync_engine import SyncEngine
from .sync_reply_stream import ReplyStream

if TYPE_CHECKING:
    from .protocol.discovery import SiteInfo
    from .protocol.discussions import Discussion
    from .protocol.public_api import Chatbot
    from .sync_conversation import Conversation


class Client(SyncEngine):
    """A blocking client of one site. It keeps what it learns of the site, cookies and connections.

    Threads may share it. Close it, or use it as a context manager::

        with Client("https://example.com") as client:
            for piece in client.stream("Hello there"):
                print(piece, end="", flush=True)
    """

    @discreet
    def generate(
        self, prompt: PromptInput, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> Reply:
        """Send a prompt and return the complete reply.

        Args:
            prompt: a text, or messages (`Message`, or dicts with role and content), oldest
                first and the user's last.
            files: files that go with it: paths, bytes, open files, which are uploaded first,
                or what `upload` returned.
            options: parameters of the chatbot: model, temperature, max_tokens, instructions,
                or any other by the plugin's own name. ``stream=False`` asks the site for one
                JSON answer in place of events.

        Raises:
            ChatError: see `chatgpt4online.errors` for each kind.
        """
        return self.stream(prompt, files=files, **options).read()

    @discreet
    def stream(
        self, prompt: PromptInput, *, files: Sequence[AnyFile] = (), **options: Any
    ) -> ReplyStream:
        """Send a prompt and return its reply as it arrives, once the site has accepted it.

        The arguments and errors are those of `generate`. By the public API (`token`) the
        reply comes as one piece.
        """
        return self._stream(self._turn_plan(prompt, files, options))

    @discreet
    def send_shortcut(self, shortcut: Shortcut, **options: Any) -> Reply:
        """Press a shortcut of a reply and return what the chatbot says to it.

        Raises:
            ChatError: as for `generate`; `QueryRejected` for an expired shortcut.
        """
        return self._stream(self._shortcut_plan(shortcut, options)).read()

    @discreet
    def conversation(self, chat_id: str | None = None, messages: PromptInput = ()) -> Conversation:
        """Return a conversation, which keeps its history.

        Args:
            chat_id: the id of one to go on with; None for a new one.
            messages: what was said in it so far, oldest first.

        Raises:
            UsageError: a message is not one.
        """
        from .sync_conversation import Conversation

        return Conversation(self, chat_id, messages)

    @discreet
    def load_conversation(self, text: str) -> Conversation:
        """Return the conversation that its `to_json` saved.

        Raises:
            UsageError: it is not such a conversation, or of a later version.
        """
        from .sync_conversation import Conversation

        return Conversation.from_json(self, text)

    @discreet
    def upload(
        self,
        file: FileInput,
        *,
        filename: str | None = None,
        purpose: str = NO_PURPOSE,
        progress: Progress | None = None,
    ) -> StoredFile:
        """Upload a file, read from disk while it is sent.

        Args:
            file: a path, bytes, or a file open in binary mode, which is not closed.
            filename: its name on the site; None for its own.
            purpose: what it is for, a word of the site's own.
            progress: called with the bytes sent and the bytes in all; None for nobody.

        Raises:
            UsageError: there is no such file, or it cannot be read.
            ChatError: what the site made of it; `QueryRejected` for a type that it refuses.
        """
        local = LocalFile(file, filename, progress)
        return self._upload(local, self._deadline(), purpose)

    @discreet
    def list_files(
        self, *, limit: int = 10, page: int = 1, purpose: str | None = None
    ) -> tuple[StoredFile, ...]:
        """Return the user's files on the site, newest first.

        Args:
            limit: the most files to return.
            page: which page of that many, counted from 1.
            purpose: only those uploaded for it; None for all.

        Raises:
            ChatError: what went wrong.
        """
        return self._ask(files.list_files(self._site, limit, page, purpose, self._limits))

    @discreet
    def delete_files(self, *stored: StoredFile | str) -> int:
        """Delete files, given as such or by their ids, and return how many were deleted.

        Raises:
            ChatError: what went wrong.
        """
        ids = [file if isinstance(file, str) else file.id for file in stored]
        return self._ask(files.delete_files(self._site, ids, self._limits))

    def discussions(self, *, page_size: int = 10) -> Iterator[Discussion]:
        """Return the discussions that the site keeps of a signed-in user, newest first.

        They are asked for page by page, as they are iterated.

        Args:
            page_size: how many to ask for at once.

        Raises:
            ChatError: what went wrong; `ReplyError` for a guest.
        """
        from .protocol.discussions import Paging, list_discussions

        paging = Paging(page_size)
        while not paging.done:
            page = self._ask(
                list_discussions(self._site, self._bot, paging.offset, page_size, self._limits)
            )
            yield from paging.take(page)

    @discreet
    def rename_discussion(self, chat_id: str, title: str) -> None:
        """Give a discussion of a signed-in user another title.

        Raises:
            ChatError: what went wrong; `ReplyError` for a guest.
        """
        from .protocol.discussions import rename_discussion

        self._ask(rename_discussion(self._site, chat_id, title, self._limits))

    @discreet
    def delete_discussions(self, *chat_ids: str) -> None:
        """Delete discussions of a signed-in user.

        Raises:
            ChatError: what went wrong; `ReplyError` for a guest.
        """
        from .protocol.discussions import delete_discussions

        self._ask(delete_discussions(self._site, chat_ids, self._limits))

    @discreet
    def list_chatbots(self) -> tuple[Chatbot, ...]:
        """Return the site's chatbots, by its public API.

        Raises:
            ChatError: what went wrong; `StatusError` without a token that the site takes.
        """
        from .protocol import public_api

        return self._ask(public_api.list_chatbots(self._site, self._limits))

    @discreet
    def check_auth(self) -> Mapping[str, Any]:
        """Return as whom the site knows the token or the user, by its public API.

        Raises:
            ChatError: what went wrong; `StatusError` without a token that the site takes.
        """
        from .protocol import public_api

        return self._ask(public_api.check_auth(self._site, self._limits))

    @discreet
    def text_query(self, message: str, **options: Any) -> str:
        """Ask the site's model, not a chatbot, by the site's public API.

        Args:
            message: what is asked.
            options: parameters of the query by the plugin's own names.

        Raises:
            ChatError: what went wrong; `StatusError` without a token that the site takes.
        """
        from .protocol import public_api

        read_prompt(message)
        return self._ask(public_api.text_query(self._site, message, options, self._limits))

    @discreet
    def discover(self) -> SiteInfo:
        """Find out about the site and the chatbots on its page, without a prompt.

        Raises:
            ChatError: what went wrong; `RouteNotFound` where no WordPress answers.
        """
        return self._retrying(self._discover, self._deadline())

    @discreet
    def open_session(self) -> str | None:
        """Open a session now, where none is open, rather than with the first prompt.

        Returns:
            The nonce in use; None on a site that needs none.

        Raises:
            ChatError: as for `generate`.
        """
        self._retrying(self._open_session, self._deadline())
        session = self._site.session
        return session.nonce if session else None

    def close(self) -> None:
        """Close the connections; an injected session stays open."""
        self._closing.set()
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
