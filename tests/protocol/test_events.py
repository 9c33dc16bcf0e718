"""Bytes to events, at any split."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatgpt4online.messages import ActivityEvent
from chatgpt4online.protocol.chunks import ChunkParser, End, Failure, Malformed, Outcome
from chatgpt4online.protocol.limits import Limits

from ..loopback import live
from ..recordings import SUBMITS, Recording, names
from .parsing import END, LIMITS, OK, parse, parse_any_way, text_of


@pytest.mark.parametrize("recording", SUBMITS, ids=names(SUBMITS))
def test_a_recording_gives_the_same_events_at_any_split(recording: Recording) -> None:
    whole = parse_any_way(recording.body)
    assert parse(recording.chunks) == whole


@given(st.data())
def test_a_recording_gives_the_same_events_at_random_splits(data: st.DataObject) -> None:
    recording = data.draw(st.sampled_from(SUBMITS))
    body = recording.body
    cuts = sorted(data.draw(st.sets(st.integers(0, len(body)), max_size=30)))
    bounds = [0, *cuts, len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(bounds)]
    assert parse(chunks) == parse([body])


LINE = st.sampled_from(
    [
        b"data: ",
        b"data:",
        b"\xef\xbb\xbf",
        b": keepalive",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"{",
        b"}",
        b'{"type":"live","data":"x"}',
        b'{"type":"live",',
        b'"data":"y"}',
        END,
        b'{"success":true}',
        b'{"success":true,"reply":"R"}',
        b"<br />",
        b"\xd0",
        b"\x9f",
        b"[1]",
        b'"',
        b"event: x",
        b'{"type":"error","data":"no"}',
        b"\xe2\x80\xa8",
        b"null",
        b" ",
        b"data: {\n",
        b"data: \n",
    ]
)


@given(st.lists(st.one_of(LINE, st.binary(max_size=20)), max_size=20), st.integers(1, 60))
@example([b"data: {", b"\r", b"\n", b'data: "type":"live","data":"x"}', b"\r", b"\r"], 5)
def test_garbage_gives_the_same_events_at_any_split(parts: list[bytes], size: int) -> None:
    limits = Limits(line=40, reply=120)
    body = b"".join(parts)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    whole = parse([body], limits)
    assert parse(chunks, limits) == whole
    assert parse([bytes([byte]) for byte in body], limits) == whole


def test_every_line_end_is_one_and_nothing_else_is() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        body = (live("a\u2028b\u0085c") + live("\x0b\x0c\x1c") + END).replace(b"\n", end)
        events, outcome = parse_any_way(body)
        assert text_of(events) == "a\u2028b\u0085c\x0b\x0c\x1c"
        assert outcome == OK


def test_unescaped_line_separators_do_not_end_a_line() -> None:
    body = 'data: {"type":"live","data":"a\u2028b\u2029c\x85d"}\n\n'.encode() + END
    assert text_of(parse_any_way(body)[0]) == "a\u2028b\u2029c\x85d"


@pytest.mark.parametrize(
    ("event", "events"),
    [
        ({"type": "live", "data": "x"}, ["x"]),
        ({"type": "live", "data": "x", "subtype": None}, ["x"]),
        ({"type": "live", "data": "x", "subtype": "content"}, ["x"]),
        ({"type": "live", "data": ""}, []),
        ({"type": "live", "data": None}, []),
        ({"type": "live"}, []),
        ({"type": "live", "data": 5}, []),
        ({"data": "x"}, []),
        ({"type": 3, "data": "x"}, []),
        ({}, []),
    ],
)
def test_what_is_text(event: dict[str, Any], events: list[Any]) -> None:
    assert parse_any_way(b"data: " + json.dumps(event).encode() + b"\n\n") == (events, None)


def test_activity_keeps_all_that_the_site_told() -> None:
    raw = {
        "type": "live", "data": "Calling f...", "timestamp": 1.5, "subtype": "tool_call",
        "visibility": "visible", "metadata": {"tool_name": "f"}, "new": 1,
    }  # fmt: skip
    events, _ = parse([b"data: " + json.dumps(raw).encode() + b"\n\n"])
    assert events == [
        ActivityEvent("tool_call", "Calling f...", "visible", 1.5, {"tool_name": "f"}, raw)
    ]


def test_activity_of_odd_types_and_unknown_kinds_passes() -> None:
    odd = {
        "type": "live",
        "subtype": 7,
        "data": 1,
        "visibility": 2,
        "timestamp": "x",
        "metadata": [],
    }
    new = {"type": "novelty", "data": "n"}
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in (odd, new))
    events, _ = parse_any_way(body)
    assert events == [
        ActivityEvent("7", "", None, None, {}, odd),
        ActivityEvent("novelty", "n", None, None, {}, new),
    ]


@pytest.mark.parametrize(
    "dirt",
    [
        b"\xef\xbb\xbf",
        b"\xef\xbb\xbf\xef\xbb\xbf",
        b"<br />\n<b>Notice</b>: Undefined {x} in <b>a.php</b> on line <b>1</b><br />\n",
        b"data: \n\n",
        b"data:\n\n",
        b": keepalive\n\n",
        b"event: message\nid: 1\nretry: 5\n",
        b"data: [DONE]\n\n",
        b'data: "text"\n\n',
        b'data: {"type":"live","data":"cut\n\n',
        b'data: {"type":"live"} trailing\n\n',
        b"data: " + b"[" * 4000 + b"\n\n",
        b"data: " + b"9" * 5000 + b"\n\n",
        b"\n\n\n",
        b"{\n",
    ],
)
def test_dirt_before_and_between_events_is_skipped(dirt: bytes) -> None:
    events, outcome = parse_any_way(dirt + live("Hi") + dirt + END)
    assert text_of(events) == "Hi"
    assert outcome == OK


def test_one_event_on_several_data_lines() -> None:
    body = b'data: {"type":"live",\ndata: "data":\ndata:"x"}\n\n' + END
    assert parse_any_way(body) == (["x"], OK)


def test_a_whole_event_after_a_broken_line_counts() -> None:
    body = b'data: {"type":"live","data":"a\ndata: {"type":"live","data":"b"}\n\n' + END
    assert parse_any_way(body) == (["b"], OK)


def test_several_broken_lines_are_no_event() -> None:
    assert parse_any_way(b"data: [1,\ndata: 2]\n\ndata: {\ndata: {\n\n" + END) == ([], OK)


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r"])
def test_the_last_line_needs_no_blank_line(tail: bytes) -> None:
    assert parse_any_way(END.rstrip(b"\n") + tail) == ([], OK)


def test_an_event_on_several_lines_may_be_the_last() -> None:
    assert parse_any_way(b'data: {"type":"live",\ndata: "data":"x"}')[0] == ["x"]


@pytest.mark.parametrize(
    "before", [b"", b"\xef\xbb\xbf", b"<br />\n<b>Notice</b>: x<br />\n", b"{oops}\n", b" \r\n\t"]
)
def test_a_json_answer_to_a_stream_request(before: bytes) -> None:
    body = b'{"success":true,"reply":"Hi"}'
    assert parse_any_way(before + body) == ([], OK)
    assert parse_any_way(before + json.dumps(json.loads(body), indent=2).encode() + b"\n") == (
        [],
        OK,
    )


def test_only_some_candidates_for_a_json_answer_are_tried() -> None:
    assert parse_any_way(b"{x}\n" * 15 + b'{"success":true,"reply":"Hi"}') == ([], OK)
    assert parse_any_way(b"{x}\n" * 16 + b'{"success":true,"reply":"Hi"}') == ([], None)


@pytest.mark.parametrize(
    "cut",
    [
        b'{"success":true,"reply":"whole","blocks":[\n{"type":"x","reply":"inner"},\n{"type',
        b'{\n"success":true,\n"blocks":[\n{"success":true,"reply":"inner"}\n',
        b'{"success":true,"blocks":[' + b"[" * 5000 + b'\n{"success":true,"reply":"inner"}',
    ],
)
def test_no_object_inside_a_cut_answer_is_the_answer(cut: bytes) -> None:
    assert parse_any_way(cut) == ([], None)


def test_a_json_failure_after_text() -> None:
    body = live("Hi") + b'{"success":false,"message":"no"}'
    assert parse_any_way(body) == (["Hi"], Failure({"success": False, "message": "no"}))


def test_a_wordpress_error_is_a_failure() -> None:
    body = b'{"code":"rest_forbidden","message":"no","data":{"status":401}}'
    outcome = parse_any_way(body)[1]
    assert isinstance(outcome, Failure)
    assert outcome.payload["code"] == "rest_forbidden"


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ('"no"', Failure({"message": "no"})),
        ('{"message":"no","overLimit":true}', Failure({"message": "no", "overLimit": True})),
        ("null", Failure({"message": None})),
    ],
)
def test_error_events(data: str, outcome: Outcome) -> None:
    body = live("Hi") + f'data: {{"type":"error","data":{data}}}\n\n'.encode() + live("more") + END
    assert parse_any_way(body) == (["Hi"], outcome)


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        ({"success": True, "reply": "Hi"}, OK),
        (json.dumps({"reply": "Hi"}), End({"reply": "Hi"})),
        (
            json.dumps({"success": False, "message": "m"}),
            Failure({"success": False, "message": "m"}),
        ),
        (json.dumps({"success": 1, "reply": "Hi"}), Failure({"success": 1, "reply": "Hi"})),
        ("{cut", Malformed("its end event has no readable answer")),
        ("[]", Malformed("its end event has no readable answer")),
        (None, Malformed("its end event has no readable answer")),
    ],
)
def test_end_events(data: Any, outcome: Outcome) -> None:
    body = b"data: " + json.dumps({"type": "end", "data": data}).encode() + b"\n\n"
    assert parse_any_way(body + live("too late")) == ([], outcome)


def test_an_answer_that_just_ends_has_no_outcome() -> None:
    assert parse_any_way(b"") == ([], None)
    assert parse_any_way(live("Hi")) == (["Hi"], None)


def test_half_characters_are_replaced_and_lone_surrogates_kept() -> None:
    body = b'data: {"type":"live","data":"\xd0"}\n\ndata: {"type":"live","data":"\\ud83d"}\n\n'
    assert text_of(parse_any_way(body)[0]) == "\ufffd\ud83d"


def test_head_tells_what_else_an_answer_is() -> None:
    parser = ChunkParser(LIMITS)
    parser.feed(live("a") + b"<!doctype html>\n" + b"x" * 2000 + b"\nlast\n")
    assert parser.head.startswith("<!doctype html>\nxxx")
    assert "last" not in parser.head


def test_what_was_handed_out_belongs_to_the_caller() -> None:
    parser = ChunkParser(LIMITS)
    pieces = parser.feed(live("a")[:5])
    pieces += parser.feed(live("a")[5:])
    pieces += parser.finish()
    assert pieces == ["a"]


def test_a_line_of_marks_alone_is_empty() -> None:
    assert text_of(parse_any_way(b"\xef\xbb\xbf\n\xef\xbb\xbf" + live("a"))[0]) == "a"


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
        "Hi",
        "two words",
        "\\n",
        "\\u0430",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\\\",
        '\\"}',
        "a\\/b",
        "п",
        "\x7f",
    ],
)  # fmt: skip
def test_every_form_of_an_event_is_read_as_json_is(event: str, text: str) -> None:
    """The usual form is read in a way of its own; nobody may notice."""
    raw = event % text
    line = f"data: {raw}\n\n".encode("utf-8", "surrogatepass")
    assert parse_any_way(line)[0] == [json.loads(raw)["data"]]


@pytest.mark.parametrize(
    "raw",
    [
        '{"type":"live","data":"\\x"}', '{"type":"live","data":"\\u00g0"}',
        '{"type":"live","data":"a\tb"}', '{"type":"live","data":"a"b"}',
        '{"type":"live","data":"a","timestamp":01,"subtype":"content"}',
        '{"type":"live","data":"a"}}', '{"type":"live","data":"a\\"}',
    ],
)  # fmt: skip
def test_what_only_looks_like_the_usual_form_is_no_event(raw: str) -> None:
    with pytest.raises(ValueError):
        json.loads(raw)
    assert parse_any_way(f"data: {raw}\n\n".encode())[0] == []
