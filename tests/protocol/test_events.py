"""From bytes to events, however the bytes are split."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatgpt4online.config import Limits
from chatgpt4online.models import ActivityEvent
from chatgpt4online.protocol.events import End, EventParser, Failure, Malformed, Outcome

from ..loopback import live
from ..recordings import SUBMITS, Recording, names
from .flows import text_of
from .parsing import END, ENDED, LIMITS, parse, parse_in_splits


@pytest.mark.parametrize("recording", SUBMITS, ids=names(SUBMITS))
def test_recordings_in_splits(recording: Recording) -> None:
    whole = parse_in_splits(recording.body)
    assert parse(recording.chunks) == whole


@given(st.data())
def test_recordings_in_random_splits(data: st.DataObject) -> None:
    recording = data.draw(st.sampled_from(SUBMITS))
    body = recording.body
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=30)))
    bounds = [0, *cuts, len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(bounds)]
    assert parse(chunks) == parse([body])


PARTS = st.sampled_from([
    b"data: ", b"data:", b"\xef\xbb\xbf", b": keepalive", b"\n", b"\r", b"\r\n", b"\n\n", b"{",
    b"}", b'{"type":"live","data":"x"}', b'{"type":"live",', b'"data":"y"}', END,
    b'{"success":true}',
    b'{"success":true,"reply":"R"}', b"<br />", b"\xd0", b"\x9f", b"[1]", b'"', b"event: x",
    b'{"type":"error","data":"no"}', b"\xe2\x80\xa8", b"null", b" ", b"data: {\n", b"data: \n",
])  # fmt: skip


@given(st.lists(st.one_of(PARTS, st.binary(max_size=20)), max_size=20), st.integers(1, 60))
@example([b"data: {", b"\r", b"\n", b'data: "type":"live","data":"x"}', b"\r", b"\r"], 5)
def test_garbage_in_splits(parts: list[bytes], size: int) -> None:
    limits = Limits(line=40, reply=120)
    body = b"".join(parts)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    whole = parse([body], limits)
    assert parse(chunks, limits) == whole
    assert parse([bytes([byte]) for byte in body], limits) == whole


def test_line_ends() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        body = (live("a\u2028b\u0085c") + live("\x0b\x0c\x1c") + END).replace(b"\n", end)
        events, outcome = parse_in_splits(body)
        assert text_of(events) == "a\u2028b\u0085c\x0b\x0c\x1c"
        assert outcome == ENDED


def test_unescaped_line_separators_do_not_end_a_line() -> None:
    body = 'data: {"type":"live","data":"a\u2028b\u2029c\x85d"}\n\n'.encode() + END
    assert text_of(parse_in_splits(body)[0]) == "a\u2028b\u2029c\x85d"


@pytest.mark.parametrize(
    ("event", "events"),
    [
        ({"type": "live", "data": "x"}, ["x"]),
        ({"type": "live", "data": "x", "subtype": None}, ["x"]),
        ({"type": "live", "data": "x", "subtype": "content"}, ["x"]),
        *[({"type": "live", "data": data}, []) for data in ("", None, 5, ["x"])],
        *[(event, []) for event in ({"type": "live"}, {"data": "x"}, {"type": 3, "data": "x"}, {})],
    ],
)
def test_text_events(event: dict[str, Any], events: list[Any]) -> None:
    assert parse_in_splits(b"data: " + json.dumps(event).encode() + b"\n\n") == (events, None)


def test_activity_event() -> None:
    raw = {
        "type": "live", "data": "Calling f...", "timestamp": 1.5, "subtype": "tool_call",
        "visibility": "visible", "metadata": {"tool_name": "f"}, "new": 1,
    }  # fmt: skip
    events, _ = parse([b"data: " + json.dumps(raw).encode() + b"\n\n"])
    assert events == [
        ActivityEvent("tool_call", "Calling f...", "visible", 1.5, {"tool_name": "f"}, raw)
    ]


def test_unknown_events_are_activity() -> None:
    odd = {
        "type": "live", "subtype": 7, "data": 1, "visibility": 2, "timestamp": "x", "metadata": [],
    }  # fmt: skip
    new = {"type": "novelty", "data": "n"}
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (odd, new))
    events, _ = parse_in_splits(body)
    assert events == [
        ActivityEvent("7", "", None, None, {}, odd),
        ActivityEvent("novelty", "n", None, None, {}, new),
    ]


@pytest.mark.parametrize(
    "other",
    [
        b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf", b"data: \n\n", b"data:\n\n", b"\n\n\n",
        b"{\n",
        b"<br />\n<b>Notice</b>: Undefined {x} in <b>a.php</b> on line <b>1</b><br />\n",
        b": keepalive\n\n", b"event: message\nid: 1\nretry: 5\n", b"data: [DONE]\n\n",
        b'data: "text"\n\n', b'data: {"type":"live","data":"cut\n\n',
        b'data: {"type":"live"} trailing\n\n', b"data: " + b"[" * 4000 + b"\n\n",
        b"data: " + b"9" * 5000 + b"\n\n",
    ],
)  # fmt: skip
def test_other_content_between_events_is_skipped(other: bytes) -> None:
    events, outcome = parse_in_splits(other + live("Hi") + other + END)
    assert text_of(events) == "Hi"
    assert outcome == ENDED


def test_event_on_several_lines() -> None:
    body = b'data: {"type":"live",\ndata: "data":\ndata:"x"}\n\n' + END
    assert parse_in_splits(body) == (["x"], ENDED)


def test_event_after_a_broken_line() -> None:
    body = b'data: {"type":"live","data":"a\ndata: {"type":"live","data":"b"}\n\n' + END
    assert parse_in_splits(body) == (["b"], ENDED)


def test_several_broken_lines_are_skipped() -> None:
    assert parse_in_splits(b"data: [1,\ndata: 2]\n\ndata: {\ndata: {\n\n" + END) == ([], ENDED)


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r"])
def test_last_line_needs_no_line_end(tail: bytes) -> None:
    assert parse_in_splits(END.rstrip(b"\n") + tail) == ([], ENDED)


def test_last_event_on_several_lines() -> None:
    assert parse_in_splits(b'data: {"type":"live",\ndata: "data":"x"}')[0] == ["x"]


@pytest.mark.parametrize(
    "before", [b"", b"\xef\xbb\xbf", b"<br />\n<b>Notice</b>: x<br />\n", b"{oops}\n", b" \r\n\t"]
)
def test_json_answer_instead_of_a_stream(before: bytes) -> None:
    body = b'{"success":true,"reply":"Hi"}'
    assert parse_in_splits(before + body) == ([], ENDED)
    assert parse_in_splits(before + json.dumps(json.loads(body), indent=2).encode() + b"\n") == (
        [],
        ENDED,
    )


def test_at_most_16_lines_are_tried_as_the_start_of_json() -> None:
    assert parse_in_splits(b"{x}\n" * 15 + b'{"success":true,"reply":"Hi"}') == ([], ENDED)
    assert parse_in_splits(b"{x}\n" * 16 + b'{"success":true,"reply":"Hi"}') == ([], None)


@pytest.mark.parametrize(
    "cut",
    [
        b'{"success":true,"reply":"whole","blocks":[\n{"type":"x","reply":"inner"},\n{"type',
        b'{\n"success":true,\n"blocks":[\n{"success":true,"reply":"inner"}\n',
        b'{"success":true,"blocks":[' + b"[" * 5000 + b'\n{"success":true,"reply":"inner"}',
    ],
)
def test_object_inside_a_truncated_answer_is_ignored(cut: bytes) -> None:
    assert parse_in_splits(cut) == ([], None)


def test_json_failure_after_text() -> None:
    body = live("Hi") + b'{"success":false,"message":"no"}'
    assert parse_in_splits(body) == (["Hi"], Failure({"success": False, "message": "no"}))


def test_wordpress_error() -> None:
    body = b'{"code":"rest_forbidden","message":"no","data":{"status":401}}'
    outcome = parse_in_splits(body)[1]
    assert isinstance(outcome, Failure)
    assert outcome.payload["code"] == "rest_forbidden"


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ('"no"', Failure({"type": "error", "data": "no", "message": "no"})),
        ('{"message":"no","overLimit":true}', Failure({"message": "no", "overLimit": True})),
        ("null", Failure({"type": "error", "data": None, "message": None})),
    ],
)
def test_error_event(data: str, outcome: Outcome) -> None:
    body = live("Hi") + f'data: {{"type":"error","data":{data}}}\n\n'.encode() + live("more") + END
    assert parse_in_splits(body) == (["Hi"], outcome)


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ({"success": True, "reply": "Hi"}, ENDED),
        (json.dumps({"reply": "Hi"}), End({"reply": "Hi"})),
        (
            json.dumps({"success": False, "message": "m"}),
            Failure({"success": False, "message": "m"}),
        ),
        (json.dumps({"success": 1, "reply": "Hi"}), Failure({"success": 1, "reply": "Hi"})),
        ("{cut", Malformed("its end event has no valid answer object")),
        ("[]", Malformed("its end event has no valid answer object")),
        (None, Malformed("its end event has no valid answer object")),
    ],
)
def test_end_event(data: Any, outcome: Outcome) -> None:
    body = b"data: " + json.dumps({"type": "end", "data": data}).encode() + b"\n\n"
    assert parse_in_splits(body + live("too late")) == ([], outcome)


def test_truncated_answer_has_no_outcome() -> None:
    assert parse_in_splits(b"") == ([], None)
    assert parse_in_splits(live("Hi")) == (["Hi"], None)


def test_invalid_utf8_is_replaced_and_lone_surrogates_are_kept() -> None:
    body = b'data: {"type":"live","data":"\xd0"}\n\ndata: {"type":"live","data":"\\ud83d"}\n\n'
    assert text_of(parse_in_splits(body)[0]) == "\ufffd\ud83d"


def test_head_has_the_first_characters_of_other_content() -> None:
    parser = EventParser(LIMITS)
    parser.feed(live("a") + b"<!doctype html>\n" + b"x" * 2000 + b"\nlast\n")
    assert parser.head.startswith("<!doctype html>\nxxx")
    assert "last" not in parser.head


def test_returned_list_belongs_to_the_caller() -> None:
    parser = EventParser(LIMITS)
    pieces = parser.feed(live("a")[:5])
    pieces += parser.feed(live("a")[5:])
    pieces += parser.finish()
    assert pieces == ["a"]


def test_line_with_only_a_byte_order_mark() -> None:
    assert text_of(parse_in_splits(b"\xef\xbb\xbf\n\xef\xbb\xbf" + live("a"))[0]) == "a"


@pytest.mark.parametrize(
    "event",
    [
        '{"type":"live","data":"%s"}',
        '{"type":"live","data":"%s","timestamp":1763800000000,"subtype":"content","visibility":"x"}',
        '{"type":"live","data":"%s","timestamp":1.5,"subtype":"content","visibility":"visible"}',
        '{"data":"%s","type":"live"}',
        '{"type": "live", "data": "%s"}',
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "Hi", "two words", "\\n", "\\u0430", "\\ud83d\\ude00", "\\ud83d", "\\\\", '\\"}', "a\\/b",
        "п", "\x7f",
    ],
)  # fmt: skip
def test_events_are_parsed_like_json(event: str, text: str) -> None:
    """The most common form is parsed without a JSON parser, with the same result."""
    raw = event % text
    line = f"data: {raw}\n\n".encode("utf-8", "surrogatepass")
    assert parse_in_splits(line)[0] == [json.loads(raw)["data"]]


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":"live","data":"\\x"}', '{"type":"live","data":"\\u00g0"}',
        '{"type":"live","data":"a\tb"}', '{"type":"live","data":"a"b"}',
        '{"type":"live","data":"a","timestamp":01,"subtype":"content"}',
        '{"type":"live","data":"a"}}', '{"type":"live","data":"a\\"}',
    ],
)  # fmt: skip
def test_invalid_json_in_the_usual_form(raw: str) -> None:
    with pytest.raises(ValueError):
        json.loads(raw)
    assert parse_in_splits(f"data: {raw}\n\n".encode())[0] == []


def test_error_event_may_have_further_fields() -> None:
    body = b'data: {"type":"error","data":"no","overLimit":true}\n\n'
    assert parse_in_splits(body)[1] == Failure(
        {"type": "error", "data": "no", "message": "no", "overLimit": True}
    )


def test_large_chunk_is_parsed_like_many_small_ones() -> None:
    body = (live("a") * 1000 + b"other\r\n\r" + live("b")) * 70 + END
    assert len(body) > 2**21
    events, outcome = parse([body], Limits())
    assert text_of(events) == ("a" * 1000 + "b") * 70
    assert outcome == ENDED
    chunks = [body[at : at + 9999] for at in range(0, len(body), 9999)]
    assert parse(chunks, Limits()) == (events, outcome)
