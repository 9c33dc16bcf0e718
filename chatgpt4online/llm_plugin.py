"""A plugin for `llm` (https://llm.datasette.io): the sites of the configuration file as models."""

from __future__ import annotations

import asyncio
import contextlib
import io
import mimetypes
import os
import warnings
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

import llm
from llm.parts import AttachmentPart, TextPart
from pydantic import Field

from .errors import ChatError, UsageError
from .models import Message, Reply

if TYPE_CHECKING:
    from .cli.configuration import SiteEntry
    from .protocol.prompt import PromptInput

MODEL = "ai-engine"
"""The model of the default site."""

# `llm` asks for a list. What a site does not accept of these, it refuses by itself.
_ATTACHMENT_TYPES = frozenset({
    "application/json", "application/msword", "application/pdf", "application/rtf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "audio/mpeg", "audio/wav", "image/gif", "image/jpeg", "image/png", "image/webp",
    "text/csv", "text/html", "text/markdown", "text/plain", "text/x-python",
})  # fmt: skip


@llm.hookimpl
def register_models(register: Any) -> None:
    """Add a model for the default site, and one for each site of the configuration file."""
    register(AIEngineModel(), AsyncAIEngineModel())
    if not _has_packages():
        return  # which is said when the model is used
    from .cli.configuration import read_config

    try:
        sites = read_config().sites
    except UsageError as error:
        warnings.warn(f"The models {MODEL}/... are missing. {error}", stacklevel=1)
        return
    for name in sites:
        model_id = f"{MODEL}/{name}"
        register(AIEngineModel(model_id), AsyncAIEngineModel(model_id))


class AIEngineOptions(llm.Options):
    """The options of a prompt, as in ``-o temperature 0.2``."""

    temperature: float | None = Field(
        default=None, description="How random the reply is, from 0 to 1 or 2."
    )
    max_tokens: int | None = Field(default=None, description="The most tokens of the reply.")
    model: str | None = Field(
        default=None, description="The model to use. Default: the chatbot's own."
    )


@dataclass(eq=False, repr=False)
class AIEngineModel(llm.Model):
    """A chatbot as a model of `llm`.

    Args:
        model_id: ``ai-engine`` for the default site, ``ai-engine/shop`` for one with the name shop.
    """

    model_id: str = MODEL
    can_stream = True
    attachment_types = _ATTACHMENT_TYPES

    class Options(AIEngineOptions):
        """The options of a prompt."""

    def execute(
        self,
        prompt: llm.Prompt,
        stream: bool,
        response: llm.Response,
        conversation: llm.Conversation | None = None,
    ) -> Iterator[str]:
        """Yield the pieces of the reply."""
        from .sync.client import Client

        with _errors_for_llm():
            call = _read_call(self.model_id, prompt, stream)
            with Client(**call.client) as client:
                with client.stream(call.prompt, **call.options) as pieces:
                    yield from pieces
            yield from _finish(pieces.reply, response)


@dataclass(eq=False, repr=False)
class AsyncAIEngineModel(llm.AsyncModel):
    """A chatbot as a model of `llm`, for asyncio.

    Args:
        model_id: ``ai-engine`` for the default site, ``ai-engine/shop`` for one with the name shop.
    """

    model_id: str = MODEL
    can_stream = True
    attachment_types = _ATTACHMENT_TYPES

    class Options(AIEngineOptions):
        """The options of a prompt."""

    async def execute(
        self,
        prompt: llm.Prompt,
        stream: bool,
        response: llm.AsyncResponse,
        conversation: llm.AsyncConversation | None = None,
    ) -> AsyncGenerator[str, None]:
        """Yield the pieces of the reply."""
        from .aio.client import AsyncClient

        with _errors_for_llm():
            # In a thread, because attachments may have to be fetched first.
            call = await asyncio.to_thread(_read_call, self.model_id, prompt, stream)
            async with AsyncClient(**call.client) as client:
                async with client.stream(call.prompt, **call.options) as pieces:
                    async for piece in pieces:
                        yield piece
            for piece in _finish(pieces.reply, response):
                yield piece


def _has_packages() -> bool:
    return find_spec("platformdirs") is not None


@contextlib.contextmanager
def _errors_for_llm() -> Iterator[None]:
    try:
        yield
    except ChatError as error:
        raise llm.ModelError(str(error)) from error


@dataclass(frozen=True, slots=True, repr=False)
class _Call:
    """The arguments of a client, the prompt, and the arguments of its `stream`."""

    client: dict[str, Any]
    prompt: PromptInput
    options: dict[str, Any]


def _read_call(model_id: str, prompt: llm.Prompt, stream: bool) -> _Call:
    name, entry = _find_site(model_id.partition("/")[2])
    from .cli.credentials import client_arguments

    client = client_arguments(entry, llm.get_key(alias=f"{MODEL}/{name}"))
    system = "\n\n".join(_text_of(item) for item in prompt.messages if item.role == "system")
    messages = [item for item in prompt.messages if item.role != "system"]
    wanted = dict(prompt.options)
    options = {
        **wanted,
        "model": wanted["model"] or entry.model,
        "instructions": system or entry.system,
        "files": [_file_of(item) for item in _attachments_of(messages[-1:])],
        "stream": stream,
    }
    return _Call(client, _read_messages(messages), options)


def _find_site(site: str) -> tuple[str, SiteEntry]:
    """Return the name and the entry of a site; of the default one if it has no name."""
    if not _has_packages():
        raise UsageError('This needs another package: llm install "chatgpt4online[llm]"')
    from .cli.configuration import SiteEntry, config_path, read_config
    from .config import SITE_VARIABLE

    config = read_config()
    name = site or os.environ.get(SITE_VARIABLE) or config.default
    if not name:
        raise UsageError(f"No site is given: set {SITE_VARIABLE}, or a default in {config_path()}.")
    return name, config.sites.get(name) or SiteEntry(name)


def _read_messages(messages: Sequence[llm.Message]) -> PromptInput:
    """Return messages as the library takes them. Some have no text, only files or tool calls."""
    texts = [(item.role, _text_of(item)) for item in messages]
    if len(texts) == 1 and not texts[0][1]:
        return ""
    kept = [item for item in texts[:-1] if item[1]] + texts[-1:]
    return [Message(role, text) for role, text in kept]


def _text_of(message: llm.Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def _attachments_of(messages: Sequence[llm.Message]) -> Iterator[llm.Attachment]:
    for message in messages:
        for part in message.parts:
            if isinstance(part, AttachmentPart) and part.attachment is not None:
                yield part.attachment


class _NamedBytes(io.BytesIO):
    """Bytes with the name of a file, whose type a site goes by."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


def _file_of(attachment: llm.Attachment) -> str | BinaryIO:
    if attachment.path:
        return attachment.path
    suffix = mimetypes.guess_extension(attachment.resolve_type() or "") or ""
    return _NamedBytes(attachment.content_bytes(), f"attachment{suffix}")


def _finish(reply: Reply, response: llm.Response | llm.AsyncResponse) -> Iterator[str]:
    """Report what the reply cost, and yield its images as Markdown."""
    if reply.usage is not None:
        response.set_usage(input=reply.usage.prompt_tokens, output=reply.usage.completion_tokens)
    for url in reply.images:
        yield f"\n\n![]({url})"
