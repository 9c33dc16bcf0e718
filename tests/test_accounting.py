"""Each fault in each phase: the error, the partial text, and how often the prompt was sent.

The expected results are read from the tables in `docs/faults.rst`.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import ChatError, Limits, Timeout

from .drivers import NO_BACKOFF, Driver
from .faults import (
    CONNECTION_FAULTS,
    IDLE_TIMEOUT,
    LINE_LIMIT,
    ONCE,
    PAGE_LIMIT,
    PHASES,
    REPLY_FAULTS,
    RESPONSE_FAULTS,
    TOTAL_TIMEOUT,
    FaultySite,
    unreachable_site,
)

DOCUMENT = Path(__file__).parent.parent / "docs" / "faults.rst"
OPTIONS: dict[str, Any] = {
    "retry": NO_BACKOFF,
    "limits": Limits(line=LINE_LIMIT, reply=4 * LINE_LIMIT, page=PAGE_LIMIT),
}
REPLY = "(the reply)"
ENDLESS = "(no end)"


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    phase: str
    fault: str
    raised: str
    text: str
    prompts: int

    def __str__(self) -> str:
        return f"{self.phase}: {self.fault}"


def timeout_for(phase: str, fault: str) -> Timeout:
    """Return a short timeout if the fault makes the client wait for it."""
    if fault == "endless trickle":
        return Timeout(total=TOTAL_TIMEOUT)
    if fault == "garbage":
        return Timeout(idle=IDLE_TIMEOUT)
    if not fault.startswith("silence"):
        return Timeout()
    return Timeout(connect=IDLE_TIMEOUT) if phase == "connect" else Timeout(idle=IDLE_TIMEOUT)


@contextlib.contextmanager
def watch(site: FaultySite) -> Iterator[None]:
    """Tell the site that its head was received, if that is all before the fault."""

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not site.text and "chats/submit: HTTP 200" in record.getMessage():
                site.received.set()

    logger, handler = logging.getLogger("chatgpt4online"), Watch()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


def send_prompt(driver: Driver, url: str, timeout: Timeout, site: FaultySite) -> tuple[str, str]:
    """Send a prompt. Return the name of the error, and the text received before it."""
    pieces: list[str] = []
    with watch(site), driver.client(url, timeout=timeout, **OPTIONS) as client:
        try:
            with client.stream("Hi") as stream:
                for piece in stream:
                    pieces.append(piece)
                    if "".join(pieces) == site.text:
                        site.received.set()
                assert stream.reply.text == "Hello"
            raised = REPLY
        except ChatError as error:
            raised = type(error).__name__
            assert getattr(error, "partial_text", "") == "".join(pieces)
        if site.phase != "connect":
            site.fixed = True
            assert client.generate("Hi again").text == "Hello"
    return raised, "".join(pieces)


def run(driver: Driver, phase: str, fault: str) -> Row:
    timeout, site = timeout_for(phase, fault), FaultySite(phase, fault)
    if phase == "connect":
        with unreachable_site(fault) as url:
            return Row(phase, fault, *send_prompt(driver, url, timeout, site), 0)
    with site.serve() as server:
        raised, text = send_prompt(driver, server.url, timeout, site)
        prompts = [prompt for prompt in server.prompts if prompt.json["newMessage"] == "Hi"]
    return Row(phase, fault, raised, text, len(prompts))


def documented_rows() -> list[Row]:
    """Return the rows of all tables in the document."""
    rows, widths = [], None
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"=+(  =+){4}", line):
            starts = [match.start() for match in re.finditer(r"=+", line)]
            widths = list(zip(starts, [*starts[1:], None], strict=True))
        elif widths and line:
            phase, fault, raised, text, prompts = (line[a:b].strip() for a, b in widths)
            if prompts.isdigit():
                rows.append(Row(phase, fault, raised, text.strip("\\-"), int(prompts)))
        else:
            widths = None
    return rows


ROWS = documented_rows()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_fault(row: Row, driver: Driver) -> None:
    sync, _, other = row.raised.partition(" / ")
    expected = other if other and driver.name == "async" else sync
    if expected == ENDLESS:
        pytest.skip("the client waits without end")
    assert run(driver, row.phase, row.fault) == replace(row, raised=expected)


def test_every_fault_is_documented() -> None:
    documented = {(row.phase, row.fault) for row in ROWS}
    expected = {(phase, fault) for phase in PHASES for fault in CONNECTION_FAULTS}
    expected |= {("session response", fault) for fault in RESPONSE_FAULTS}
    expected |= {("prompt response", fault) for fault in (*RESPONSE_FAULTS, *REPLY_FAULTS)}
    assert not expected - documented
    assert len(ROWS) == len(documented)


def test_prompt_is_sent_again_only_if_it_cannot_have_run() -> None:
    """Every row with more than one prompt is listed here, with the reason."""
    repeated = {row.fault.removesuffix(ONCE) for row in ROWS if row.prompts > 1}
    assert repeated == {
        "401, nonce rejected",  # WordPress rejects these before the plugin runs
        "403, nonce rejected",
        "429, Retry-After: 0",  # something in front of the plugin asks to retry
        "429, Retry-After: date",
        "503, Retry-After: 0",
        "503, Retry-After: date",
    }
