"""The error tree, and what it keeps through pickling."""

from __future__ import annotations

import inspect
import pickle

import pytest

from chatgpt4online import errors
from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ChatTimeout,
    IncompleteReply,
    LimitReached,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
    TransportError,
    UsageError,
)

ALL = [value for value in vars(errors).values() if inspect.isclass(value)]
EXAMPLES: list[ChatError] = [
    UsageError("t"),
    ChatTimeout("t", retryable=True),
    StatusError("t", status=500, code="c", message="m", retry_after=1.5, retryable=True),
    Blocked("t", status=503, retry_after=0.0),
    ProtocolError("t", partial_text="p"),
    ReplyError("t", message="m", status=500, partial_text="p"),
    IncompleteReply("t", partial_text="p"),
]


def test_the_tree() -> None:
    assert all(issubclass(kind, ChatError) for kind in ALL)
    assert issubclass(UsageError, ValueError)
    assert issubclass(ChatTimeout, TransportError)
    assert issubclass(ChatTimeout, TimeoutError)
    assert {NonceRejected, RouteNotFound, Blocked} == set(StatusError.__subclasses__())
    assert {QueryRejected, LimitReached} == set(ReplyError.__subclasses__())


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: ChatError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == "t"
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_can_be_made_of_a_text_alone(kind: type[ChatError]) -> None:
    assert str(pickle.loads(pickle.dumps(kind("t")))) == "t"
    assert kind().retryable is False
