"""The exceptions of this library. All of them derive from `ChatError`.

Every exception can be pickled, and no exception text contains a nonce, a cookie or a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ChatError(Exception):
    """Base class of all exceptions raised by this library.

    Attributes:
        retryable: Whether another try is safe and may succeed: the site cannot have run the
            prompt. `RetryPolicy` goes by this.
        may_have_run: Whether the site may have run the prompt, and charged for it, in any try of
            the call.
    """

    def __init__(self, text: str = "", *, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable
        self.may_have_run = False


class UsageError(ChatError, ValueError):
    """The caller made a mistake, such as a wrong argument. No prompt was sent."""


class TransportError(ChatError):
    """The connection failed before the site had answered.

    It is raised from the operating system's or TLS's own error, if there is one.
    """


class ConnectError(TransportError):
    """No connection to the site, or to a proxy, could be established."""


class ChatTimeout(TransportError, TimeoutError):
    """The site did not answer in time."""


class StatusError(ChatError):
    """The site answered with an HTTP response that is not a chatbot's.

    Attributes:
        status: The HTTP status.
        code: WordPress' error code, such as ``rest_forbidden``; None if there was none.
        message: What the site said, as plain text.
        retry_after: Seconds that the site asks to wait; None if it did not ask.
    """

    def __init__(
        self,
        text: str = "",
        *,
        status: int = 0,
        code: str | None = None,
        message: str = "",
        retry_after: float | None = None,
        retryable: bool = False,
    ) -> None:
        super().__init__(text, retryable=retryable)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class AuthenticationError(StatusError):
    """The site refused the user name and password, or the token."""


class NonceRejected(StatusError):
    """The site refused the nonce, even one from a new session."""


class RouteNotFound(StatusError):
    """AI Engine was not found: the plugin or a module is missing, or the address is wrong."""


class Blocked(StatusError):
    """Something in front of the site answered: a bot wall, a rate limit or a maintenance page."""


class RateLimited(Blocked):
    """Something in front of the site asks to send fewer requests (HTTP 429)."""


class ProtocolError(ChatError):
    """The response is not one that AI Engine sends, or it is longer than allowed.

    Attributes:
        partial_text: The part of the reply that had arrived.
    """

    def __init__(self, text: str = "", *, partial_text: str = "") -> None:
        super().__init__(text)
        self.partial_text = partial_text


class ReplyError(ChatError):
    """The site reported that the reply failed.

    Attributes:
        message: What the site said, as plain text.
        status: The HTTP status; 200 for an error inside a stream.
        partial_text: The part of the reply that had arrived.
    """

    def __init__(
        self, text: str = "", *, message: str = "", status: int = 200, partial_text: str = ""
    ) -> None:
        super().__init__(text)
        self.message = message
        self.status = status
        self.partial_text = partial_text


class QueryRejected(ReplyError):
    """The site refused the message: too long, banned, moderated, empty, or no such chatbot."""


class PromptTooLong(QueryRejected):
    """The message is longer than the site accepts.

    Attributes:
        length: Its length in characters; None if unknown.
        limit: The most characters that the site accepts; None if unknown.
    """

    def __init__(
        self,
        text: str = "",
        *,
        message: str = "",
        status: int = 200,
        length: int | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(text, message=message, status=status)
        self.length = length
        self.limit = limit


class LimitReached(ReplyError):
    """The site's usage limit is reached. Trying again does not help."""


class ApprovalRequired(ReplyError):
    """The chatbot wants to use a tool that needs an approval, and is waiting for it.

    Attributes:
        tool: The name of the tool.
        arguments: The arguments that the chatbot wants to pass to it.
    """

    def __init__(
        self,
        text: str = "",
        *,
        tool: str = "",
        arguments: Mapping[str, Any] | None = None,
        partial_text: str = "",
    ) -> None:
        super().__init__(text, partial_text=partial_text)
        self.tool = tool
        self.arguments = arguments or {}


class IncompleteReply(ChatError):
    """The reply broke off, or nothing more arrived in time, after it had begun.

    It is raised from the operating system's own error, if there is one.

    Attributes:
        partial_text: The part of the reply that had arrived.
    """

    def __init__(self, text: str = "", *, partial_text: str = "") -> None:
        super().__init__(text)
        self.may_have_run = True
        self.partial_text = partial_text
