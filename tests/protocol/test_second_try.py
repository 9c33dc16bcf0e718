"""What happens after a refusal: the turn is sent once more, or the error says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chatgpt4online.errors import PromptTooLong, ReplyError
from chatgpt4online.protocol.chat import second_try
from chatgpt4online.protocol.http import Response

from .flows import HTML_PAGE, Script, new_turn, opened_site, recorded

FORGOTTEN = recorded("3.6.2/close-delimited/stream-expired-response-id")
REJECTED = recorded("2.6.5/close-delimited/stream-too-long")
NO_REASON = recorded("3.8.1-hybrid/close-delimited/stream-too-long")
BANNED = recorded("3.6.2/close-delimited/stream-banned")
OVER_LIMIT = recorded("3.8.1-hybrid/close-delimited/stream-limit")
PAGE = recorded("3.8.1-hybrid/close-delimited/page")


def refusal_of(response: Response) -> ReplyError:
    """Return the error that a response means."""
    with pytest.raises(ReplyError) as caught:
        Script(opened_site(), response).chat()[0].result()
    return caught.value


def test_forgotten_response_id_is_left_out() -> None:
    turn = new_turn(parameters={"previousResponseId": "resp_1", "model": "m"})
    script = Script(opened_site())
    second = script.run(second_try(script.site, turn, "Hi", refusal_of(FORGOTTEN), "new"))
    assert second == replace(turn, chat_id="new", parameters={"model": "m"})


def test_an_id_that_the_site_kept_is_left_behind() -> None:
    turn, script = replace(new_turn(), continued=True), Script(opened_site())
    second = script.run(second_try(script.site, turn, "Hi", refusal_of(FORGOTTEN), "new"))
    assert second == replace(turn, chat_id="new", continued=False)


@pytest.mark.parametrize(
    ("parameters", "refusal"),
    [({}, FORGOTTEN), ({"previousResponseId": "resp_1"}, BANNED)],
    ids=["no id", "another error"],
)
def test_other_refusals_are_final(parameters: dict[str, Any], refusal: Response) -> None:
    script, error = Script(opened_site()), refusal_of(refusal)
    with pytest.raises(ReplyError) as caught:
        script.run(second_try(script.site, new_turn(parameters=parameters), "Hi", error, "new"))
    assert caught.value is error


@pytest.mark.parametrize("refusal", [REJECTED, NO_REASON])
def test_page_tells_why_a_long_message_was_refused(refusal: Response) -> None:
    script, error = Script(opened_site(), PAGE), refusal_of(refusal)
    for _ in range(2):
        with pytest.raises(PromptTooLong, match=r"has 513 characters; .* accepts 512") as caught:
            script.run(second_try(script.site, new_turn(), "x" * 513, error, "new"))
        assert (caught.value.length, caught.value.limit) == (513, 512)
        assert caught.value.message == error.message
        assert caught.value.__cause__ is error
    assert script.sent == ["GET http://a.b/"]


HIGHER_LIMIT = replace(PAGE, body=PAGE.body.replace(b"Length&quot;:512", b"Length&quot;:900"))


@pytest.mark.parametrize(
    ("refusal", "length", "pages", "hinted"),
    [
        (REJECTED, 512, [], False),
        (OVER_LIMIT, 513, [], False),
        (BANNED, 513, [HIGHER_LIMIT], False),
        (NO_REASON, 513, [HIGHER_LIMIT], False),
        (NO_REASON, 513, [HTML_PAGE], False),
        (REJECTED, 513, [HTML_PAGE], True),
        (REJECTED, 513, [Response(403, {}, HTML_PAGE.body)], True),
    ],
)
def test_length_of_a_message_is_not_blamed_without_knowing(
    refusal: Response, length: int, pages: list[Response], hinted: bool
) -> None:
    script, error = Script(opened_site(), *pages), refusal_of(refusal)
    with pytest.raises(ReplyError) as caught:
        script.run(second_try(script.site, new_turn(), "x" * length, error, "new"))
    assert caught.value is error
    hint = "The message has 513 characters; most sites accept 512."
    assert (hint in str(error)) is hinted
