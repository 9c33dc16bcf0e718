"""A turn of chat, from prompt to reply."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatgpt4online.errors import (
    Blocked,
    ChatError,
    ChatTimeout,
    IncompleteReply,
    NonceRejected,
    ProtocolError,
    QueryRejected,
    ReplyError,
    RouteNotFound,
    StatusError,
    UsageError,
)
from chatgpt4online.messages import EndEvent, Message, StoredFile
from chatgpt4online.protocol.limits import Limits
from chatgpt4online.protocol.nonce import Session
from chatgpt4online.protocol.opening import SessionOpening
from chatgpt4online.protocol.site import Era, Site
from chatgpt4online.protocol.turn import Bot, Turn

from ..loopback import live
from ..recordings import SUBMITS, Recording, names, outcome_of
from .scripted import (
    END,
    HELLO_ANSWER,
    OPENED,
    Answer,
    Script,
    json_of,
    new_site,
    new_turn,
    recorded,
    run,
    streamed,
)


def body_of(turn: Turn, session: Session = Session()) -> dict[str, Any]:
    turn._site.session = session
    request = turn.next_request()
    assert request is not None
    body: dict[str, Any] = json_of(request)
    return body


@pytest.mark.parametrize("recording", SUBMITS, ids=names(SUBMITS))
def test_recordings(recording: Recording) -> None:
    expected = outcome_of(recording)
    answer = recorded(recording.name)
    refused = recording.status in (401, 403) and expected.error is NonceRejected
    turn, script = run(answer, *([OPENED, answer] if refused else []))
    pieces = "".join(event for event in script.events if isinstance(event, str))
    assert pieces == expected.pieces
    if expected.error is None:
        assert turn.result().text == turn.text == expected.text
        assert script.events[-1] == EndEvent(turn.result())
        assert turn.result().chat_id == "c" * 32
    else:
        with pytest.raises(expected.error) as caught:
            turn.result()
        assert not turn.succeeded
        assert getattr(caught.value, "partial_text", "") == expected.text


def test_a_turn_of_a_browser_is_sent_in_the_same_way() -> None:
    """As the plugin's own page sent it, save for ids, times and what no model sees."""
    recording = Recording("3.6.2/browser/submit-second")
    request = recording_request(recording)
    messages = [{"role": item["role"], "content": item["content"]} for item in request["messages"]]
    site = new_site()
    turn = new_turn(
        site,
        [*messages, {"role": "user", "content": request["newMessage"]}],
        options={"previousResponseId": "chatcmpl-1", "contextId": 4},
    )
    body = body_of(turn, Session("n1", request["session"]))
    for name in ("botId", "customId", "session", "contextId", "newMessage", "stream"):
        assert body.pop(name) == request[name]
    assert body.pop("previousResponseId") == request["previousResponseId"]
    assert body.pop("chatId") == "c" * 32
    sent = body.pop("messages")
    assert body == {}
    for ours, theirs in zip(sent, request["messages"], strict=True):
        assert set(ours) == {"id", "role", "content", "who", "timestamp"}
        assert [ours[name] for name in ("role", "content", "who")] == [
            theirs[name] for name in ("role", "content", "who")
        ]
    assert len({message["id"] for message in sent}) == len(sent)


def recording_request(recording: Recording) -> dict[str, Any]:
    from ..recordings import WIRE

    raw = (WIRE / f"{recording.name}.request").read_text()
    request: dict[str, Any] = json.loads(raw.replace("\r\n", "\n").partition("\n\n")[2])
    return request


def test_a_long_history_goes_into_messages() -> None:
    history = [{"role": "user", "content": "x" * 400}, {"role": "assistant", "content": "y" * 400}]
    body = body_of(new_turn(new_site(), [*history, {"role": "user", "content": "And?"}]))
    assert body["newMessage"] == "And?"
    assert [(item["role"], item["content"]) for item in body["messages"]] == [
        ("user", "x" * 400),
        ("assistant", "y" * 400),
    ]
    assert {item["timestamp"] for item in body["messages"]} == {1_000}


@pytest.mark.parametrize(
    ("bot", "address", "sent"),
    [
        (Bot(), "http://a.b", {"botId": "default", "customId": None}),
        (Bot("b1"), "http://a.b", {"botId": "b1", "customId": None}),
        (Bot(None, "c1"), "http://a.b", {"botId": None, "customId": "c1"}),
        (Bot(), "http://a.b/chat/", {"botId": "p1", "customId": None, "contextId": 4}),
        (Bot("p2"), "http://a.b/chat/", {"botId": "p2", "customId": None, "contextId": 5}),
        (Bot(None, "pc"), "http://a.b/chat/", {"botId": None, "customId": "pc", "contextId": 6}),
        (Bot("b1"), "http://a.b/chat/", {"botId": "b1", "customId": None}),
    ],
)
def test_which_bot_is_asked(bot: Bot, address: str, sent: dict[str, Any]) -> None:
    bots = [
        {"botId": "p1", "customId": None, "contextId": 4, "restNonce": "n1"},
        {"botId": "p2", "customId": None, "contextId": 5},
        {"botId": None, "customId": "pc", "contextId": 6},
    ]
    page = "".join(f"<div data-system='{json.dumps(system)}'></div>" for system in bots)
    site = new_site(address)
    answers = [Answer(200, page.encode())] if "chat" in address else [OPENED]
    turn, script = new_turn(site, bot=bot), Script(*answers, HELLO_ANSWER)
    script.run(turn)
    body = json_of(script.requests[-1])
    assert {name: body.get(name) for name in ("botId", "customId")} == {
        name: sent[name] for name in ("botId", "customId")
    }
    assert body.get("contextId") == sent.get("contextId")


def test_options_go_under_the_names_of_the_plugin() -> None:
    options = {"model": "m", "max_tokens": 5, "temperature": None, "anything": [1], "stream": False}
    turn = new_turn(new_site(), options=options)
    body = body_of(turn)
    assert (body["model"], body["maxTokens"], body["anything"]) == ("m", 5, [1])
    assert body["stream"] is False
    assert "temperature" not in body
    assert "max_tokens" not in body


def test_a_request_of_events_and_one_of_json() -> None:
    for options, accept in (({}, "text/event-stream"), ({"stream": False}, "application/json")):
        site = new_site()
        site.session = Session("n1", "s1")
        request = new_turn(site, options=options).next_request()
        assert request is not None
        assert request.headers["Accept"] == accept
        assert request.headers["X-WP-Nonce"] == "n1"
        assert json_of(request)["session"] == "s1"
        assert "n1" not in repr(request)
        assert "Hello" not in repr(request)


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), "\ud800", b"x"])
def test_an_option_that_is_not_json_is_a_mistake(value: Any) -> None:
    with pytest.raises(UsageError, match="The option x cannot be sent as JSON") as caught:
        new_turn(new_site(), options={"x": value})
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(500, b"<html>"), StatusError),
        (Answer(503, b"<html>", {"retry-after": "1"}), Blocked),
        (Answer(307, b"", {"location": "https://x/"}), StatusError),
        (Answer(404, b"<html>"), RouteNotFound),
        (Answer(200, b"<!doctype html><html>"), StatusError),
        (Answer(200, b""), IncompleteReply),
        (Answer(204, b""), IncompleteReply),
        (Answer(200, b"<br />\n<b>Fatal error</b>"), IncompleteReply),
        (Answer(200, b'{"success":true}'), ProtocolError),
        (Answer(200, b'data: {"type":"end","data":"{"}\n\n'), ProtocolError),
        (Answer(403, b'data: {"type":"error","data":"no"}\n\n'), QueryRejected),
        (Answer(500, b"x" * 100), StatusError),
    ],
)
def test_answers_that_are_no_reply(answer: Answer, kind: type[ChatError]) -> None:
    turn, script = run(answer, limits=Limits(page=50))
    with pytest.raises(kind) as caught:
        turn.result()
    assert type(caught.value) is kind
    assert len(script.requests) == 1
    assert "Hello" not in str(caught.value)


def test_a_failure_keeps_what_had_arrived() -> None:
    for end in (b'data: {"type":"error","data":"no"}\n\n', b'{"success":false}', b""):
        turn, script = run(streamed(live("Hel"), live("lo"), end))
        assert script.events == ["Hel", "lo"]
        with pytest.raises(ReplyError if end else IncompleteReply) as caught:
            turn.result()
        assert vars(caught.value)["partial_text"] == turn.text == "Hello"


def test_a_limit_ends_a_turn() -> None:
    turn, _ = run(streamed(live("Hello"), live("x" * 100)), limits=Limits(line=100))
    with pytest.raises(ProtocolError, match="longer than 100 bytes") as caught:
        turn.result()
    assert caught.value.partial_text == "Hello"


@pytest.mark.parametrize(
    ("pieces", "reply", "events"),
    [
        (["Hel", "lo"], b"Hello", ["Hel", "lo"]),
        (["Hel"], b"Hello", ["Hel", "lo"]),
        ([], b"Hello", ["Hello"]),
        (["Hallo"], b"Hello", ["Hallo"]),
        ([], b"", []),
    ],
)
def test_the_pieces_make_up_the_reply_where_they_can(
    pieces: list[str], reply: bytes, events: list[str]
) -> None:
    turn, script = run(streamed(*map(live, pieces), END % reply))
    texts = [event for event in script.events if isinstance(event, str)]
    assert texts == events
    assert turn.result().text == reply.decode()


def test_an_answer_after_the_end_changes_nothing() -> None:
    site = new_site()
    site.session = Session("n1")
    turn = new_turn(site)
    turn.next_request()
    turn.receive_head(200, {})
    assert [type(event) for event in turn.receive_data(END % b"Hi")] == [str, EndEvent]
    assert turn.finished
    assert turn.next_request() is None
    assert list(turn.receive_data(b'data: {"type":"error","data":"late"}\n\n')) == []
    assert list(turn.receive_eof()) == []
    assert turn.result().text == "Hi"


def test_a_reply_is_not_to_be_had_before_the_end() -> None:
    turn = new_turn(new_site())
    assert not turn.finished
    assert turn.text == ""
    with pytest.raises(UsageError, match="not complete yet"):
        turn.result()


def interrupt(*received: bytes, status: int | None) -> ChatError:
    site = new_site()
    site.session = Session("n1")
    turn = new_turn(site)
    turn.next_request()
    if status is not None:
        turn.receive_head(status, {})
    for data in received:
        turn.receive_data(data)
    return turn.interrupted(ChatTimeout("Nothing came."))


def test_an_interruption_means_what_had_arrived() -> None:
    assert isinstance(interrupt(status=None), ChatTimeout)
    error = interrupt(live("Hello"), status=200)
    assert isinstance(error, IncompleteReply)
    assert error.partial_text == "Hello"
    assert str(error) == "The answer broke off after 5 characters: Nothing came."
    assert isinstance(interrupt(status=200), IncompleteReply)
    assert isinstance(interrupt(b'{"success":false}', status=500), ReplyError)
    assert isinstance(interrupt(status=503), Blocked)
    assert isinstance(interrupt(b'{"code":"rest_forbidden"}', status=401), ChatTimeout)


@given(st.lists(st.binary(max_size=60), max_size=6), st.sampled_from([200, 201, 301, 403, 500]))
def test_garbage_ends_in_a_documented_error(chunks: list[bytes], status: int) -> None:
    site = new_site()
    site.session = Session("n1")
    turn = new_turn(site, limits=Limits(line=100, reply=200, page=100))
    turn.next_request()
    turn.receive_head(status, {})
    for chunk in chunks:
        turn.receive_data(chunk)
    turn.receive_eof()
    with pytest.raises(ChatError):
        turn.result()


def shown_site(**params: Any) -> Site:
    """A site whose page shows the default chatbot with such parameters."""
    system = json.dumps({"botId": "default", "restUrl": "http://a.b/wp-json", "contextId": 4})
    page = f"<div data-system='{system}' data-params='{json.dumps(params)}'></div>"
    site = new_site("http://a.b/chat/")
    Script(Answer(200, page.encode()), OPENED).run(SessionOpening(site, Limits()))
    return site


def test_what_a_page_told_is_kept_to() -> None:
    site = shown_site(textInputMaxLength=11, fileUpload=True, maxUploads=1)
    assert new_turn(site, "Hello there").next_request() is not None
    with pytest.raises(UsageError, match="has 12 characters; the site takes 11"):
        new_turn(site, "Hello there!").next_request()
    file = StoredFile("f1")
    assert new_turn(site, files=[file]).next_request() is not None
    with pytest.raises(UsageError, match="2 files are too many; the site's chatbot takes 1"):
        new_turn(shown_site(maxUploads=1), files=[file, file]).next_request()
    with pytest.raises(UsageError, match="takes no files"):
        new_turn(shown_site(imageUpload=False), files=[file]).next_request()


def test_files_go_by_the_name_that_the_plugin_knows() -> None:
    def fields(era: Era | None, *ids: str) -> dict[str, Any]:
        site = new_site()
        site.era = era
        body = body_of(new_turn(site, files=[StoredFile(item) for item in ids]))
        return {name: body[name] for name in body if name.startswith(("newFile", "newImage"))}

    for era in (Era.START_SESSION, None):
        assert fields(era) == {}
        assert fields(era, "a") == {"newFileId": "a"}
        assert fields(era, "a", "b") == {"newFileIds": ["a", "b"]}
    for era in (Era.NO_NONCE, Era.PAGE_NONCE):
        assert fields(era, "a") == {"newFileId": "a", "newImageId": "a"}
        with pytest.raises(UsageError, match="too old"):
            fields(era, "a", "b")


def test_a_greeting_goes_first_where_the_page_tells_it() -> None:
    hello = [Message("assistant", "Hi!")]
    site = shown_site(startSentence="Hi!")
    assert list(new_turn(site, greeted=True).history) == hello
    assert list(new_turn(site).history) == []
    assert list(new_turn(new_site(), greeted=True).history) == []
    assert list(new_turn(shown_site(startSentence=""), greeted=True).history) == []
    given = [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
    assert list(new_turn(site, given, greeted=True).history) == [Message("user", "a")]


@pytest.mark.parametrize("name", ["newMessage", "chatId", "token", "timeout"])
def test_what_is_no_option(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is no option of a prompt"):
        new_turn(new_site(), options={name: "x"})


def test_text_in_an_error_answer_is_kept_and_the_rest_not_waited_for() -> None:
    site = new_site()
    site.session = Session("n1")
    turn = new_turn(site)
    turn.next_request()
    turn.receive_head(500, {})
    assert not turn.has_enough
    turn.receive_data(live("Hello") + b'data: {"type":"error","data":"no"}\n\n')
    assert turn.has_enough
    turn.receive_eof()
    with pytest.raises(ReplyError) as caught:
        turn.result()
    assert caught.value.partial_text == "Hello"


def test_a_rejected_message_of_unusual_length_says_so() -> None:
    rejected = recorded("2.4.0/close-delimited/stream-too-long")
    for length, hint in ((512, False), (513, True)):
        site = new_site()
        site.session = Session("n1")
        turn, script = new_turn(site, "x" * length), Script(rejected)
        script.run(turn)
        with pytest.raises(QueryRejected) as caught:
            turn.result()
        assert (f"has {length} characters; most sites take 512" in str(caught.value)) is hint
        assert caught.value.message == "Sorry, your query has been rejected."
