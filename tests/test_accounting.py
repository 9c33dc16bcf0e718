"""Each fault at each phase: what is raised, what text had arrived, how often the prompt was sent.

The table of `docs/faults.rst` is the table of these tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from chatgpt4online import ChatError, Limits, RetryPolicy, Timeout

from .drivers import Driver
from .faults import (
    ANSWERS,
    BREAKS,
    LINE,
    ONCE,
    PAGE,
    PHASES,
    PROMPT_ONLY,
    SILENCE,
    TOTAL,
    FaultySite,
    nowhere,
)  # fmt: skip

DOCUMENT = Path(__file__).parent.parent / "docs" / "faults.rst"
CLIENT: dict[str, Any] = {
    "retry": RetryPolicy(backoff=0),
    "limits": Limits(line=LINE, reply=4 * LINE, page=PAGE),
}
REPLY = "(the reply)"
ENDLESS = "(no end)"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    where: str
    fault: str
    raised: str
    text: str
    prompts: int

    def __str__(self) -> str:
        return f"{self.where}: {self.fault}"


def times(where: str, fault: str) -> Timeout:
    """Short times only where they are waited for in full."""
    if fault == "trickles on":
        return Timeout(total=TOTAL)
    if fault == "garbage":
        return Timeout(idle=SILENCE)
    if not fault.startswith("silence"):
        return Timeout()
    return Timeout(connect=SILENCE) if where == "connect" else Timeout(idle=SILENCE)


def ask(driver: Driver, site: str, timeout: Timeout, faulty: FaultySite) -> tuple[str, str]:
    """Ask a prompt; return what was raised, and the text that had arrived."""
    pieces: list[str] = []
    with driver.client(site, timeout=timeout, **CLIENT) as client:
        try:
            with client.stream("Hi") as stream:
                if not faulty.text:
                    faulty.seen.set()
                for piece in stream:
                    pieces.append(piece)
                    if "".join(pieces) == faulty.text:
                        faulty.seen.set()
                assert stream.reply.text == "Hello"
            raised = REPLY
        except ChatError as error:
            raised = type(error).__name__
            assert getattr(error, "partial_text", "") == "".join(pieces)
        if faulty.where != "connect":
            faulty.mended = True
            assert client.generate("Hi again").text == "Hello"
    return raised, "".join(pieces)


def run(driver: Driver, where: str, fault: str) -> Row:
    timeout, faulty = times(where, fault), FaultySite(where, fault)
    if where == "connect":
        with nowhere(fault) as site:
            return Row(where, fault, *ask(driver, site, timeout, faulty), 0)
    with faulty.serve() as server:
        raised, text = ask(driver, server.url, timeout, faulty)
        prompts = [prompt for prompt in server.prompts if prompt.json["newMessage"] == "Hi"]
    return Row(where, fault, raised, text, len(prompts))


def documented() -> list[Row]:
    """The rows of all tables in the document."""
    rows, widths = [], None
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"=+(  =+){4}", line):
            starts = [match.start() for match in re.finditer(r"=+", line)]
            widths = list(zip(starts, [*starts[1:], None], strict=True))
        elif widths and line:
            where, fault, raised, text, prompts = (line[a:b].strip() for a, b in widths)
            if prompts.isdigit():
                rows.append(Row(where, fault, raised, text.strip("-"), int(prompts)))
        else:
            widths = None
    return rows


ROWS = documented()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_a_fault_comes_to(row: Row, driver: Driver) -> None:
    sync, _, other = row.raised.partition(" / ")
    expected = other if other and driver.name == "async" else sync
    if expected == ENDLESS:
        pytest.skip("the client waits for as long as the site goes on")
    assert run(driver, row.where, row.fault) == replace(row, raised=expected)


def test_every_fault_is_in_the_table() -> None:
    done = {(row.where, row.fault) for row in ROWS}
    wanted = {(where, fault) for where in PHASES for fault in BREAKS}
    wanted |= {("session answer", fault) for fault in ANSWERS}
    wanted |= {("prompt answer", fault) for fault in (*ANSWERS, *PROMPT_ONLY)}
    assert not wanted - done
    assert len(ROWS) == len(done)


def test_a_prompt_is_sent_again_only_where_it_cannot_have_run() -> None:
    """Each row with more than one prompt is named here, with the reason."""
    again = {row.fault.removesuffix(ONCE) for row in ROWS if row.prompts > 1}
    assert again == {
        "401, nonce refused",  # WordPress itself refuses, before any plugin
        "403, nonce refused",
        "429, Retry-After: 0",  # something before the plugin asks to come back
        "429, Retry-After: date",
        "503, Retry-After: 0",
        "503, Retry-After: date",
    }
