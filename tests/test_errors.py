"""The exceptions."""

from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import chatgpt4online
from chatgpt4online import errors
from chatgpt4online.errors import (
    ApprovalRequired,
    AuthenticationError,
    Blocked,
    ChatError,
    ChatTimeout,
    IncompleteReply,
    LimitReached,
    NonceRejected,
    PromptTooLong,
    ProtocolError,
    QueryRejected,
    RateLimited,
    ReplyError,
    RouteNotFound,
    StatusError,
    TransportError,
    UsageError,
)

ALL = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and value.__module__ == errors.__name__
]
EXAMPLES: list[ChatError] = [
    UsageError("t"),
    ChatTimeout("t", retryable=True),
    StatusError("t", status=500, code="c", message="m", retry_after=1.5, retryable=True),
    Blocked("t", status=503, retry_after=0.0),
    PromptTooLong("t", message="m", status=403, length=600, limit=512),
    ProtocolError("t", partial_text="p"),
    ReplyError("t", message="m", status=500, partial_text="p"),
    ApprovalRequired("t", tool="shell", arguments={"a": [1]}, partial_text="p"),
    IncompleteReply("t", partial_text="p"),
]


def test_the_tree() -> None:
    assert all(issubclass(kind, ChatError) for kind in ALL)
    assert issubclass(UsageError, ValueError)
    assert issubclass(ChatTimeout, TransportError)
    assert issubclass(ChatTimeout, TimeoutError)
    kinds = {AuthenticationError, NonceRejected, RouteNotFound, Blocked}
    assert kinds == set(StatusError.__subclasses__())
    assert issubclass(RateLimited, Blocked)
    assert issubclass(PromptTooLong, QueryRejected)
    assert {QueryRejected, LimitReached, ApprovalRequired} == set(ReplyError.__subclasses__())


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_can_be_pickled_and_copied(error: ChatError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(other) is type(error)
        assert str(other) == "t"
        assert vars(other) == vars(error)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_can_be_made_from_a_text_alone(kind: type[ChatError]) -> None:
    error = pickle.loads(pickle.dumps(kind("t")))
    assert type(error) is kind
    assert str(error) == "t"
    assert kind().retryable is False


@pytest.mark.parametrize("kind", ALL)
def test_every_error_documents_its_attributes(kind: type[ChatError]) -> None:
    documented = "".join(base.__doc__ or "" for base in kind.__mro__)
    for name in vars(kind()):
        assert name.startswith("_") or f"    {name}: " in documented


def test_every_error_is_public() -> None:
    assert {kind.__name__ for kind in ALL} <= set(chatgpt4online.__all__)


def test_the_arguments_of_an_approval() -> None:
    assert ApprovalRequired("t").arguments == {}
    assert ApprovalRequired("t", tool="shell", arguments={"a": 1}).arguments == {"a": 1}
