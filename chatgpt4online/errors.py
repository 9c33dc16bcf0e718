"""The exceptions of this library: one tree, under `ChatError`.

Every error can be pickled, and none holds the prompt, a nonce, a cookie or a
password in its text. What the site itself said is in `message`.
"""

from __future__ import annotations


class ChatError(Exception):
    """Base of all errors that this library raises.

    Attributes:
        retryable: True where the site cannot have run the prompt and another try may
            succeed. It is what a `RetryPolicy` goes by.
    """

    def __init__(self, text: str = "", *, retryable: bool = False) -> None:
        super().__init__(text)
        self.retryable = retryable


class UsageError(ChatError, ValueError):
    """The caller's mistake: nothing was sent, or nothing can be until it is mended."""


class TransportError(ChatError):
    """No answer at all: the connection failed before the site had answered."""


class ConnectError(TransportError):
    """No connection to the site, or to the proxy in front of it, could be made."""


class ChatTimeout(TransportError, TimeoutError):
    """The site did not answer in time."""


class StatusError(ChatError):
    """An HTTP answer that is not a chatbot's.

    Attributes:
        status: the HTTP status.
        code: WordPress' error code, such as ``rest_forbidden``; None where there was none.
        message: what the site said, as plain text; '' where it said nothing.
        retry_after: seconds that the answer asks to wait; None where it did not ask.
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


class NonceRejected(StatusError):
    """The site refused the nonce, even that of a fresh session."""


class RouteNotFound(StatusError):
    """AI Engine does not answer there: plugin or module absent, or a wrong address."""


class Blocked(StatusError):
    """A bot wall, a rate limit or a maintenance page stands in front of the site."""


class ProtocolError(ChatError):
    """Bytes that no AI Engine sends, or an answer that is over a limit.

    Attributes:
        partial_text: the part of the reply that had arrived.
    """

    def __init__(self, text: str = "", *, partial_text: str = "") -> None:
        super().__init__(text)
        self.partial_text = partial_text


class ReplyError(ChatError):
    """The site says that the reply failed.

    Attributes:
        message: what the site said, as plain text.
        status: the HTTP status; 200 for an error inside a stream.
        partial_text: the part of the reply that had arrived.
    """

    def __init__(
        self, text: str = "", *, message: str = "", status: int = 200, partial_text: str = ""
    ) -> None:
        super().__init__(text)
        self.message = message
        self.status = status
        self.partial_text = partial_text


class QueryRejected(ReplyError):
    """The site refused the message: too long, banned, moderated, empty, or no such bot."""


class LimitReached(ReplyError):
    """The site's usage limit is reached; trying again does not help."""


class IncompleteReply(ChatError):
    """The answer broke off, or stood still for too long, after it had begun.

    It is raised from the transport's own error where there is one.

    Attributes:
        partial_text: the part of the reply that had arrived.
    """

    def __init__(self, text: str = "", *, partial_text: str = "") -> None:
        super().__init__(text)
        self.partial_text = partial_text
