"""The table of steps."""

from __future__ import annotations

from chatgpt4online.protocol.steps import NEXT_STEP, Outcome, Step


def reachable(start: Step) -> set[Step]:
    found = {start}
    while True:
        more = {after for (before, _), after in NEXT_STEP.items() if before in found} - found
        if not more:
            return found
        found |= more


def test_every_opening_can_end_open() -> None:
    for step in (Step.SESSION, Step.PAGE, Step.NONCE_PAGE, Step.LAST_SESSION):
        assert Step.OPEN in reachable(step)
        assert Step.CALL not in reachable(step)


def test_a_call_is_sent_twice_at_most() -> None:
    assert reachable(Step.CALL) == {Step.CALL, Step.RENEW, Step.SECOND_CALL, Step.ANSWER}
    assert (Step.SECOND_CALL, Outcome.REFUSED) not in NEXT_STEP
    assert not {step for step, _ in NEXT_STEP} & {Step.ANSWER, Step.OPEN}


def test_every_step_and_outcome_is_used() -> None:
    used = {step for pair in NEXT_STEP.items() for step in (pair[0][0], pair[1])}
    assert used == set(Step)
    assert {outcome for _, outcome in NEXT_STEP} == set(Outcome)
