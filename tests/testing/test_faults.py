"""The faults of a script: what each leads to, as docs/testing.rst says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from chatgpt4online import Timeout
from chatgpt4online.errors import ChatError, UsageError
from chatgpt4online.testing import ScriptedSite
from chatgpt4online.testing.faults import Fault

from ..drivers import NO_BACKOFF, NO_RETRY, Driver
from ..faults import IDLE_TIMEOUT

PAGE = (Path(__file__).parents[2] / "docs" / "testing.rst").read_text(encoding="utf-8")
ROWS = re.findall(r"^``(\w+)``  +.+?  +(``.+?|\\-)  +(\w+)$", PAGE, re.MULTILINE)
TAKES = {fault: re.findall(r"\w+", takes) for fault, takes, _ in ROWS}
RAISED = {fault: raised for fault, _, raised in ROWS}
LONG_ENOUGH_FOR_TEXT = 1.0
"""Seconds in which a piece of text arrives, however busy the machine is."""
OPTIONS: dict[str, Any] = {"after": "Hel", "message": "m", "retry_after": 0, "tool": "mail"}
"""All options of faults, with a value for each."""
ALSO_ONE_ANSWER = [fault for fault in RAISED if fault not in ("refuse", "stall", "cut")]

ON_ANYTHING = ["refuse", "stall", "bot_wall", "429"]


def raised_by(
    fault: Any, site: ScriptedSite, driver: Driver, options: dict[str, Any], **call: Any
) -> ChatError:
    """Return what a client raises that does not try again, and then sees no fault."""
    site.fail(fault, **options)
    if fault == "stale_nonce":  # the client gets a new one in any case
        site.fail(fault)
    idle = LONG_ENOUGH_FOR_TEXT if options else IDLE_TIMEOUT
    timeout = {"timeout": Timeout(idle=idle)} if fault == "stall" else {}
    with driver.client(site.url, retry=NO_RETRY) as client:
        client.open_session()
        with pytest.raises(ChatError) as caught:
            client.generate("Hi", **timeout, **call)
        assert client.generate("Hello").text == "You said: Hello (1 word)"
    return caught.value


def test_the_table_has_all_faults() -> None:
    assert set(RAISED) == set(map(str, get_args(Fault)))


@pytest.mark.parametrize("fault", RAISED)
def test_a_fault(fault: str, ai_engine_site: ScriptedSite, driver: Driver) -> None:
    error = raised_by(fault, ai_engine_site, driver, {})
    assert type(error).__name__ == RAISED[fault]
    tries = 2 if fault == "stale_nonce" else 1
    assert ai_engine_site.prompts == ["Hi"] * tries + ["Hello"]


@pytest.mark.parametrize("fault", ALSO_ONE_ANSWER)
def test_a_fault_in_one_json_answer(
    fault: str, ai_engine_site: ScriptedSite, driver: Driver
) -> None:
    error = raised_by(fault, ai_engine_site, driver, {}, stream=False)
    assert type(error).__name__ == RAISED[fault]


@pytest.mark.parametrize("fault", ["stall", "cut", "error"])
def test_a_fault_after_some_text(fault: str, ai_engine_site: ScriptedSite, driver: Driver) -> None:
    error: Any = raised_by(fault, ai_engine_site, driver, {"after": "Hel"})
    assert type(error).__name__ == ("ReplyError" if fault == "error" else "IncompleteReply")
    assert error.partial_text == "Hel"


@pytest.mark.parametrize(
    ("fault", "options", "attribute"),
    [
        ("error", {"message": "Out of order."}, "message"),
        ("429", {"retry_after": 7}, "retry_after"),
        ("approval", {"tool": "mail"}, "tool"),
    ],
)
def test_details(
    fault: str,
    options: dict[str, Any],
    attribute: str,
    ai_engine_site: ScriptedSite,
    driver: Driver,
) -> None:
    error = raised_by(fault, ai_engine_site, driver, options)
    assert [getattr(error, attribute)] == list(options.values())


def test_tries_take_faults(ai_engine_site: ScriptedSite, driver: Driver) -> None:
    ai_engine_site.fail("stale_nonce")
    ai_engine_site.fail(429, retry_after=0)
    ai_engine_site.reply("Hello")
    with driver.client(ai_engine_site.url, retry=NO_BACKOFF) as client:
        assert client.generate("Hi").text == "Hello"
    assert ai_engine_site.prompts == ["Hi"] * 3


@pytest.mark.parametrize("target", ["session", "upload"])
@pytest.mark.parametrize("fault", ON_ANYTHING)
def test_a_fault_before_the_prompt(
    fault: Any, target: Any, ai_engine_site: ScriptedSite, driver: Driver
) -> None:
    ai_engine_site.reply("Hello")
    ai_engine_site.fail(fault, on=target)
    timeout = {"timeout": Timeout(idle=IDLE_TIMEOUT)} if fault == "stall" else {}
    with driver.client(ai_engine_site.url, retry=NO_RETRY) as client:
        if target == "upload":
            client.open_session()
        with pytest.raises(ChatError) as caught:
            client.generate("Hi", files=[b"x" * 300_000], **timeout)
        assert type(caught.value).__name__ == RAISED[fault]
        assert ai_engine_site.prompts == []
        assert client.generate("Hi", files=[b"some bytes"]).text == "Hello"


@pytest.mark.parametrize("target", ["session", "upload"])
def test_a_fault_of_prompts_only(target: Any) -> None:
    site = ScriptedSite()
    for fault in RAISED.keys() - ON_ANYTHING:
        with pytest.raises(UsageError, match="the faults are refuse, stall, bot_wall, 429"):
            site.fail(fault, on=target)
    with pytest.raises(UsageError, match="without after"):
        site.fail("stall", on=target, after="Hel")
    site.fail("refuse", on=target)
    with pytest.raises(AssertionError, match=rf"fail\('refuse', on='{target}'\)"):
        site.verify()


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("fault", RAISED)
def test_an_option_that_a_fault_does_not_take(fault: Any, option: str) -> None:
    site = ScriptedSite()
    given = {option: OPTIONS[option]}
    if option in TAKES[fault]:
        site.fail(fault, **given)
        return
    with pytest.raises(UsageError, match=f"The fault '{fault}' does not take {option}"):
        site.fail(fault, **given)
    site.verify()


@pytest.mark.parametrize("fault", ["slow", 500, None])
def test_an_unknown_fault(fault: Any) -> None:
    with pytest.raises(UsageError, match=r"There is no fault .+; the faults are refuse, stall"):
        ScriptedSite().fail(fault)
