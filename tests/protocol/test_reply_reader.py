"""Reading a reply while it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.config import Limits
from chatgpt4online.errors import (
    ApprovalRequired,
    ChatError,
    ChatTimeout,
    IncompleteReply,
    LimitReached,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    StatusError,
    TransportError,
    UsageError,
)
from chatgpt4online.models import ActivityEvent, EndEvent
from chatgpt4online.protocol.http import Response
from chatgpt4online.protocol.reply_reader import ReplyReader
from chatgpt4online.protocol.site import MARK, Session

from ..loopback import end, live
from ..recordings import SUBMITS, Recording, names, outcome_of
from .flows import OPENED, Script, events, opened_site, recorded, text_of

FAILED = b'data: {"type":"error","data":"no"}\n\n'


def new_reader(limits: Limits = Limits()) -> ReplyReader:
    return ReplyReader(opened_site(limits=limits), "c" * 32, Response(200))


@pytest.mark.parametrize("recording", SUBMITS, ids=names(SUBMITS))
def test_recordings(recording: Recording) -> None:
    expected = outcome_of(recording)
    response = recorded(recording.name)
    renewals = [OPENED, response] if expected.error is NonceRejected else []
    script = Script(opened_site(), response, *renewals)
    if not response.ok:
        assert expected.error is not None
        with pytest.raises(expected.error):
            script.chat()
        return
    reader, pieces = script.chat()
    assert text_of(pieces) == expected.pieces
    if expected.error is None:
        reply = reader.result()
        assert reply.text == reader.text == expected.text
        assert pieces[-1] == EndEvent(reply)
        assert reply.chat_id == "c" * 32
    else:
        with pytest.raises(expected.error) as caught:
            reader.result()
        assert reader.reply is None
        assert getattr(caught.value, "partial_text", "") == expected.text


@given(st.data())
def test_recordings_in_random_splits(data: st.DataObject) -> None:
    recording = data.draw(st.sampled_from([item for item in SUBMITS if item.status == 200]))
    expected, body, reader = outcome_of(recording), recording.body, new_reader()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=10)))
    pieces = []
    for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True):
        pieces += reader.feed(body[start:stop])
    pieces += reader.finish()
    assert text_of(pieces) == expected.pieces
    assert (reader.error is None) is (expected.error is None)
    assert reader.text == (expected.text if reader.reply else expected.pieces)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!doctype html><html>", StatusError),
        (b"", IncompleteReply),
        (b"<br />\n<b>Fatal error</b>", IncompleteReply),
        (b'{"success":true}', ProtocolError),
        (b'{"success":true,"rep', IncompleteReply),
        (b'data: {"type":"end","data":"{"}\n\n', ProtocolError),
        (FAILED, ReplyError),
        (b'data: {"type":"error","data":"no","overLimit":true}\n\n', LimitReached),
        (b'{"success":false,"message":"query has been rejected"}', QueryRejected),
        (b'{"success":true,"reply":"","approval":{"tool":"t"}}', ApprovalRequired),
    ],
)
def test_response_without_a_reply(body: bytes, kind: type[ChatError]) -> None:
    reader, _ = Script(opened_site(), events(body)).chat()
    with pytest.raises(kind) as caught:
        reader.result()
    assert type(caught.value) is kind
    assert "Hello" not in str(caught.value)
    assert reader.finished


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (FAILED, ReplyError),
        (b'{"success":false}', ReplyError),
        (end("", approval={"tool": "t"}), ApprovalRequired),
        (b'data: {"type":"end"}\n\n', ProtocolError),
        (b"<html>Dead</html>", IncompleteReply),
        (b"", IncompleteReply),
    ],
)
def test_error_keeps_the_text_so_far(last: bytes, kind: type[ChatError]) -> None:
    reader, pieces = Script(opened_site(), events(live("Hel"), live("lo"), last)).chat()
    assert pieces == ["Hel", "lo"]
    with pytest.raises(kind) as caught:
        reader.result()
    assert vars(caught.value)["partial_text"] == reader.text == "Hello"


def test_broken_off_reply() -> None:
    reader, _ = Script(opened_site(), events(live("Hello"))).chat()
    with pytest.raises(IncompleteReply, match="ended after 5 characters without an end event"):
        reader.result()


def test_overlong_line() -> None:
    reader = new_reader(Limits(line=100))
    assert reader.feed(live("Hello")) == ["Hello"]
    assert not reader.finished
    assert reader.feed(live("x" * 100)) == []
    assert reader.finished
    with pytest.raises(ProtocolError, match="longer than 100 bytes") as caught:
        reader.result()
    assert caught.value.partial_text == "Hello"


@pytest.mark.parametrize(
    ("pieces", "text", "expected"),
    [
        (["Hel", "lo"], "Hello", ["Hel", "lo"]),
        (["Hel"], "Hello", ["Hel", "lo"]),
        ([], "Hello", ["Hello"]),
        (["Hallo"], "Hello", ["Hallo"]),
        (["Hello there"], "Hello", ["Hello there"]),
        ([], "", []),
    ],
)
def test_pieces_make_up_the_reply(pieces: list[str], text: str, expected: list[str]) -> None:
    reader, found = Script(opened_site(), events(*map(live, pieces), end(text))).chat()
    assert found == [*expected, EndEvent(reader.result())]
    assert reader.result().text == reader.text == text


def test_reply_without_a_text_of_its_own() -> None:
    reader, _ = Script(opened_site(), events(live("Hello"), end(reply=None))).chat()
    assert reader.result().text == "Hello"


def test_activity_is_not_text() -> None:
    thinking = b'data: {"type":"live","subtype":"thinking","data":"Hm"}\n\n'
    reader, pieces = Script(opened_site(), events(thinking, live("Hi"), end("Hi"))).chat()
    assert isinstance(pieces[0], ActivityEvent)
    assert (pieces[0].kind, pieces[0].text) == ("thinking", "Hm")
    assert reader.text == "Hi"


def test_bytes_after_the_end_are_ignored() -> None:
    reader = new_reader()
    assert [type(piece) for piece in reader.feed(end("Hi"))] == [str, EndEvent]
    assert reader.finished
    assert reader.feed(FAILED + live("more")) == []
    assert reader.finish() == []
    reader.fail(ChatTimeout("late"))
    assert reader.result().text == "Hi"


def test_reply_before_its_end() -> None:
    reader = new_reader()
    assert not reader.finished
    assert reader.text == ""
    reader.feed(live("Hello"))
    assert reader.text == "Hello"
    with pytest.raises(UsageError, match="not complete"):
        reader.result()


def test_interrupted_reply() -> None:
    reader, cause = new_reader(), ConnectionResetError("reset")
    reader.feed(live("Hello"))
    error = TransportError("The connection failed.")
    error.__cause__ = cause
    reader.fail(error)
    with pytest.raises(IncompleteReply) as caught:
        reader.result()
    assert str(caught.value) == "The reply broke off after 5 characters: The connection failed."
    assert caught.value.partial_text == reader.text == "Hello"
    assert caught.value.__cause__ is cause
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("response", "nonce"),
    [
        (recorded("3.6.2/chunked/stream-new_token"), "25bf36a19b"),
        (Response(200, {"x-wp-nonce": "header"}, end()), "header"),
        (Response(200, {}, end(new_token="token")), "token"),
        (Response(200, {}, b'{"success":true,"reply":"x","new_token":"token"}'), "token"),
        (Response(200, {}, end()), "8543e52f09"),
    ],
)
def test_next_nonce_is_used(response: Response, nonce: str) -> None:
    script = Script(opened_site(Session("8543e52f09", "s1")), response)
    script.chat()
    assert script.site.session == Session(nonce, "s1")


def test_nonce_in_an_error_is_hidden() -> None:
    site = opened_site()
    site.remember("n000000001")
    body = b'data: {"type":"error","data":"Bad nonce n000000001."}\n\n'
    reader, _ = Script(site, events(body)).chat()
    with pytest.raises(ReplyError) as caught:
        reader.result()
    assert caught.value.message == f"Bad nonce {MARK}."


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_garbage_is_a_documented_error(chunks: list[bytes]) -> None:
    reader = new_reader(Limits(line=100, reply=200))
    for chunk in chunks:
        reader.feed(chunk)
    reader.finish()
    with pytest.raises(ChatError):
        reader.result()
