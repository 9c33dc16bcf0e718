"""Sending a prompt: what is sent, and what is checked before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chatgpt4online.errors import (
    Blocked,
    NonceRejected,
    PromptTooLong,
    RouteNotFound,
    UsageError,
)
from chatgpt4online.models import Message, StoredFile
from chatgpt4online.protocol.chat import Turn, read_parameters
from chatgpt4online.protocol.files import Attachment
from chatgpt4online.protocol.http import Response
from chatgpt4online.protocol.session import open_session
from chatgpt4online.protocol.site import Bot, Era, Session, Site

from ..recordings import HELLO, WIRE
from .flows import (
    BAD_NONCE,
    HELLO_RESPONSE,
    HTML_PAGE,
    NO_NONCE,
    NO_ROUTE,
    OLD_HELLO,
    OLD_PAGE,
    OPENED,
    PLAIN_PAGE,
    ROOT,
    START_SESSION,
    SUBMIT,
    Script,
    Source,
    answer,
    json_of,
    new_site,
    new_turn,
    opened_site,
    recorded,
)

REFUSED_PASSWORD = recorded("3.6.2/application-password/stream-no-nonce")


def body_of(turn: Turn, site: Site | None = None) -> dict[str, Any]:
    """Return the JSON that is sent for a turn."""
    script = Script(site or opened_site(), HELLO_RESPONSE)
    script.chat(turn)
    body: dict[str, Any] = json_of(script.requests[-1])
    return body


def site_with_page(*bots: dict[str, Any], **params: Any) -> Site:
    """Return a site whose page shows chatbots, or else the default one, with these parameters."""
    page = "".join(
        f"<div data-system='{json.dumps(bot)}' data-params='{json.dumps(params)}'></div>"
        for bot in bots or [{"botId": "default", "restUrl": "http://a.b/wp-json"}]
    )
    link = {"link": '<http://a.b/wp-json/>; rel="https://api.w.org/"'}
    script = Script(new_site("http://a.b/chat/"), Response(200, link, page.encode()), OPENED)
    script.run(open_session(script.site))
    return script.site


def attached(*ids: str) -> list[Attachment]:
    return [Attachment(stored=StoredFile(item)) for item in ids]


def test_same_body_as_from_the_plugins_own_page() -> None:
    raw = (WIRE / "3.6.2/browser/submit-second.request").read_text().replace("\r\n", "\n")
    recorded_body = json.loads(raw.partition("\n\n")[2])
    history = [Message(item["role"], item["content"]) for item in recorded_body["messages"]]
    turn = new_turn(
        [*history, Message("user", recorded_body["newMessage"])],
        parameters={"previousResponseId": "chatcmpl-1", "contextId": 4},
    )
    body = body_of(turn, opened_site(Session("n1", recorded_body["session"])))
    for name in ("botId", "customId", "session", "contextId", "newMessage", "stream"):
        assert body.pop(name) == recorded_body[name]
    assert body.pop("previousResponseId") == recorded_body["previousResponseId"]
    assert body.pop("chatId") == "c" * 32
    sent = body.pop("messages")
    assert body == {}
    for ours, theirs in zip(sent, recorded_body["messages"], strict=True):
        assert set(ours) == {"id", "role", "content", "who", "timestamp"}
        for name in ("role", "content", "who"):
            assert ours[name] == theirs[name]
    assert len({message["id"] for message in sent}) == len(sent)


def test_long_history_is_sent_as_messages() -> None:
    history = [{"role": "user", "content": "x" * 400}, {"role": "assistant", "content": "y" * 400}]
    body = body_of(new_turn([*history, {"role": "user", "content": "And?"}]))
    assert body["newMessage"] == "And?"
    assert [(item["role"], item["content"]) for item in body["messages"]] == [
        ("user", "x" * 400),
        ("assistant", "y" * 400),
    ]
    assert {item["timestamp"] for item in body["messages"]} == {1_000}


BOTS = (
    {"botId": "p1", "customId": None, "contextId": 4},
    {"botId": "p2", "customId": None, "contextId": 5},
    {"botId": None, "customId": "pc", "contextId": 6},
)


@pytest.mark.parametrize(
    ("bot", "on_page", "bot_id", "custom_id", "context_id"),
    [
        (Bot(), False, "default", None, None),
        (Bot("b1"), False, "b1", None, None),
        (Bot(None, "c1"), False, None, "c1", None),
        (Bot(), True, "p1", None, 4),
        (Bot("p2"), True, "p2", None, 5),
        (Bot(None, "pc"), True, None, "pc", 6),
        (Bot("b1"), True, "b1", None, None),
    ],
)
def test_bot(
    bot: Bot, on_page: bool, bot_id: str | None, custom_id: str | None, context_id: int | None
) -> None:
    body = body_of(new_turn(bot=bot), site_with_page(*BOTS) if on_page else None)
    assert (body["botId"], body["customId"]) == (bot_id, custom_id)
    assert body.get("contextId") == context_id


def test_parameters() -> None:
    parameters = read_parameters(
        {"anything": [1]}, model="m", maxTokens=5, temperature=None, stream=False
    )
    assert parameters == {"model": "m", "maxTokens": 5, "anything": [1], "stream": False}
    body = body_of(new_turn(parameters=parameters))
    assert body.items() >= parameters.items()


def test_an_argument_that_is_not_given_leaves_the_parameter() -> None:
    assert read_parameters({"maxTokens": 5}, maxTokens=None) == {"maxTokens": 5}
    assert read_parameters({"maxTokens": 5}, maxTokens=6) == {"maxTokens": 6}


@pytest.mark.parametrize("name", ["newMessage", "chatId", "stream"])
def test_parameter_that_is_set_by_another_argument(name: str) -> None:
    with pytest.raises(UsageError, match=f"params must not contain {name}"):
        read_parameters({name: "x"})


def test_parameters_that_are_no_mapping() -> None:
    with pytest.raises(UsageError, match="params must be a mapping"):
        read_parameters(["x"])  # type: ignore[arg-type]


def test_parameter_that_is_not_json() -> None:
    with pytest.raises(UsageError, match="The parameter x cannot be sent as JSON"):
        read_parameters({"x": object()})


@pytest.mark.parametrize(
    ("parameters", "accept"),
    [({}, "text/event-stream"), ({"stream": False}, "application/json")],
)
def test_request(parameters: dict[str, Any], accept: str) -> None:
    script = Script(opened_site(Session("n1", "s1")), HELLO_RESPONSE)
    script.chat(new_turn(parameters=parameters))
    (request,) = script.requests
    assert script.sent == [SUBMIT]
    assert request.headers == {
        "Accept": accept,
        "Content-Type": "application/json",
        "X-WP-Nonce": "n1",
    }
    assert json_of(request)["session"] == "s1"
    assert (request.stream, request.repeatable) == (True, False)
    assert "n1" not in repr(request)
    assert "Hello" not in repr(request)


def test_session_without_an_id() -> None:
    assert body_of(new_turn())["session"] == "N/A"


@pytest.mark.parametrize(
    ("ids", "fields"),
    [((), {}), (("a",), {"newFileId": "a"}), (("a", "b"), {"newFileIds": ["a", "b"]})],
)
def test_file_fields(ids: tuple[str, ...], fields: dict[str, Any]) -> None:
    body = body_of(new_turn(attachments=attached(*ids)), site_with_page(maxUploads=2))
    assert {name: body[name] for name in body if name.startswith(("newFile", "newImage"))} == fields


@pytest.mark.parametrize("era", [Era.NO_NONCE, Era.PAGE_NONCE])
def test_file_fields_of_old_plugins(era: Era) -> None:
    site = opened_site()
    site.era = era
    body = body_of(new_turn(attachments=attached("a")), site)
    assert (body["newFileId"], body["newImageId"]) == ("a", "a")
    for page in (None, site_with_page(maxUploads=3).page):
        site.page = page
        script = Script(site)
        with pytest.raises(UsageError, match="accepts one file per message"):
            script.chat(new_turn(attachments=attached("a", "b")))
        assert script.sent == []


SEVERAL = [Attachment(source=Source(), boundary="b"), *attached("f1")]


def test_page_is_read_before_several_files_are_sent() -> None:
    page, uploaded = recorded("3.6.2/chunked/page-chat"), answer(success=True, data={"id": "f0"})
    script = Script(opened_site(), page, uploaded, HELLO_RESPONSE)
    script.site.root = ROOT
    turn = new_turn(attachments=[Attachment(source=Source(), boundary="b"), *attached("f1")])
    script.chat(turn)
    assert script.sent == ["GET http://a.b/", f"POST {ROOT}mwai-ui/v1/files/upload", SUBMIT]
    assert json_of(script.requests[-1])["newFileIds"] == ["f0", "f1"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (recorded("2.6.5/close-delimited/page"), "accepts one file per message"),
        (PLAIN_PAGE, "does not show this chatbot"),
        (HTML_PAGE, "Pass the URL of the page"),
        (Response(404, {}, HTML_PAGE.body), "Pass the URL of the page"),
        (Response(403, {}, HTML_PAGE.body), "Pass the URL of the page"),
    ],
    ids=["one file", "another chatbot", "no chatbot", "no page", "blocked"],
)
def test_nothing_is_uploaded_if_files_would_be_lost(page: Response, text: str) -> None:
    bot = Bot("another") if page is PLAIN_PAGE else Bot()
    script = Script(opened_site(), page)
    with pytest.raises(UsageError, match=text):
        script.chat(new_turn(bot=bot, attachments=SEVERAL))
    assert script.sent == ["GET http://a.b/"]


def test_page_that_is_unavailable_for_now() -> None:
    script = Script(opened_site(), Response(503, {"retry-after": "1"}, HTML_PAGE.body))
    with pytest.raises(Blocked) as caught:
        script.chat(new_turn(attachments=SEVERAL))
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("params", "turn", "text"),
    [
        ({"imageUpload": False}, new_turn(attachments=attached("a")), "does not accept files"),
        (
            {"maxUploads": 1},
            new_turn(attachments=attached("a", "b")),
            "2 files are too many; the chatbot accepts 1",
        ),
    ],
)
def test_turn_is_checked_against_the_page(params: dict[str, Any], turn: Turn, text: str) -> None:
    site = site_with_page(**params)
    script = Script(site)
    with pytest.raises(UsageError, match=text):
        script.chat(turn)
    assert script.sent == []


def test_message_over_the_limit_of_the_page_is_not_sent() -> None:
    script = Script(site_with_page(textInputMaxLength=11))
    with pytest.raises(PromptTooLong, match="has 12 characters; the site accepts 11") as caught:
        script.chat(new_turn("Hello there!"))
    assert (caught.value.length, caught.value.limit) == (12, 11)
    assert script.sent == []


@pytest.mark.parametrize(
    ("site", "turn"),
    [
        (
            site_with_page(textInputMaxLength=11, fileUpload=True, maxUploads=1),
            new_turn("Hello there", attachments=attached("a")),
        ),
        (site_with_page(maxUploads=2), new_turn("x" * 600, attachments=attached("a", "b"))),
        (site_with_page(textInputMaxLength=11), new_turn("x" * 600, bot=Bot("another"))),
        (opened_site(), new_turn("x" * 600, attachments=attached("a"))),
    ],
)
def test_turn_within_the_limits_of_the_page(site: Site, turn: Turn) -> None:
    assert body_of(turn, site)["newMessage"] == turn.prompt.new_message


@pytest.mark.parametrize(
    ("prompt", "greet", "sentence", "history"),
    [
        ("Hi", True, "Hello!", [("assistant", "Hello!")]),
        ("Hi", False, "Hello!", []),
        ("Hi", True, "", []),
        ([Message("user", "a"), Message("user", "b")], True, "Hello!", [("user", "a")]),
    ],
)
def test_start_sentence(prompt: Any, greet: bool, sentence: str, history: list[Any]) -> None:
    script = Script(site_with_page(startSentence=sentence), HELLO_RESPONSE)
    reader, _ = script.chat(new_turn(prompt, greet=greet))
    sent = json_of(script.requests[-1])["messages"]
    assert [(item["role"], item["content"]) for item in sent] == history
    assert reader.history == tuple(Message(*item) for item in history)


def test_site_without_a_page_has_no_start_sentence() -> None:
    assert body_of(new_turn(greet=True))["messages"] == []


def test_first_turn_opens_a_session() -> None:
    script = Script(new_site(), OPENED, HELLO_RESPONSE)
    reader, _ = script.chat()
    assert reader.result().text == HELLO
    assert script.sent == [START_SESSION, SUBMIT]
    assert script.requests[-1].headers["X-WP-Nonce"] == "bcc9464d05"


def test_site_without_nonces_is_sent_none() -> None:
    script = Script(new_site(), NO_ROUTE, OLD_PAGE, OLD_HELLO)
    reader, _ = script.chat()
    assert reader.result().text == HELLO
    assert "X-WP-Nonce" not in script.requests[-1].headers


@pytest.mark.parametrize("refusal", [BAD_NONCE, NO_NONCE, REFUSED_PASSWORD])
def test_refused_nonce_is_renewed_once(refusal: Response) -> None:
    script = Script(opened_site(), refusal, OPENED, HELLO_RESPONSE)
    reader, _ = script.chat()
    assert reader.result().text == HELLO
    assert script.sent == [SUBMIT, START_SESSION, SUBMIT]
    first, _, second = script.requests
    assert (first.headers["X-WP-Nonce"], second.headers["X-WP-Nonce"]) == ("n1", "bcc9464d05")
    script = Script(opened_site(), refusal, OPENED, refusal)
    with pytest.raises(NonceRejected):
        script.chat()


def test_site_without_the_plugin() -> None:
    script = Script(new_site(), NO_ROUTE, HTML_PAGE, NO_ROUTE)
    with pytest.raises(RouteNotFound):
        script.chat()
